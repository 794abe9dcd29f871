"""Limit the requests of each person, so that nobody uses up the quota of all others."""

from datetime import timedelta

from bot.errors import UserError
from bot.models import Clock, Person
from bot.ports import QuotaStore

HOUR = timedelta(hours=1)


class RequestBudget:
    """Counts the requests that cost calls, across all bots on a store. 0 per hour is no limit."""

    def __init__(self, quota_store: QuotaStore, *, clock: Clock, per_hour: int) -> None:
        self._quota_store = quota_store
        self._clock = clock
        self._per_hour = per_hour

    async def charge(self, person: Person) -> None:
        """Count one request. Raises `UserError`, and counts nothing, when the limit is reached."""
        if not self._per_hour:
            return
        limiter, now = f"asked:{person.id}", self._clock()
        free_at = await self._quota_store.acquire(limiter, self._per_hour, now, HOUR)
        if free_at:
            raise UserError("asked_too_often", most=self._per_hour, free_at=free_at)
