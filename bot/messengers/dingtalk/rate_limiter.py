"""Lets calls pass at DingTalk's pace, and books what they cost, together with all other bots on the store.

20 messages a minute per custom robot, then ten minutes of silence (0717); 20 calls a second
per app (0012-call-frequency-limit); a number of calls per month (`bot.quota.budget`).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.errors import DingRunError, RateLimited
from bot.messengers.dingtalk.errors import BAN, Banned, NotBilled, QuotaExhausted, Throttled
from bot.models import MAX_CLOCK_SKEW, Clock, QuotaKind
from bot.ports import QuotaStore
from bot.quota.budget import Budget, month_end, month_limiter, month_of

log = logging.getLogger(__name__)

ASK_AGAIN = timedelta(hours=6)  # after DingTalk said that the month is used up: more may have been bought
INBOUND_TIMEOUT_SECONDS = 1.0
PATIENCE = timedelta(seconds=5)  # of a call for its place; after that its job waits instead
SECOND, ROBOT_SPAN = timedelta(seconds=1.1), timedelta(seconds=65)  # with room for what a request takes


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """Who may pass how often: `places` per `span`."""

    name: str
    capacity: int
    span: timedelta


def app_limit(app_key: str, *, per_second: int = 20) -> RateLimit:
    return RateLimit(name=f"app:{app_key}", capacity=per_second, span=SECOND)


def robot_limit(name: str, *, per_minute: int = 20) -> RateLimit:
    return RateLimit(name=f"robot:{name}", capacity=per_minute, span=ROBOT_SPAN)


class NullRateLimiter:
    """For single commands and tests: nothing is counted and nothing waits."""

    @asynccontextmanager
    async def call(self, gate: RateLimit, bucket: QuotaKind) -> AsyncIterator[None]:
        """Around one request.

        Raises `RateLimited` when it may not go now; what DingTalk says is learnt from.
        """
        yield

    @asynccontextmanager
    async def free_call(self) -> AsyncIterator[None]:
        """Wrap a request that is not billed. Raises `RateLimited` while DingTalk bans us."""
        yield


class RateLimiter(NullRateLimiter):
    """Counts in a ledger."""

    def __init__(
        self,
        ledger: QuotaStore,
        budget: Budget,
        *,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._ledger = ledger
        self._budget = budget
        self._clock = clock
        self._sleep = sleep
        self._banned_until: datetime | None = None  # of this machine's address, so no affair of other bots

    @asynccontextmanager
    async def call(self, gate: RateLimit, bucket: QuotaKind) -> AsyncIterator[None]:
        self._not_banned()
        await self._not_refused(bucket)
        await self._pass(gate)
        await self._spend(bucket)
        try:
            async with self.free_call():
                yield
        except QuotaExhausted as error:
            log.warning("DingTalk says the month's %s calls are used up: %s", bucket, error)
            await self._ledger.block_until(month_limiter(bucket), self._clock() + ASK_AGAIN)
            await self._book(bucket, -1)
            raise
        except Throttled as error:
            closed = timedelta(seconds=error.retry_after or 0)
            await self._ledger.block_until(gate.name, self._clock() + closed)
            await self._book(bucket, -1)
            raise
        except (NotBilled, RateLimited):
            await self._book(bucket, -1)
            raise

    @asynccontextmanager
    async def free_call(self) -> AsyncIterator[None]:
        self._not_banned()
        try:
            yield
        except Banned:
            self._banned_until = self._clock() + timedelta(seconds=BAN)
            raise

    def _not_banned(self) -> None:
        """Ask nothing while the address is banned: each call would be lost, and may prolong it."""
        left = self._banned_until - self._clock() if self._banned_until else timedelta()
        if timedelta() < left <= timedelta(seconds=BAN):  # more is left when the clock was set back
            raise RateLimited("DingTalk bans this machine's address", retry_after=_seconds(left))

    async def count_inbound(self) -> None:
        """Add an inbound message or tap to the usage: it costs one Webhook & Stream call.

        Never fails and never waits longer than `INBOUND_TIMEOUT_SECONDS`, because an ack depends on it.
        """
        try:
            async with asyncio.timeout(INBOUND_TIMEOUT_SECONDS):
                await self._book(QuotaKind.STREAM, 1)
        except (DingRunError, TimeoutError) as error:
            log.warning("an inbound event was not counted: %s", str(error) or "the store takes too long")

    async def _not_refused(self, bucket: QuotaKind) -> None:
        closed, now = await self._ledger.blocked_until(month_limiter(bucket)), self._clock()
        if (
            closed and now < closed <= now + ASK_AGAIN + MAX_CLOCK_SKEW
        ):  # later: a clock that was ahead closed it
            said = f"DingTalk says the month's {bucket} calls are used up"
            raise RateLimited(said, retry_after=_seconds(closed - now))

    async def _pass(self, gate: RateLimit) -> None:
        waited = timedelta()
        while free := await self._ledger.acquire(gate.name, gate.capacity, self._clock(), gate.span):
            wait = max(free - self._clock(), timedelta(milliseconds=10))
            waited += wait
            if waited > PATIENCE:
                said = f"{gate.capacity} calls per {gate.span.seconds} s are taken"
                raise RateLimited(said, retry_after=_seconds(wait))
            await self._sleep(_seconds(wait))

    async def _spend(self, bucket: QuotaKind) -> None:
        """Book first and look then: however many bots spend at once, no call goes over the limit."""
        limit = self._budget.limit(bucket)
        if await self._book(bucket, 1) > limit > 0:
            await self._book(bucket, -1)
            wait = min(month_end(self._clock()) - self._clock(), ASK_AGAIN)
            raise RateLimited(f"the month's {limit} {bucket} calls are used up", retry_after=_seconds(wait))

    async def _book(self, bucket: QuotaKind, calls: int) -> int:
        return await self._ledger.add_usage(month_of(self._clock()), bucket, calls)


def _seconds(span: timedelta) -> float:
    return span.total_seconds()
