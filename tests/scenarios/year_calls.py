"""The calls of each month of a year: some months have too few, and what is used of them is written down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.models import QuotaKind
from bot.quota.budget import month_of
from evidence.history import Calls
from tests.scenarios.year_installation import Installation

SHORT = 2 / 5  # chance that a month has too few calls of a kind
ENOUGH: Mapping[QuotaKind, tuple[int, int]] = {QuotaKind.API: (150, 450), QuotaKind.STREAM: (40, 90)}
"""Least and most calls of a month that has too few. It needs about 600 and 100."""


@dataclass(kw_only=True)
class Months:
    """Gives each month its calls, and counts what is used."""

    place: Installation
    always: Mapping[QuotaKind, int] | None = None  # in place of a choice
    limits: dict[str, Mapping[QuotaKind, int]] = field(default_factory=dict)  # by month
    troubles: dict[str, int] = field(default_factory=dict)  # before each month

    def turn(self, now: datetime) -> None:
        """Begin a month, if that is due. Both bots start with its settings."""
        month = month_of(now)
        if month in self.limits:
            return
        self.limits[month] = self._choose() if self.always is None else self.always
        self.troubles[month] = self.place.weather.troubles
        self.place.set_calls(self.limits[month], beside=self.place.chance.random() < 1 / 2)

    def _choose(self) -> Mapping[QuotaKind, int]:
        chance = self.place.chance
        return {kind: chance.randint(*few) for kind, few in ENOUGH.items() if chance.random() < SHORT}

    async def count(self) -> Sequence[Calls]:
        """Return what is used of the calls of this month and of the one before."""
        assert self.place.stores is not None
        found = []
        for month in [*self.limits][-2:]:
            booked = await self.place.stores.quota.usage(month)
            counted = self.place.sandbox.state.monthly_usage[month]
            found += [
                Calls(
                    month=month,
                    quota=kind.value,
                    at=self.place.clock(),
                    counted=counted[kind.value],
                    booked=booked.get(kind, 0),
                    troubles=self.place.weather.troubles - self.troubles[month],
                    limit=self.limits[month].get(kind, 0),
                )
                for kind in QuotaKind
            ]
        return found
