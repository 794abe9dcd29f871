"""Format numbers and times in the language and the time zone of the settings. Pure.

A time in an answer has a day word (`short`: 今天 14:05). A card stays where it is, and 今天 would be wrong
tomorrow, so it shows the date (`dated`: 11-24 周二 14:05). What people compare or copy is exact (`moment`).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import jinja2

from cards.catalogue import display_name, explain
from cards.escaping import Markup, cut

_KB = 1024
_CRONS = {  # the usual forms, by the name of their sentence in words.yaml
    "minutely": re.compile(r"\*/(?P<step>\d{1,2}) \* \* \* \*"),
    "hourly": re.compile(r"(?P<minute>\d{1,2}) \* \* \* \*"),
    "daily": re.compile(r"(?P<minute>\d{1,2}) (?P<hour>\d{1,2}) \* \* \*"),
    "weekly": re.compile(r"(?P<minute>\d{1,2}) (?P<hour>\d{1,2}) \* \* (?P<weekday>[0-7])"),
    "monthly": re.compile(r"(?P<minute>\d{1,2}) (?P<hour>\d{1,2}) (?P<day>\d{1,2}) \* \*"),
}


class Filters:
    """The filters of the templates, as in `{{ run.start | moment }}`."""

    def __init__(self, words: Mapping[str, Any], zone: ZoneInfo) -> None:
        self._words = words
        self._zone = zone

    @property
    def table(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by the names that templates use."""
        own = (
            self.moment,
            self.dated,
            self.short,
            self.day,
            self.until,
            self.offset,
            self.duration,
            self.size,
            self.number,
        )
        names = (self.kind, self.reason, self.cron, self.spoken, cut)
        return {each.__name__: each for each in (*own, *names)}

    def moment(self, at: datetime) -> Markup:
        """Return a time such as 2026-11-24 03:00:05."""
        return Markup(f"{at.astimezone(self._zone):%Y-%m-%d %H:%M:%S}")

    def dated(self, at: datetime, *, seconds: bool = False) -> Markup:
        """Return a time for what people read later, with its date and weekday: 11-24 周二 03:00.

        With `seconds` it has its year too.
        """
        there = at.astimezone(self._zone)
        return self._time("year" if seconds else "other", there, "%H:%M:%S" if seconds else "%H:%M")

    @jinja2.pass_context
    def short(self, context: jinja2.runtime.Context, at: datetime) -> Markup:
        """Return a time for an answer in the chat, with the day as people say it: 今天 14:05.

        That is right when it is said, so the variable `now` of the template decides.
        """
        there, now = at.astimezone(self._zone), context.get("now")
        if now is None:
            return self.dated(at)
        here = now.astimezone(self._zone)
        days = (there.date() - here.date()).days
        near = {0: "today", 1: "tomorrow", -1: "yesterday"}.get(days)
        return self._time(near or ("other" if there.year == here.year else "year"), there, "%H:%M")

    def day(self, at: date) -> Markup:
        """Return a day with its weekday: 11-24 周二."""
        return self._time("day", datetime(at.year, at.month, at.day, tzinfo=self._zone), "")

    def _time(self, form: str, there: datetime, clock: str) -> Markup:
        words = self._words
        values = {
            "year": f"{there:%Y}",
            "month": words["months"][there.month - 1],
            "day": there.day,
            "weekday": words["weekdays"][there.isoweekday() % 7],
            "time": f"{there:{clock}}",
        }
        return Markup(words["times"][form].format(**values))

    def until(self, end: datetime, start: datetime) -> Markup:
        """Return the end of a span whose start is shown too, with its day if that differs."""
        there, here = end.astimezone(self._zone), start.astimezone(self._zone)
        return Markup(f"{there:%H:%M:%S}" if there.date() == here.date() else f"{there:%m-%d %H:%M:%S}")

    def offset(self, at: datetime) -> Markup:
        """Return the offset of the time zone, such as UTC+8, UTC-3:30 or UTC."""
        minutes = int((at.astimezone(self._zone).utcoffset() or timedelta()).total_seconds()) // 60
        hours, rest = divmod(abs(minutes), 60)
        shown = f"{hours}:{rest:02}" if rest else f"{hours}"
        return Markup(f"UTC{'-' if minutes < 0 else '+'}{shown}" if minutes else "UTC")

    def duration(self, span: timedelta) -> Markup:
        """Return the two largest units of a span, such as 3 d 4 h or 12 min 35 s."""
        units: Mapping[str, str] = self._words["units"]
        seconds = max(int(span.total_seconds()), 0)
        days, hours = divmod(seconds // 3600, 24)
        minutes = seconds % 3600 // 60
        parts = list(
            zip((days, hours, minutes, seconds % 60), ("day", "hour", "minute", "second"), strict=True)
        )
        first = next((place for place, (count, _) in enumerate(parts) if count), None)
        if first is None:
            return Markup(units["instant"])
        return Markup(" ".join(f"{count} {units[unit]}" for count, unit in parts[first : first + 2] if count))

    def size(self, count: int) -> Markup:
        """Return bytes in B, KB or MB (1024)."""
        if count < _KB:
            return Markup(f"{count} B")
        return Markup(f"{count / _KB:.1f} KB" if count < _KB * _KB else f"{count / _KB / _KB:.1f} MB")

    def number(self, count: int) -> Markup:
        """Return a number such as 12,345."""
        return Markup(f"{count:,}")

    def kind(self, name: str) -> str:
        """Return the name of an asset kind or a highlight in the language."""
        return cut(display_name(name, self._words["lang"]), 20)

    def reason(self, stored: str) -> str:
        """Return the text of a stored reason or error in the language, to be escaped."""
        return explain(stored, self._words["lang"])

    def cron(self, line: str) -> str:
        """Return the usual cron expressions as words, any other as it is, to be escaped."""
        plain = " ".join(line.split())
        for name, form in _CRONS.items():
            known = form.fullmatch(plain)
            if known:
                return Markup(self._sentence(name, known.groupdict()))
        return plain

    def spoken(self, words: Sequence[str]) -> str:
        """Return the words of a command as help shows them, the word of the language first."""
        english = _first(word for word in words if word.isascii() and word[:1].isalpha())
        chinese = _first(word for word in words if not word.isascii())
        shown = {"first": english or chinese, "second": ""}
        if self._words["chinese_first"]:
            shown = {"first": chinese or english, "second": english if chinese else ""}
        return f"{shown['first']} ({shown['second']})" if shown["second"] else shown["first"]

    def _sentence(self, name: str, fields: Mapping[str, str]) -> str:
        hour, minute = int(fields.get("hour", 0)), int(fields.get("minute", 0))
        weekday = self._words["weekdays"][int(fields.get("weekday", 0)) % 7]
        values = {**fields, "at": f"{hour:02}:{minute:02}", "minute": f"{minute:02}", "weekday": weekday}
        return str(self._words["cron"][name]).format(**values)


def _first(words: Iterable[str]) -> str:
    return next(iter(words), "")
