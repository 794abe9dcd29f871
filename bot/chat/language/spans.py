"""Read how long something lasts from the end of what a person says: 2h, 今天, 到 9:00, 下次. Pure."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MORNING = timedelta(hours=9)  # of a day that is named without a time
NOON, MIDNIGHT = 12, 24  # hours; midnight is the end of a day
MAX_SPAN = timedelta(days=3650)  # longer ones are cut, so that times stay within the calendar

_DIGITS = {"半": 0.5, "两": 2, "俩": 2, **{word: n for n, word in enumerate("一二三四五六七八九十", 1)}}
_WEEKDAYS = {word: n for n, word in enumerate("一二三四五六日")} | {"天": 6}
_ENGLISH_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAYS = {"今天": 0, "today": 0, "今晚": 0, "tonight": 0, "明天": 1, "tomorrow": 1, "明早": 1, "后天": 2}
_PAST_DAYS = {"昨天": -1, "昨日": -1, "昨晚": -1, "yesterday": -1, "前天": -2}
_ALL_DAYS = _DAYS | _PAST_DAYS
_UNITS = {
    timedelta(minutes=1): ("分钟", "分", "minutes", "minute", "mins", "min", "m"),
    timedelta(hours=1): ("个小时", "小时", "个钟头", "钟头", "hours", "hour", "hrs", "hr", "h"),
    timedelta(days=1): ("天", "days", "day", "d"),
    timedelta(weeks=1): ("个星期", "星期", "周", "weeks", "week", "w"),
}
_SPANS = {word: span for span, words in _UNITS.items() for word in words}

_AMOUNT = re.compile(
    rf"(?<![a-z0-9.])(?:for )?(\d{{1,6}}(?:\.\d{{1,3}})?|[{''.join(_DIGITS)}]|(?:half )?an?) ?"
    rf"({'|'.join(sorted(_SPANS, key=len, reverse=True))})$"
)
_NEXT = re.compile(r"(?:下一?次|the next run|next run|(?<![a-z])next(?: time)?)$")
_TODAY = re.compile(r"(?:今天|(?<![a-z])(?:for )?today)$")
_TONIGHT = re.compile(r"(?:今晚|(?<![a-z])(?:for )?tonight)$")
_UNTIL = re.compile(
    r"(?:直到|到|至|(?<![a-z])(?:until|till)(?![a-z])) ?"
    r"(?:(?P<year>\d{4})[-/年])?(?:(?P<month>\d{1,2})[-/月](?P<day>\d{1,2})[日号]?)? ?"
    rf"(?P<word>{'|'.join(_ALL_DAYS)})? ?"
    r"(?:(?P<week>下|上)?(?:周|星期)(?P<weekday>[一二三四五六日天]))?"
    rf"(?:(?P<last>last )?(?P<english>{'|'.join(_ENGLISH_WEEKDAYS)})[a-z]*)? ?"
    r"(?:at )?(?P<part>早上|上午|中午|下午|晚上)? ?"
    r"(?:(?P<hour>\d{1,2}) ?(?:(?P<mark>[:点]) ?(?P<minute>\d{2})?(?P<half>半)?(?:分)?)?"
    r" ?(?P<meridiem>am|pm)?)?$"
)


@dataclass(frozen=True, kw_only=True)
class Span:
    """A span from now on. `until` is None for the next run only."""

    until: datetime | None = None


def split_span(text: str, now: datetime, zone: ZoneInfo) -> tuple[str, Span | None]:
    """Return what stands before a span, and the span at the end of a text, or None if there is none.

    - `30m`, `2h`, `3 days`, `半小时`, `两天`: from now on.
    - `今天`, `today`: until the end of the day.
    - `到 9:00`, `until tomorrow 9:00`, `到周一`, `到 11-30 18:00`: the next such time. A day without a time
      ends at 9:00.
    - `今晚`, `tonight`: until 9:00 of the next day.
    - `下次`, `next`: the next run.

    A day that is over, such as `until yesterday`, gives a span that ends in the past.
    """
    said = unicodedata.normalize("NFKC", text).strip().rstrip("。.!！,，")
    folded = said.lower() if len(said.lower()) == len(said) else said
    readers: Sequence[Callable[[str, datetime, ZoneInfo], tuple[int, Span] | None]]
    readers = (_read_next, _read_until, _read_today, _read_tonight, _read_amount)
    for read in readers:
        found = read(folded, now, zone)
        if found:
            return said[: found[0]].rstrip(" ,，"), found[1]
    return said, None


def is_span(text: str) -> bool:
    """Return whether a text is a span and nothing else, at any time."""
    name, span = split_span(text, datetime(2000, 1, 3, tzinfo=UTC), ZoneInfo("UTC"))
    return span is not None and not name


def last_span(text: str) -> str:
    """Return the span that a text ends on, as it was said, or "" if there is none."""
    before, span = split_span(text, datetime(2000, 1, 3, tzinfo=UTC), ZoneInfo("UTC"))
    return text[len(before) :].strip() if span else ""


def next_morning(now: datetime, zone: ZoneInfo) -> datetime:
    """Return nine o'clock of the next day."""
    return _at(now.astimezone(zone).date() + timedelta(days=1), MORNING, zone)


def _read_next(text: str, now: datetime, zone: ZoneInfo) -> tuple[int, Span] | None:
    found = _NEXT.search(text)
    return (found.start(), Span()) if found else None


def _read_today(text: str, now: datetime, zone: ZoneInfo) -> tuple[int, Span] | None:
    found = _TODAY.search(text)
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return (found.start(), Span(until=_at(tomorrow, timedelta(), zone))) if found else None


def _read_tonight(text: str, now: datetime, zone: ZoneInfo) -> tuple[int, Span] | None:
    found = _TONIGHT.search(text)
    return (found.start(), Span(until=next_morning(now, zone))) if found else None


def _read_amount(text: str, now: datetime, zone: ZoneInfo) -> tuple[int, Span] | None:
    found = _AMOUNT.search(text)
    if not found:
        return None
    amount, unit = found.groups()
    if amount[-1] in "an":
        number = 0.5 if amount.startswith("half") else 1.0
    else:
        number = _DIGITS.get(amount) or float(amount)
    return found.start(), Span(until=now.astimezone(UTC) + min(number * _SPANS[unit], MAX_SPAN))


def _read_until(text: str, now: datetime, zone: ZoneInfo) -> tuple[int, Span] | None:
    """Read a day, a time, or both. A text that names neither, or no real one, is no span."""
    for found in _UNTIL.finditer(text):
        if not any(found.groups()) or _is_part_of_a_name(found):
            continue
        with suppress(ValueError, OverflowError):
            return found.start(), Span(until=_time_of(found, now, zone))
    return None


def _is_part_of_a_name(found: re.Match[str]) -> bool:
    """Return whether a number alone follows a word in Chinese, such as 签到9."""
    others = (found[name] for name in ("mark", "part", "meridiem", "month", "word", "weekday", "english"))
    return bool(found.start()) and not found.string[found.start() - 1].isspace() and not any(others)


def _time_of(found: re.Match[str], now: datetime, zone: ZoneInfo) -> datetime:
    """Return the next time that the words mean. Raises `ValueError` for a day or a time that is not real."""
    today, said = now.astimezone(zone).date(), _clock_of(found)
    day, clock = _day_of(found, today), MORNING if said is None else said
    end = _at(day or today, clock, zone)
    if end > now:
        return end
    if day is None:
        return _at(today + timedelta(days=1), clock, zone)
    if found["word"] and said is None and day >= today:
        return _at(today + timedelta(days=1), timedelta(), zone)
    return _later(found, day, clock, zone) or end


def _later(found: re.Match[str], day: date, clock: timedelta, zone: ZoneInfo) -> datetime | None:
    """Return the same day of the next week or year, if the words can mean that."""
    if found["last"] or found["week"] == "上":
        return None
    if found["weekday"] or found["english"]:
        return _at(day + timedelta(days=7), clock, zone)
    return _at(day.replace(year=day.year + 1), clock, zone) if found["month"] and not found["year"] else None


def _day_of(found: re.Match[str], today: date) -> date | None:
    if found["month"]:
        return date(int(found["year"] or today.year), int(found["month"]), int(found["day"]))
    if found["word"]:
        return today + timedelta(days=_ALL_DAYS[found["word"]])
    if found["weekday"] or found["english"]:
        wanted = _WEEKDAYS[found["weekday"]] if found["weekday"] else _english_weekday(found["english"])
        monday = today - timedelta(days=today.weekday())
        if found["week"]:
            return monday + timedelta(days=(7 if found["week"] == "下" else -7) + wanted)
        if found["last"]:
            return today - timedelta(days=(today.weekday() - wanted - 1) % 7 + 1)
        return today + timedelta(days=(wanted - today.weekday()) % 7)
    return None


def _english_weekday(word: str) -> int:
    return _ENGLISH_WEEKDAYS.index(word)


def _clock_of(found: re.Match[str]) -> timedelta | None:
    """Return what has passed of the day at the time that is named, or None if there is none.

    At 24:00, and at 12 in the evening, the day is over. Raises `ValueError` for a time that is not real.
    """
    if not found["hour"]:
        return timedelta(hours=NOON) if found["part"] == "中午" else None
    hour, minute = int(found["hour"]), 30 if found["half"] else int(found["minute"] or 0)
    time(0 if hour == MIDNIGHT else hour, minute)  # raises if it is not real
    evening = found["part"] == "晚上" or found["word"] in {"今晚", "tonight"}
    past_noon = found["part"] == "中午" and timedelta(hours=hour) < MORNING
    afternoon = evening or past_noon or found["part"] == "下午" or found["meridiem"] == "pm"
    if found["meridiem"] == "am":
        hour = (0 if hour == NOON else hour) + (MIDNIGHT if evening else 0)
    elif hour < NOON and afternoon:
        hour += NOON
    elif hour == NOON and evening and not found["meridiem"]:
        hour = MIDNIGHT
    return timedelta(hours=hour, minutes=minute)


def _at(day: date, clock: timedelta, zone: ZoneInfo) -> datetime:
    return (datetime.combine(day, time(), zone) + clock).astimezone(UTC)
