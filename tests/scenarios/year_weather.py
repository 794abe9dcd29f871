"""Trouble all along: processes die, answers are lost or others come, the store is busy, DingTalk is away.

Bots that are at work at the same moment take turns between their writes and requests, as the seed says.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

from bot.errors import TemporaryError
from bot.wiring.stores import StoreSet
from tests.scenarios.faults import ANSWERS, FOR_GOOD, Fault, Faulty, Killed

PASSING = tuple(kind for kind in ANSWERS if kind not in FOR_GOOD and kind != "no more this month")
DEATH, BUSY, LOST, OTHER = 1 / 400, 1 / 500, 1 / 80, 1 / 40  # chances at a point
BOOKING = ("add_usage", "save_job")  # writes between which a call is booked, and its marker is stored
FREE = ("accessToken", "gettoken", "sendBySession")  # requests that are not booked
TAKEN_BACK = ("throttled", "old token", "banned")  # answers to requests that are not booked then
GIVES_WAY = 1 / 4  # chance before a write or a request
OUTAGE = 1 / 20  # chance of one in a day
MAX_OUTAGE_MINUTES = 45
PORTS = ("store", "quota", "links", "audit", "lapses", "overrides", "reservations", "retention")
READS = ("find_", "open", "close", "usage", "next_due", "count_", "signing_key", "blocked_until", "rows")


@dataclass
class Weather(Fault):
    """What goes wrong, by chance. `happened` counts it, and `severity` multiplies the chances."""

    chance: random.Random = field(default_factory=random.Random)  # noqa: S311 - no secret in it
    severity: int = 1
    happened: Counter[str] = field(default_factory=Counter)
    troubles: int = 0  # calls that may have been booked and not made
    away: tuple[datetime, datetime] | None = None  # the outage of the day
    baton: asyncio.Lock = field(default_factory=asyncio.Lock)  # of the bot that goes on
    steady: bool = False  # it does not give way
    _next: str = ""  # what happens to the request at this point

    def forecast(self, day: datetime) -> None:
        """Decide whether DingTalk is away in this day."""
        self.away = None
        if self.chance.random() < OUTAGE:
            begin = day + timedelta(minutes=self.chance.randrange(24 * 60))
            self.away = (begin, begin + timedelta(minutes=self.chance.randint(1, MAX_OUTAGE_MINUTES)))
            self.happened["outage"] += 1

    def turn(self, now: datetime) -> None:
        """Begin or end the outage of the day."""
        self.dead = self.away is not None and self.away[0] <= now < self.away[1]

    def pass_point(self, name: str) -> None:
        """Die, or find the store busy, or choose what happens to a request."""
        request, before = "request" in name, name.startswith("before")
        booked = name.endswith(BOOKING) or (before and request and not name.endswith(FREE))
        if self.chance.random() < DEATH * self.severity:
            self.deaths += 1
            self.troubles += booked
            raise Killed(name)
        if before and not request and self.chance.random() < BUSY * self.severity:
            self.happened["busy store"] += 1
            self.troubles += booked
            raise TemporaryError("the store is busy")
        if before and request:
            self._next = self._choose()
            self.happened.update([self._next] if self._next else [])
            self.troubles += booked and self._next not in {"", *TAKEN_BACK}

    async def give_way(self) -> None:
        """Let the other bot go on, by chance. The beat of a lease goes on by itself."""
        task = asyncio.current_task()
        if not self.baton.locked() or self.steady or (task and task.get_name().startswith("lease ")):
            return
        if self.chance.random() < GIVES_WAY:
            self.baton.release()
            await self.baton.acquire()

    def _choose(self) -> str:
        roll = self.chance.random() / self.severity
        if roll < LOST:
            return "lost"
        return self.chance.choice(PASSING) if roll < LOST + OTHER else ""

    @property
    def loses_answer(self) -> bool:
        return self._next == "lost"

    @property
    def answer(self) -> tuple[int, bytes] | None:
        return ANSWERS.get(self._next)


def weathered(stores: StoreSet, weather: Weather) -> StoreSet:
    """Return the ports of a store with a point before and after each write."""
    ports = {name: getattr(stores, name) for name in PORTS}
    return replace(
        stores, **{name: cast(Any, Faulty(port, writes(port), weather)) for name, port in ports.items()}
    )


def writes(port: object) -> tuple[str, ...]:
    """Return the methods of a port that change something."""
    verbs = (name for name in dir(port) if not name.startswith("_") and callable(getattr(port, name)))
    return tuple(name for name in verbs if not name.startswith(READS))
