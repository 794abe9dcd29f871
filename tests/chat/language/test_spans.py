"""Test the grammar of spans."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.language.spans import next_morning, split_span

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 24, 10, 30, tzinfo=ZONE)  # a Tuesday


def until(text: str, now: datetime = NOW, zone: ZoneInfo = ZONE) -> str:
    """Return the end of a span as people read it."""
    _, span = split_span(text, now, zone)
    assert span is not None
    return f"{span.until.astimezone(zone):%m-%d %H:%M}" if span.until else "next run"


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("30m", "11-24 11:00"),
        ("2h", "11-24 12:30"),
        ("1.5h", "11-24 12:00"),
        ("2小时", "11-24 12:30"),
        ("2 个小时", "11-24 12:30"),
        ("半小时", "11-24 11:00"),
        ("半个小时", "11-24 11:00"),
        ("两小时", "11-24 12:30"),
        ("半天", "11-24 22:30"),
        ("3天", "11-27 10:30"),
        ("一周", "12-01 10:30"),
        ("15 分钟", "11-24 10:45"),
        ("for 2 hours", "11-24 12:30"),
        ("an hour", "11-24 11:30"),
        ("half an hour", "11-24 11:00"),
        ("a day", "11-25 10:30"),
        ("２ｈ", "11-24 12:30"),
        ("2H", "11-24 12:30"),
        ("今天", "11-25 00:00"),
        ("today", "11-25 00:00"),
        ("到 9:00", "11-25 09:00"),
        ("到 9", "11-25 09:00"),
        ("999999 周", "11-21 10:30"),
        ("到9点", "11-25 09:00"),
        ("到11：15", "11-24 11:15"),
        ("到 11点半", "11-24 11:30"),
        ("到下午3点", "11-24 15:00"),
        ("到晚上 10 点", "11-24 22:00"),
        ("到中午", "11-24 12:00"),
        ("到 明天 9:00", "11-25 09:00"),
        ("到明天", "11-25 09:00"),
        ("到后天 18:00", "11-26 18:00"),
        ("到今天", "11-25 00:00"),
        ("到周五", "11-27 09:00"),
        ("到周二 18:00", "11-24 18:00"),
        ("到周二", "12-01 09:00"),
        ("到下周一 8:00", "11-30 08:00"),
        ("到 11-30", "11-30 09:00"),
        ("到11月30日 18:00", "11-30 18:00"),
        ("到 2026-12-01 8:00", "12-01 08:00"),
        ("直到 24:00", "11-25 00:00"),
        ("到今天24:00", "11-25 00:00"),
        ("到明天24点", "11-26 00:00"),
        ("到 11-30 24:00", "12-01 00:00"),
        ("到晚上12点", "11-25 00:00"),
        ("到今晚12点", "11-25 00:00"),
        ("到明天晚上12点半", "11-26 00:30"),
        ("到中午1点", "11-24 13:00"),
        ("到中午11点半", "11-24 11:30"),
        ("到今晚 8 点", "11-24 20:00"),
        ("until tonight at 8", "11-24 20:00"),
        ("until tonight at 1am", "11-25 01:00"),
        ("到 0:00", "11-25 00:00"),
        ("until 9:00", "11-25 09:00"),
        ("until 3pm", "11-24 15:00"),
        ("until 12am", "11-25 00:00"),
        ("till tomorrow", "11-25 09:00"),
        ("until tomorrow at 8:15", "11-25 08:15"),
        ("until friday", "11-27 09:00"),
        ("今晚", "11-25 09:00"),
        ("tonight", "11-25 09:00"),
        ("到昨天", "11-23 09:00"),
        ("until yesterday", "11-23 09:00"),
        ("until yesterday 18:00", "11-23 18:00"),
        ("到上周五", "11-20 09:00"),
        ("until last friday", "11-20 09:00"),
        ("until last tuesday", "11-17 09:00"),
        ("下次", "next run"),
        ("下一次", "next run"),
        ("next", "next run"),
        ("the next run", "next run"),
    ],
)
def test_a_span_ends_when_people_expect_it(text: str, end: str) -> None:
    assert until(text) == end


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("每日巡检 2h", "每日巡检"),
        ("每日巡检2小时", "每日巡检"),
        ("每日巡检到明天9:00", "每日巡检"),
        ("每日巡检 到 9:00。", "每日巡检"),
        ("备份2 2h", "备份2"),
        ("daily scan until 9:00", "daily scan"),
        ("Daily Scan, next", "Daily Scan"),
        ("每日巡检 下次", "每日巡检"),
        ("2h", ""),
        ("签到系统 2h", "签到系统"),
        ("签到系统 到 9:00", "签到系统"),
    ],
)
def test_the_name_stands_before_the_span(text: str, name: str) -> None:
    assert split_span(text, NOW, ZONE)[0] == name
    assert split_span(text, NOW, ZONE)[1] is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "每日巡检",
        "签到",
        "备份2",
        "scan2h",
        "到",
        "到 25:00",
        "到晚上30点",
        "到 24:60",
        "到 13-40",
        "context",
        "to 9",
        "明天",
    ],
)
def test_other_words_are_no_span(text: str) -> None:
    assert split_span(text, NOW, ZONE)[1] is None


def test_a_date_that_is_past_means_next_year_unless_the_year_is_named() -> None:
    assert until("到 11-01") == "11-01 09:00"
    named = split_span("到 2026-11-01", NOW, ZONE)[1]
    assert named is not None
    assert named.until is not None
    assert named.until < NOW


def test_the_clock_of_the_zone_counts_over_a_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    eve = datetime(2026, 3, 28, 22, 0, tzinfo=berlin)
    assert until("到 9:00", eve, berlin) == "03-29 09:00"
    assert until("2h", datetime(2026, 3, 29, 1, 0, tzinfo=berlin), berlin) == "03-29 04:00"


def test_the_next_morning_is_nine_o_clock_tomorrow() -> None:
    assert next_morning(NOW, ZONE) == datetime(2026, 11, 25, 9, 0, tzinfo=ZONE)


@given(st.text(max_size=60))
def test_any_text_is_read_without_an_error(text: str) -> None:
    name, span = split_span(text, NOW, ZONE)
    assert len(name) <= 18 * len(text)  # NFKC makes at most 18 characters of one
    assert span is None or span.until is None or span.until.tzinfo is UTC


def test_a_long_text_is_read_quickly() -> None:
    started = datetime.now(UTC)
    split_span("到 9 " * 5_000, NOW, ZONE)
    split_span("9" * 20_000 + "h", NOW, ZONE)
    assert datetime.now(UTC) - started < timedelta(seconds=1)
