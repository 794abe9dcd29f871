"""Guarantees of every QuotaStore."""

import asyncio
from datetime import timedelta

import pytest

from bot.ports import QuotaStore
from bot.wiring.stores import StoreSet
from tests.factories import NOW

MINUTE = timedelta(minutes=1)


@pytest.fixture
def quota_stores(both: tuple[StoreSet, StoreSet]) -> tuple[QuotaStore, QuotaStore]:
    """The same store, seen by two processes."""
    return both[0].quota, both[1].quota


@pytest.fixture
def quota_store(quota_stores: tuple[QuotaStore, QuotaStore]) -> QuotaStore:
    return quota_stores[0]


async def test_calls_are_counted_by_month_and_kind(quota_store: QuotaStore) -> None:
    assert await quota_store.add_usage("2026-11", "api", 3) == 3
    assert await quota_store.add_usage("2026-11", "api", -1) == 2
    await quota_store.add_usage("2026-11", "stream_webhook", 1)
    await quota_store.add_usage("2026-12", "api", 7)
    assert await quota_store.usage("2026-11") == {"api": 2, "stream_webhook": 1}
    assert await quota_store.usage("2027-01") == {}


async def test_concurrent_calls_are_all_counted(quota_store: QuotaStore) -> None:
    totals = await asyncio.gather(*(quota_store.add_usage("2026-11", "api", 1) for _ in range(30)))
    assert sorted(totals) == list(range(1, 31))


async def test_a_limiter_has_as_many_slots_as_its_capacity(quota_store: QuotaStore) -> None:
    taken = await asyncio.gather(*(quota_store.acquire("robot", 5, NOW, MINUTE) for _ in range(8)))
    assert [when for when in taken if when is not None] == [NOW + MINUTE] * 3
    assert await quota_store.acquire("another", 5, NOW, MINUTE) is None


async def test_a_slot_is_free_again_after_its_span(quota_store: QuotaStore) -> None:
    for second in range(3):
        assert await quota_store.acquire("robot", 3, NOW + timedelta(seconds=second), MINUTE) is None
    assert await quota_store.acquire("robot", 3, NOW + timedelta(seconds=30), MINUTE) == NOW + MINUTE
    assert await quota_store.acquire("robot", 3, NOW + MINUTE, MINUTE) is None
    assert await quota_store.acquire("robot", 3, NOW + MINUTE, MINUTE) == NOW + MINUTE + timedelta(seconds=1)


async def test_a_free_slot_is_free_by_every_clock(quota_store: QuotaStore) -> None:
    """A slot that nobody had taken counted as taken until the first call, rounded up to the millisecond."""
    late, early = NOW + timedelta(microseconds=300), NOW - timedelta(seconds=20)
    for now in (late, late, NOW, early):
        assert await quota_store.acquire("robot", 4, now, MINUTE) is None


async def test_no_span_exceeds_the_capacity(quota_store: QuotaStore) -> None:
    passed = []
    for second in range(0, 300, 7):
        now = NOW + timedelta(seconds=second)
        passed += [now for _ in range(3) if await quota_store.acquire("robot", 4, now, MINUTE) is None]
    for first in passed:
        assert len([at for at in passed if first <= at < first + MINUTE]) <= 4


async def test_a_blocked_limiter_has_no_slot_until_the_block_ends(quota_store: QuotaStore) -> None:
    assert await quota_store.blocked_until("robot") is None
    await quota_store.block_until("robot", NOW + 10 * MINUTE)
    await quota_store.block_until("robot", NOW + 5 * MINUTE)
    assert await quota_store.blocked_until("robot") == NOW + 10 * MINUTE
    assert await quota_store.acquire("robot", 5, NOW, MINUTE) == NOW + 10 * MINUTE
    assert await quota_store.acquire("robot", 5, NOW + 10 * MINUTE, MINUTE) is None


async def test_a_smaller_capacity_takes_effect_at_once(quota_store: QuotaStore) -> None:
    await quota_store.acquire("robot", 20, NOW, MINUTE)
    later = NOW + MINUTE
    passed = [await quota_store.acquire("robot", 2, later, MINUTE) for _ in range(4)]
    assert passed.count(None) == 2


async def test_a_bot_whose_clock_is_hours_ahead_does_not_block_others(
    quota_store: QuotaStore,
) -> None:
    for _ in range(3):
        await quota_store.acquire("robot", 3, NOW + timedelta(hours=2), MINUTE)
    assert await quota_store.acquire("robot", 3, NOW, MINUTE) is None


async def test_two_processes_share_the_slots_of_a_limiter(
    quota_stores: tuple[QuotaStore, QuotaStore],
) -> None:
    asked = (quota_stores[number % 2].acquire("robot", 7, NOW, MINUTE) for number in range(20))
    assert (await asyncio.gather(*asked)).count(None) == 7


async def test_no_slot_is_free_a_microsecond_early(quota_store: QuotaStore) -> None:
    now = NOW + timedelta(microseconds=1)
    await quota_store.acquire("robot", 1, now, MINUTE)
    assert await quota_store.acquire("robot", 1, now + MINUTE - timedelta(microseconds=1), MINUTE) is not None
    await quota_store.block_until("other", now)
    assert await quota_store.acquire("other", 1, NOW, MINUTE) is not None


async def test_an_unused_limiter_can_be_blocked(quota_store: QuotaStore) -> None:
    await quota_store.block_until("robot", NOW + MINUTE)
    assert await quota_store.acquire("robot", 1, NOW, MINUTE) == NOW + MINUTE
    assert await quota_store.acquire("robot", 1, NOW + MINUTE, MINUTE) is None
