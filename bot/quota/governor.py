"""Degrade notifications gradually as the monthly API quota runs out."""

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
    passed_thresholds,
    quota_level,
    webhook_quota_level,
)

MINUTE = timedelta(minutes=1)
SPENT_POLL_INTERVAL = timedelta(hours=6)  # more calls may have been bought
DIGEST_GRID = timedelta(seconds=10)  # due times are rounded to it, so that bots share digests


class Governor:
    """Reads the quota, and limits the cards per minute of one destination."""

    def __init__(
        self, quota_store: QuotaStore, budget: Budget, *, clock: Clock, cards_per_minute: int
    ) -> None:
        self._quota_store = quota_store
        self._budget = budget
        self._clock = clock
        self._cards_per_minute = cards_per_minute

    async def balance(self) -> Balance:
        """Return the usage of this month."""
        now = self._clock()
        blocked = {kind: await self._quota_store.blocked_until(month_limiter(kind)) for kind in QuotaKind}
        return Balance(
            budget=self._budget,
            booked=await self._quota_store.usage(month_of(now)),
            now=now,
            refused=frozenset(kind for kind, until in blocked.items() if until and until > now),
        )

    async def level(self, destination: Destination, *, has_fallback: bool = False) -> QuotaLevel:
        """Return the quota level of a destination. `has_fallback`: it has a fallback webhook."""
        balance = await self.balance()
        if destination.quota_kind is QuotaKind.STREAM:
            return webhook_quota_level(balance)
        return quota_level(balance, has_fallback=has_fallback)

    async def warnings(self) -> Sequence[tuple[str, QuotaKind, int, Balance]]:
        """Return the thresholds that were passed, each with its month."""
        balance = await self.balance()
        month = month_of(balance.now)
        return [(month, kind, percent, balance) for kind, percent in passed_thresholds(balance)]

    async def try_acquire_card_slot(self, destination: Destination) -> bool:
        """Take one of the cards per minute of a destination. False when there is none left."""
        limiter = f"cards:{destination}"
        retry_at = await self._quota_store.acquire(limiter, self._cards_per_minute, self._clock(), MINUTE)
        return retry_at is None

    async def digest_due(self, destination: Destination, level: QuotaLevel) -> datetime:
        """Return when a digest created now is sent: soon in a burst, later when calls are running out."""
        wait = DIGEST_GRID
        if level >= QuotaLevel.DIGEST:
            wait = digest_wait(await self.balance(), destination.quota_kind)
        due = self._clock() + wait
        return due + DIGEST_GRID - timedelta(seconds=due.timestamp() % DIGEST_GRID.total_seconds())

    def next_check_at(self) -> datetime:
        """Return when to check the quota again while it is used up: at the end of the month at the latest."""
        now = self._clock()
        return min(month_end(now), now + SPENT_POLL_INTERVAL)
