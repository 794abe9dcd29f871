"""Calls at DingTalk's pace, and what they cost."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import PermanentError, RateLimited, TemporaryError
from bot.messengers.dingtalk.errors import Banned, NotBilled, QuotaExhausted, Throttled, TokenRefused
from bot.messengers.dingtalk.rate_limiter import RateLimit, RateLimiter, app_limit, robot_limit
from bot.models import QuotaKind
from bot.quota.budget import Budget, month_of
from bot.stores.sqlite.quota import SqliteQuotaStore
from bot.stores.sqlite.store import SqliteStore
from tests.fakes import FakeClock

APP = app_limit("dingkey", per_second=3)
ROBOT = robot_limit("ops", per_minute=20)


class Counter:
    """A rate limiter on a store of its own, sleeping on a clock that a sleep turns."""

    def __init__(self, store: SqliteQuotaStore, clock: FakeClock) -> None:
        self.store, self.clock = store, clock
        self.slept = 0.0
        budget = Budget(limits={QuotaKind.API: 10, QuotaKind.STREAM: 0})
        self.rate_limiter = RateLimiter(store, budget, clock=clock, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.clock.turn(seconds=seconds)

    async def call(
        self, limit: RateLimit = APP, kind: QuotaKind = QuotaKind.API, error: Exception | None = None
    ) -> None:
        async with self.rate_limiter.call(limit, kind):
            if error:
                raise error

    async def booked(self, kind: QuotaKind = QuotaKind.API) -> int:
        return (await self.store.usage(month_of(self.clock()))).get(kind, 0)


@pytest.fixture
async def counter(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Counter]:
    store = SqliteStore(tmp_path / "d.db")
    await store.open()
    yield Counter(SqliteQuotaStore(store), clock)
    await store.close()


async def test_every_call_is_booked(counter: Counter) -> None:
    await counter.call()
    with pytest.raises(PermanentError):
        await counter.call(error=PermanentError("no such card"))
    with pytest.raises(TemporaryError):
        await counter.call(error=TemporaryError("no answer", uncertain=True))
    await counter.rate_limiter.count_inbound()
    assert (await counter.booked(), await counter.booked(QuotaKind.STREAM)) == (3, 1)


async def test_an_inbound_event_that_cannot_be_counted_is_answered_all_the_same(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def unavailable(month: str, kind: str, calls: int) -> int:
        raise TemporaryError("the store is away")

    monkeypatch.setattr(counter.store, "add_usage", unavailable)
    await counter.rate_limiter.count_inbound()
    assert caplog.messages == ["an inbound event was not counted: the store is away"]


async def test_a_slow_count_holds_up_no_ack(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def slow(month: str, kind: str, calls: int) -> int:
        await asyncio.Event().wait()
        return 0

    monkeypatch.setattr("bot.messengers.dingtalk.rate_limiter.INBOUND_TIMEOUT_SECONDS", 0.01)
    monkeypatch.setattr(counter.store, "add_usage", slow)
    await counter.rate_limiter.count_inbound()
    assert caplog.messages == ["an inbound event was not counted: the store takes too long"]


@pytest.mark.parametrize(
    "error",
    [NotBilled("no way there"), TokenRefused("old"), Throttled("qps", retry_after=1), RateLimited("banned")],
)
async def test_what_dingtalk_does_not_count_is_not_booked(counter: Counter, error: Exception) -> None:
    with pytest.raises(type(error)):
        await counter.call(error=error)
    assert await counter.booked() == 0


async def test_a_month_is_not_over_for_as_long_as_a_clock_was_ahead(
    counter: Counter, clock: FakeClock
) -> None:
    days_ahead = timedelta(days=3).total_seconds()
    clock.turn(seconds=days_ahead)
    with pytest.raises(QuotaExhausted):
        await counter.call(error=QuotaExhausted("90020", retry_after=1))
    clock.turn(seconds=-days_ahead)
    await counter.call()


async def test_a_ban_closes_every_gate_for_five_minutes(counter: Counter, clock: FakeClock) -> None:
    with pytest.raises(Banned):
        await counter.call(error=Banned(retry_after=300))
    for limit, kind in ((APP, QuotaKind.API), (ROBOT, QuotaKind.STREAM)):
        with pytest.raises(RateLimited, match="bans"):
            await counter.call(limit, kind)
    assert (await counter.booked(), await counter.booked(QuotaKind.STREAM)) == (0, 0)
    clock.turn(seconds=300)
    await counter.call()


async def test_a_ban_does_not_last_longer_because_a_clock_is_set_back(
    counter: Counter, clock: FakeClock
) -> None:
    with pytest.raises(Banned):
        await counter.call(error=Banned(retry_after=300))
    clock.turn(seconds=-3600)
    await counter.call()


async def test_a_full_second_is_waited_for(counter: Counter) -> None:
    for _ in range(7):
        await counter.call()
    assert 2 <= counter.slept < 2.5


async def test_the_21st_message_of_a_minute_waits_as_a_job(counter: Counter, clock: FakeClock) -> None:
    for _ in range(20):
        await counter.call(ROBOT, QuotaKind.STREAM)
    with pytest.raises(RateLimited) as held:
        await counter.call(ROBOT, QuotaKind.STREAM)
    assert held.value.retry_after == pytest.approx(65, abs=1)
    clock.turn(seconds=66)
    await counter.call(ROBOT, QuotaKind.STREAM)
    assert await counter.booked(QuotaKind.STREAM) == 21


async def test_a_penalty_holds_everybody_back_until_it_is_over(counter: Counter, clock: FakeClock) -> None:
    with pytest.raises(Throttled):
        await counter.call(ROBOT, QuotaKind.STREAM, Throttled("130101", retry_after=600))
    another = RateLimiter(counter.store, Budget(), clock=clock)
    with pytest.raises(RateLimited):
        async with another.call(ROBOT, QuotaKind.STREAM):
            pytest.fail("the request left")
    clock.turn(seconds=601)
    await counter.call(ROBOT, QuotaKind.STREAM)


async def test_the_month_s_last_call_is_the_last(counter: Counter, clock: FakeClock) -> None:
    for _ in range(10):
        await counter.call()
    with pytest.raises(RateLimited, match="10 api calls are used up"):
        await counter.call()
    assert await counter.booked() == 10
    clock.turn(seconds=timedelta(days=8).total_seconds())
    await counter.call()
    assert await counter.booked() == 1


async def test_a_month_that_dingtalk_calls_used_up_is_not_asked_for_again(
    counter: Counter, clock: FakeClock
) -> None:
    with pytest.raises(QuotaExhausted):
        await counter.call(error=QuotaExhausted("90020", retry_after=1))
    with pytest.raises(RateLimited, match="DingTalk reports"):
        await counter.call()
    clock.turn(seconds=6 * 3600 + 1)
    await counter.call()
    assert await counter.booked() == 1
