"""Say what people were to see: from the calendar, from what they asked for, and from the calls that are left.

A muted run is told only where somebody asked for it. A mute of the next run is about the next scheduled one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from evidence.calls import API, SHARED_AT, Shares, relaxed
from evidence.history import Act, Calls, Expected, Muted, Wish, WishKind

GROUP = "group:cidSandboxGroupOps=="
TOLD: Sequence[tuple[str, Act]] = (
    (GROUP, Act.SUMMARY),
    (GROUP, Act.FILE),
    ("webhook:default", Act.SUMMARY),
    ("work:user01", Act.SUMMARY),
    ("work:user01", Act.FILE),
)
"""What people are told of a run, and where. They ask in the group, where they get answers and files."""
TO_MUTES = frozenset({WishKind.MUTE, WishKind.UNMUTE})
ACCEPTED, AGAIN, EXPIRED, GONE = "accepted", "asked before", "card expired", "report gone"
IS_MUTED, NOT_MUTED, NO_CALLS = "is muted", "is not muted", "no calls left"
REPORTS_KEPT = timedelta(days=30)
RUNS_KEPT = timedelta(days=180)
BUTTONS_WORK = timedelta(days=7)  # of those that start a run


@dataclass(frozen=True, kw_only=True)
class Due:
    """A run that the calendar starts."""

    run: str
    schedule: str
    at: datetime


class Mutes:
    """What is muted. It hears wishes in the order of time."""

    def __init__(self, calendar: Iterable[Due]) -> None:
        self._due = defaultdict[str, list[datetime]](list)
        for each in calendar:
            self._due[each.schedule].append(each.at)
        self._last: dict[str, Wish] = {}

    def hear(self, wish: Wish) -> str:
        """Change what is muted, and return the answer."""
        mute = self.find(wish.of, wish.at)
        if wish.wants is WishKind.UNMUTE:
            self._last.pop(wish.of, None)
            return ACCEPTED if mute else NOT_MUTED
        if wish.card and mute:
            return IS_MUTED
        self._last[wish.of] = wish
        return ACCEPTED

    def find(self, schedule: str, at: datetime) -> Wish | None:
        """Return the mute of a schedule that is in force. One of the next run is, until that run."""
        mute = self._last.get(schedule)
        if mute is None:
            return None
        if mute.until is None:
            return None if any(mute.at < due < at for due in self._due[schedule]) else mute
        return mute if at < mute.until else None


class Wishes:
    """Answers to what people ask for, and files. It hears wishes in the order of time."""

    def __init__(self, calendar: Sequence[Due], shares: Shares) -> None:
        self._shares = shares
        self.mutes = Mutes(calendar)
        self._ended: dict[str, datetime] = {each.run: each.at for each in calendar}
        self._tapped: set[tuple[str, str]] = set()  # cards whose file was asked for, and by whom

    def hear(self, wish: Wish) -> str:
        """Return the answer that a person gets, or "" if it may be any."""
        if wish.card and self.age(wish.card, wish.at) > RUNS_KEPT:
            return EXPIRED
        if wish.wants in TO_MUTES:
            return self.mutes.hear(wish)
        if wish.wants is WishKind.RUN:
            expired = wish.card and self.age(wish.card, wish.at) > BUTTONS_WORK
            self._ended |= {} if expired else {wish.id: wish.at}
            return EXPIRED if expired else ACCEPTED
        return self._answer_file(wish) if wish.wants is WishKind.FILE else ""

    def age(self, run: str, at: datetime) -> timedelta:
        """Return how long ago a run ended, but for what it took."""
        return at - self._ended[run]

    def _answer_file(self, wish: Wish) -> str:
        if wish.card and (wish.card, wish.person) in self._tapped:
            return AGAIN
        if self.age(wish.of, wish.at) > REPORTS_KEPT:
            return GONE
        if self._shares.find(API, wish.at).least >= SHARED_AT:
            return NO_CALLS
        self._tapped |= {(wish.card, wish.person)} if wish.card else set()
        return ACCEPTED


def expectations(
    calendar: Sequence[Due], wishes: Iterable[Wish], calls: Iterable[Calls] = ()
) -> Iterator[Expected | Muted]:
    """Yield what people were to see of each run and in answer to each wish, and what they had muted."""
    shares = Shares()
    for counted in sorted(calls, key=attrgetter("at")):
        shares.hear(counted)
    heard = Wishes(calendar, shares)
    happened: list[Due | Wish] = [*calendar, *wishes]
    for each in sorted(happened, key=attrgetter("at")):
        for wanted in _of_due(heard, each) if isinstance(each, Due) else _of_wish(heard, each):
            if isinstance(wanted, Expected) and wanted.act is not Act.ANSWER:
                yield relaxed(wanted, shares)
            else:
                yield wanted


def _of_due(heard: Wishes, due: Due) -> Iterator[Expected | Muted]:
    yield from _of_run(due.run, due.at, heard.mutes.find(due.schedule, due.at), ())


def _of_run(run: str, at: datetime, mute: Wish | None, asked_in: Sequence[str]) -> Iterator[Expected | Muted]:
    for destination, act in TOLD:
        wanted: Mapping[str, Any] = {"run": run, "destination": destination, "act": act, "at": at}
        yield Expected(**wanted) if mute is None or destination in asked_in else Muted(**wanted)


def _of_wish(heard: Wishes, wish: Wish) -> Iterator[Expected | Muted]:
    answer = Expected(run=wish.id, destination=GROUP, act=Act.ANSWER, at=wish.at, digest=heard.hear(wish))
    yield answer
    if answer.digest != ACCEPTED:
        return
    if wish.wants is WishKind.RUN:
        mute = heard.mutes.find(wish.of, wish.at)
        yield from _of_run(wish.id, wish.at, mute if mute and mute.until else None, (GROUP,))
    if wish.wants is WishKind.FILE:
        yield replace(answer, act=Act.FILE, digest="")
