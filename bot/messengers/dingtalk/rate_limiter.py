"""Rate limits and monthly quota of DingTalk, shared with all other bots on the store.

- 20 messages a minute per custom robot, then ten minutes of silence (0717).
- 20 calls a second per app (0012-call-frequency-limit).
- A number of calls per month (`bot/quota/budget.py`).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.errors import DingRunError, RateLimited
from bot.messengers.dingtalk.errors import (
    BAN_SECONDS,
    BanInForce,
    Banned,
    NotBilled,
    QuotaExhausted,
    Throttled,
)
from bot.models import MAX_CLOCK_SKEW, Clock, QuotaKind
from bot.ports import QuotaStore
from bot.quota.budget import Budget, month_end, month_limiter, month_of

log = logging.getLogger(__name__)

QUOTA_RETRY_INTERVAL = timedelta(hours=6)  # after DingTalk reported the month as used up
INBOUND_TIMEOUT_SECONDS = 1.0
MAX_SLOT_WAIT = timedelta(seconds=5)  # after that, the job waits instead of the call
APP_SPAN, ROBOT_SPAN = timedelta(seconds=1.1), timedelta(seconds=65)  # includes the travel time of requests


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """At most `capacity` calls per `span`."""

    name: str
    capacity: int
    span: timedelta


def app_limit(app_key: str, *, per_second: int = 20) -> RateLimit:
    """Return the rate limit of an app."""
    return RateLimit(name=f"app:{app_key}", capacity=per_second, span=APP_SPAN)


def robot_limit(name: str, *, per_minute: int = 20) -> RateLimit:
    """Return the rate limit of a custom robot."""
    return RateLimit(name=f"robot:{name}", capacity=per_minute, span=ROBOT_SPAN)


class NullRateLimiter:
    """Rate limiter for single commands and tests. It counts nothing and never waits."""

    @asynccontextmanager
    async def call(self, limit: RateLimit, kind: QuotaKind) -> AsyncIterator[None]:
        """Enclose one billed request: wait for a slot, count the call, and learn from DingTalk's errors.

        Raises `RateLimited` if the request must not be sent now.
        """
        yield

    @asynccontextmanager
    async def free_call(self) -> AsyncIterator[None]:
        """Enclose a request that is not billed. Raises `RateLimited` while DingTalk bans this machine."""
        yield


class RateLimiter(NullRateLimiter):
    """Rate limiter whose counts are kept in a store."""

    def __init__(
        self,
        store: QuotaStore,
        budget: Budget,
        *,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._budget = budget
        self._clock = clock
        self._sleep = sleep
        self._banned_until: datetime | None = None  # a ban is for the IP address, so it is not shared

    @asynccontextmanager
    async def call(self, limit: RateLimit, kind: QuotaKind) -> AsyncIterator[None]:
        self._ensure_not_banned()
        await self._ensure_not_blocked(kind)
        await self._acquire_slot(limit)
        await self._spend(kind)
        try:
            async with self.free_call():
                yield
        except QuotaExhausted as error:
            log.warning("DingTalk reports that the month's %s calls are used up: %s", kind, error)
            await self._store.block_until(month_limiter(kind), self._clock() + QUOTA_RETRY_INTERVAL)
            await self._count(kind, -1)
            raise
        except Throttled as error:
            wait = timedelta(seconds=error.retry_after or 0)
            await self._store.block_until(limit.name, self._clock() + wait)
            await self._count(kind, -1)
            raise
        except (NotBilled, RateLimited):
            await self._count(kind, -1)
            raise

    @asynccontextmanager
    async def free_call(self) -> AsyncIterator[None]:
        self._ensure_not_banned()
        try:
            yield
        except Banned:
            self._banned_until = self._clock() + timedelta(seconds=BAN_SECONDS)
            raise

    def _ensure_not_banned(self) -> None:
        """Raise `RateLimited` during a ban: a request would be rejected and could prolong it."""
        remaining = self._banned_until - self._clock() if self._banned_until else timedelta()
        if timedelta() < remaining <= timedelta(seconds=BAN_SECONDS):  # longer: the clock was set back
            raise BanInForce(retry_after=_seconds(remaining))

    async def count_inbound(self) -> None:
        """Add an inbound message or tap to the usage: it costs one Webhook & Stream call.

        Never fails and never waits longer than `INBOUND_TIMEOUT_SECONDS`, because an ack depends on it.
        """
        try:
            async with asyncio.timeout(INBOUND_TIMEOUT_SECONDS):
                await self._count(QuotaKind.STREAM, 1)
        except (DingRunError, TimeoutError) as error:
            log.warning("an inbound event was not counted: %s", str(error) or "the store takes too long")

    async def _ensure_not_blocked(self, kind: QuotaKind) -> None:
        until, now = await self._store.blocked_until(month_limiter(kind)), self._clock()
        latest = now + QUOTA_RETRY_INTERVAL + MAX_CLOCK_SKEW  # later: set by a clock that was ahead
        if until and now < until <= latest:
            reason = f"DingTalk reports that the month's {kind} calls are used up"
            raise QuotaExhausted(reason, retry_after=_seconds(until - now))

    async def _acquire_slot(self, limit: RateLimit) -> None:
        waited = timedelta()
        while free_at := await self._store.acquire(limit.name, limit.capacity, self._clock(), limit.span):
            wait = max(free_at - self._clock(), timedelta(milliseconds=10))
            waited += wait
            if waited > MAX_SLOT_WAIT:
                reason = f"the limit of {limit.capacity} calls per {limit.span.seconds} s is reached"
                raise RateLimited(reason, retry_after=_seconds(wait))
            await self._sleep(_seconds(wait))

    async def _spend(self, kind: QuotaKind) -> None:
        """Count the call, then check the limit, so that concurrent bots never exceed it."""
        limit = self._budget.limit(kind)
        if await self._count(kind, 1) > limit > 0:
            await self._count(kind, -1)
            wait = min(month_end(self._clock()) - self._clock(), QUOTA_RETRY_INTERVAL)
            raise QuotaExhausted(f"the month's {limit} {kind} calls are used up", retry_after=_seconds(wait))

    async def _count(self, kind: QuotaKind, calls: int) -> int:
        return await self._store.add_usage(month_of(self._clock()), kind, calls)


def _seconds(span: timedelta) -> float:
    return span.total_seconds()
