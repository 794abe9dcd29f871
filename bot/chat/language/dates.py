"""Read a day at a position of a folded text: 昨天, 11-28, 11月28日, 上周五, last friday, nov 28. Pure."""

import re
from datetime import date, timedelta

_YEAR_FIRST = re.compile(r"(\d{4})(?:[-/.]|年)(\d{1,2})(?:[-/.]|月)(\d{1,2})[日号]?")
_MONTH_FIRST = re.compile(r"(\d{1,2})(?:[-/]|月)(\d{1,2})[日号]?(?![\d/-])")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(\d{1,2})(?:st|[nr]d|th)?"
_YEAR = r"(?:,? ?(\d{4}))?(?:'s)?(?![a-z0-9])"
_MONTH_DAY = re.compile(rf"{_MONTH} ?{_DAY}{_YEAR}")
_DAY_MONTH = re.compile(rf"{_DAY} ?(?:of )?{_MONTH}{_YEAR}")
_RELATIVE = {
    "大前天": 3,
    "前天": 2,
    "昨天": 1,
    "昨日": 1,
    "昨晚": 1,
    "今天": 0,
    "今日": 0,
    "今早": 0,
    "the day before yesterday": 2,
    "yesterday's": 1,
    "yesterday": 1,
    "last night": 1,
    "today's": 0,
    "today": 0,
}
_HAN_WEEKDAY = re.compile(r"(上上|上|这|本)?个?(?:周|星期|礼拜)([一二三四五六日天])")
_WEEKDAY = re.compile(r"(last |this |on )?(mon|tues|wednes|thurs|fri|satur|sun)day(?:'s)?(?![a-z])")
_HAN_DAYS = "一二三四五六日"
_DAYS = ("mon", "tues", "wednes", "thurs", "fri", "satur", "sun")


def read_day(text: str, start: int, today: date) -> tuple[date, int] | None:
    """Return the day that is named at `start`, never later than today, and where its name ends."""
    for word, ago in _RELATIVE.items():
        if text.startswith(word, start):
            return today - timedelta(days=ago), start + len(word)
    return _calendar_day(text, start, today) or _weekday(text, start, today)


def _calendar_day(text: str, start: int, today: date) -> tuple[date, int] | None:
    full = _YEAR_FIRST.match(text, start)
    if full:
        day = _date(int(full[1]), int(full[2]), int(full[3]))
        return (day, full.end()) if day else None
    short = _MONTH_FIRST.match(text, start)
    if short:
        day = _latest(today, int(short[1]), int(short[2]))
        return (day, short.end()) if day else None
    return _english_day(text, start, today)


def _english_day(text: str, start: int, today: date) -> tuple[date, int] | None:
    """Return the day of an English month: Nov 28, November 28th, 28 Nov 2025."""
    first, second = _MONTH_DAY.match(text, start), _DAY_MONTH.match(text, start)
    if first:
        end, name, number, year = first.end(), first[1], first[2], first[3]
    elif second:
        end, name, number, year = second.end(), second[2], second[1], second[3]
    else:
        return None
    month = _MONTHS.index(name[:3]) + 1
    day = _date(int(year), month, int(number)) if year else _latest(today, month, int(number))
    return (day, end) if day else None


def _latest(today: date, month: int, day: int) -> date | None:
    """Return the latest such day that is not later than today."""
    this_year = _date(today.year, month, day)
    return this_year if this_year and this_year <= today else _date(today.year - 1, month, day)


def _weekday(text: str, start: int, today: date) -> tuple[date, int] | None:
    """Return the day of the week that was named; without `上` or `last` the latest one."""
    han, latin = _HAN_WEEKDAY.match(text, start), _WEEKDAY.match(text, start)
    match = han or latin
    if match is None:
        return None
    index = _HAN_DAYS.index(match[2].replace("天", "日")) if han else _DAYS.index(match[2])
    monday = today - timedelta(days=today.weekday())
    day = monday + timedelta(days=index)
    before = match[1] or ""
    if before.startswith("上"):
        day -= timedelta(weeks=len(before))
    elif day > today or (before == "last " and day == today):
        day -= timedelta(weeks=1)
    return day, match.end()


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
