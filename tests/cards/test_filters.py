"""Test the formats of numbers and times."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import jinja2
import pytest

from cards.environment import TEMPLATES, read_yaml
from cards.filters import Filters
from tests.factories import NOW

zh = Filters(read_yaml(TEMPLATES / "zh-CN" / "words.yaml"), ZoneInfo("Asia/Shanghai"))
en = Filters(read_yaml(TEMPLATES / "en" / "words.yaml"), ZoneInfo("America/St_Johns"))


def test_times_are_told_in_the_zone_of_the_settings() -> None:
    assert (zh.moment(NOW), zh.dated(NOW)) == ("2026-11-24 11:00:00", "11-24 周二 11:00")
    assert (en.moment(NOW), en.dated(NOW)) == ("2026-11-23 23:30:00", "Mon, Nov 23, 23:30")
    assert zh.dated(NOW, seconds=True) == "2026-11-24 周二 11:00:00"
    assert en.dated(NOW, seconds=True) == "Mon, Nov 23, 2026, 23:30:00"


@pytest.mark.parametrize(
    ("hours", "chinese", "english"),
    [
        (0, "今天 11:00", "23:30 today"),
        (1, "今天 12:00", "00:30 tomorrow"),
        (-12, "昨天 23:00", "11:30 today"),
        (13, "明天 00:00", "12:30 tomorrow"),
        (-40, "11-22 周日 19:00", "07:30 yesterday"),
        (24 * 50, "2027-01-13 周三 11:00", "Tue, Jan 12, 2027, 23:30"),
    ],
)
def test_an_answer_tells_the_day_as_people_say_it(hours: int, chinese: str, english: str) -> None:
    at = NOW + timedelta(hours=hours)
    assert (spoken(zh, at), spoken(en, at)) == (chinese, english)


def test_without_a_present_there_is_no_day_word() -> None:
    assert spoken(zh, NOW, now=None) == zh.dated(NOW)


def spoken(filters: Filters, at: datetime, now: datetime | None = NOW) -> str:
    environment = jinja2.Environment()  # noqa: S701 - not HTML
    environment.filters.update(filters.table)
    return environment.from_string("{{ at | short }}").render(at=at, now=now)


def test_a_zone_is_told_by_its_offset() -> None:
    utc = Filters({}, ZoneInfo("UTC"))
    assert (zh.offset(NOW), en.offset(NOW), utc.offset(NOW)) == ("UTC+8", "UTC-3:30", "UTC")


def test_an_end_names_its_day_only_when_that_is_another() -> None:
    assert zh.until(NOW + timedelta(hours=1), NOW) == "12:00:00"
    assert zh.until(NOW + timedelta(days=1), NOW) == "11-25 11:00:00"


@pytest.mark.parametrize(
    ("seconds", "chinese", "english"),
    [
        (-5, "不到 1 秒", "less than 1 s"),
        (0.4, "不到 1 秒", "less than 1 s"),
        (59, "59 秒", "59 s"),
        (755, "12 分 35 秒", "12 min 35 s"),
        (3_600, "1 小时", "1 h"),
        (3_605, "1 小时", "1 h"),
        (273_600, "3 天 4 小时", "3 d 4 h"),
    ],
)
def test_a_duration_is_told_in_two_units(seconds: float, chinese: str, english: str) -> None:
    span = timedelta(seconds=seconds)
    assert (zh.duration(span), en.duration(span)) == (chinese, english)


@pytest.mark.parametrize(("count", "told"), [(999, "999 B"), (23_961, "23.4 KB"), (3_000_000, "2.9 MB")])
def test_a_size_is_told_in_its_unit(count: int, told: str) -> None:
    assert zh.size(count) == told


@pytest.mark.parametrize(
    ("line", "chinese", "english"),
    [
        ("*/10 * * * *", "每 10 分钟", "every 10 min"),
        ("5 * * * *", "每小时的第 05 分", "every hour at :05"),
        ("0  3 * * *", "每天 03:00", "daily 03:00"),
        ("30 9 * * 7", "每周日 09:30", "Sun 09:30"),
        ("0 2 15 * *", "每月 15 日 02:00", "day 15 of the month 02:00"),
        ("0 9-18/3 * * 1-5", "0 9-18/3 * * 1-5", "0 9-18/3 * * 1-5"),
    ],
)
def test_usual_cron_lines_become_sentences(line: str, chinese: str, english: str) -> None:
    assert (zh.cron(line), en.cron(line)) == (chinese, english)


def test_kinds_have_their_names_and_unknown_ones_stay_as_they_are() -> None:
    assert [zh.kind(name) for name in ("fileleak", "weak_password", "zzz")] == ["文件泄露", "弱口令", "zzz"]
    assert [en.kind(name) for name in ("fileleak", "service")] == ["File leaks", "Services"]


@pytest.mark.parametrize(
    ("words", "chinese", "english"),
    [
        (("重跑", "rerun"), "重跑 (rerun)", "rerun"),
        (("?", "help"), "help", "help"),
        (("重跑",), "重跑", "重跑"),
    ],
)
def test_a_command_is_shown_by_the_word_of_the_language(
    words: tuple[str, ...], chinese: str, english: str
) -> None:
    assert (zh.spoken(words), en.spoken(words)) == (chinese, english)
