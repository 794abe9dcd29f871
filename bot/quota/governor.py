"""Watches what the month costs, so that every run is announced to its end, if in fewer words."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.models import Clock, Destination, QuotaKind
from bot.ports import QuotaStore
from bot.quota.budget import (
    Balance,
    Budget,
    QuotaLevel,
    digest_wait,
    month_end,
    month_limiter,
    month_of,
    quota_level,
    warnings_of,
    webhook_quota_level,
)

MINUTE = timedelta(minutes=1)
LOOK_AGAIN = timedelta(hours=6)  # while the month is used up: more may have been bought
GRID = timedelta(seconds=10)  # digests of several bots fall together


class Governor:
    """Says how a summary may go now. `cards_per_minute` is for one destination."""

    def __init__(
        self, ledger: QuotaStore, budget: Budget, *, clock: Clock, cards_per_minute: int = 10
    ) -> None:
        self._ledger = ledger
        self._budget = budget
        self._clock = clock
        self._cards_per_minute = cards_per_minute

    async def balance(self) -> Balance:
        """What is booked this month, and what is left."""
        now = self._clock()
        closings = {bucket: await self._ledger.blocked_until(month_limiter(bucket)) for bucket in QuotaKind}
        return Balance(
            budget=self._budget,
            booked=await self._ledger.usage(month_of(now)),
            now=now,
            refused=frozenset(bucket for bucket, until in closings.items() if until and until > now),
        )

    async def level(self, destination: Destination, *, has_fallback: bool = False) -> QuotaLevel:
        """Return the quota level of a destination. `has_fallback`: it has a fallback webhook."""
        balance = await self.balance()
        if destination.quota_kind is QuotaKind.STREAM:
            return webhook_quota_level(balance)
        return quota_level(balance, has_fallback=has_fallback)

    async def warnings(self) -> Sequence[tuple[str, QuotaKind, int, Balance]]:
        """The borders that were passed, each with its month: what the operators are told once."""
        balance = await self.balance()
        month = month_of(balance.now)
        return [(month, bucket, border, balance) for bucket, border in warnings_of(balance)]

    async def try_acquire_card_slot(self, destination: Destination) -> bool:
        """Whether one more summary of its own is not too many for this minute and destination."""
        gate = f"cards:{destination}"
        taken = await self._ledger.acquire(gate, self._cards_per_minute, self._clock(), MINUTE)
        return taken is None

    async def digest_due(self, destination: Destination, rung: QuotaLevel) -> datetime:
        """When a digest that begins now has gathered enough: soon for a burst, later when calls are few."""
        wait = GRID
        if rung >= QuotaLevel.DIGEST:
            wait = digest_wait(await self.balance(), destination.quota_kind)
        due = self._clock() + wait
        return due + GRID - timedelta(seconds=due.timestamp() % GRID.total_seconds())

    def next_check_at(self) -> datetime:
        """When it is worth looking again while nothing may go: at the month's end at the latest."""
        now = self._clock()
        return min(month_end(now), now + LOOK_AGAIN)
