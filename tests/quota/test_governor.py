"""The quota as the store knows it: levels, warnings, and when digests are sent."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.models import Destination, QuotaKind
from bot.quota.budget import Budget, QuotaLevel, month_limiter, month_of
from bot.quota.governor import Governor
from bot.stores.sqlite.quota import SqliteQuotaStore
from bot.stores.sqlite.store import SqliteStore
from tests.fakes import FakeClock

GROUP, ROBOT = Destination.parse("group:cidA"), Destination.parse("webhook:ops")
MONTH_END = datetime(2026, 11, 30, 16, tzinfo=UTC)
ODD = datetime(2026, 11, 24, 3, 0, 7, tzinfo=UTC)  # no multiple of ten seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(ODD)


@pytest.fixture
def quota(store: SqliteStore) -> SqliteQuotaStore:
    return SqliteQuotaStore(store)


@pytest.fixture
def governor(quota: SqliteQuotaStore, clock: FakeClock) -> Governor:
    """Return a governor of a thousand calls of each kind."""
    budget = Budget(limits=dict.fromkeys(QuotaKind, 1_000))
    return Governor(quota, budget, clock=clock, cards_per_minute=2)


@pytest.fixture
async def running_out(quota: SqliteQuotaStore) -> None:
    """Spend 96 % of the calls to the API, and 95 % of those of webhooks."""
    await quota.add_usage(month_of(ODD), QuotaKind.API, 960)
    await quota.add_usage(month_of(ODD), QuotaKind.STREAM, 950)


async def test_a_kind_is_used_up_until_the_time_for_which_dingtalk_refused(
    governor: Governor, quota: SqliteQuotaStore, clock: FakeClock
) -> None:
    await quota.block_until(month_limiter(QuotaKind.API), clock() + timedelta(hours=1))
    assert (await governor.balance()).refused == {QuotaKind.API}
    clock.turn(seconds=3_600)
    assert (await governor.balance()).refused == frozenset()


async def test_a_fallback_robot_speaks_while_it_has_calls_itself(
    governor: Governor, quota: SqliteQuotaStore
) -> None:
    await quota.add_usage(month_of(ODD), QuotaKind.API, 960)
    assert await governor.level(GROUP) is QuotaLevel.DIGEST
    assert await governor.level(GROUP, has_fallback=True) is QuotaLevel.WEBHOOK
    await quota.add_usage(month_of(ODD), QuotaKind.STREAM, 900)
    assert await governor.level(GROUP, has_fallback=True) is QuotaLevel.DIGEST


@pytest.mark.usefixtures("running_out")
async def test_a_warning_names_the_month_the_kind_and_what_was_passed(governor: Governor) -> None:
    balance = await governor.balance()
    assert await governor.warnings() == [
        ("2026-11", QuotaKind.API, 95, balance),
        ("2026-11", QuotaKind.STREAM, 95, balance),
    ]


@pytest.mark.usefixtures("running_out")
async def test_a_new_month_begins_with_all_calls(governor: Governor, clock: FakeClock) -> None:
    clock.now = MONTH_END
    assert await governor.level(GROUP) is QuotaLevel.FULL
    assert await governor.warnings() == []


async def test_the_digest_of_a_burst_collects_for_ten_to_twenty_seconds(governor: Governor) -> None:
    due = await governor.digest_due(GROUP, QuotaLevel.FULL)
    assert due == ODD.replace(second=20)


@pytest.mark.usefixtures("running_out")
@pytest.mark.parametrize(("destination", "calls"), [(GROUP, 30), (ROBOT, 40)])
async def test_digests_are_spread_over_the_calls_of_their_kind(
    governor: Governor, destination: Destination, calls: int
) -> None:
    due = await governor.digest_due(destination, QuotaLevel.DIGEST)
    spread = ODD + (MONTH_END - ODD) / calls
    assert timedelta(0) < due - spread <= timedelta(seconds=10)
    assert due.timestamp() % 10 == 0


async def test_the_cards_of_one_destination_have_a_limit_per_minute(
    governor: Governor, clock: FakeClock
) -> None:
    assert [await governor.try_acquire_card_slot(GROUP) for _ in range(3)] == [True, True, False]
    assert await governor.try_acquire_card_slot(ROBOT)
    clock.turn(seconds=60)
    assert await governor.try_acquire_card_slot(GROUP)


async def test_a_quota_that_is_used_up_is_looked_at_again_at_the_end_of_the_month_at_the_latest(
    governor: Governor, clock: FakeClock
) -> None:
    assert governor.next_check_at() == ODD + timedelta(hours=6)
    clock.now = MONTH_END - timedelta(hours=1)
    assert governor.next_check_at() == MONTH_END
