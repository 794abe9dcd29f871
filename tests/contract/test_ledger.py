"""What every Ledger promises."""

import asyncio
from datetime import timedelta

import pytest

from bot.ports import QuotaStore
from bot.wiring.stores import StoreSet
from tests.factories import NOW

MINUTE = timedelta(minutes=1)


@pytest.fixture
def ledgers(both: tuple[StoreSet, StoreSet]) -> tuple[QuotaStore, QuotaStore]:
    """The same ledger, seen by two processes."""
    return both[0].ledger, both[1].ledger


@pytest.fixture
def ledger(ledgers: tuple[QuotaStore, QuotaStore]) -> QuotaStore:
    return ledgers[0]


async def test_calls_are_booked_by_month_and_bucket(ledger: QuotaStore) -> None:
    assert await ledger.add_usage("2026-11", "api", 3) == 3
    assert await ledger.add_usage("2026-11", "api", -1) == 2
    await ledger.add_usage("2026-11", "stream_webhook", 1)
    await ledger.add_usage("2026-12", "api", 7)
    assert await ledger.usage("2026-11") == {"api": 2, "stream_webhook": 1}
    assert await ledger.usage("2027-01") == {}


async def test_many_bookings_at_once_are_all_counted(ledger: QuotaStore) -> None:
    totals = await asyncio.gather(*(ledger.add_usage("2026-11", "api", 1) for _ in range(30)))
    assert sorted(totals) == list(range(1, 31))


async def test_a_gate_lets_as_many_pass_as_it_has_places(ledger: QuotaStore) -> None:
    taken = await asyncio.gather(*(ledger.acquire("robot", 5, NOW, MINUTE) for _ in range(8)))
    assert [when for when in taken if when is not None] == [NOW + MINUTE] * 3
    assert await ledger.acquire("another", 5, NOW, MINUTE) is None


async def test_a_place_is_free_again_when_its_span_is_over(ledger: QuotaStore) -> None:
    for second in range(3):
        assert await ledger.acquire("robot", 3, NOW + timedelta(seconds=second), MINUTE) is None
    assert await ledger.acquire("robot", 3, NOW + timedelta(seconds=30), MINUTE) == NOW + MINUTE
    assert await ledger.acquire("robot", 3, NOW + MINUTE, MINUTE) is None
    assert await ledger.acquire("robot", 3, NOW + MINUTE, MINUTE) == NOW + MINUTE + timedelta(seconds=1)


async def test_no_span_sees_more_than_there_are_places(ledger: QuotaStore) -> None:
    passed = []
    for second in range(0, 300, 7):
        now = NOW + timedelta(seconds=second)
        passed += [now for _ in range(3) if await ledger.acquire("robot", 4, now, MINUTE) is None]
    for first in passed:
        assert len([at for at in passed if first <= at < first + MINUTE]) <= 4


async def test_a_closed_gate_lets_nobody_pass_until_it_opens(ledger: QuotaStore) -> None:
    assert await ledger.blocked_until("robot") is None
    await ledger.block_until("robot", NOW + 10 * MINUTE)
    await ledger.block_until("robot", NOW + 5 * MINUTE)
    assert await ledger.blocked_until("robot") == NOW + 10 * MINUTE
    assert await ledger.acquire("robot", 5, NOW, MINUTE) == NOW + 10 * MINUTE
    assert await ledger.acquire("robot", 5, NOW + 10 * MINUTE, MINUTE) is None


async def test_fewer_places_after_a_change_of_settings_count_at_once(ledger: QuotaStore) -> None:
    await ledger.acquire("robot", 20, NOW, MINUTE)
    later = NOW + MINUTE
    passed = [await ledger.acquire("robot", 2, later, MINUTE) for _ in range(4)]
    assert passed.count(None) == 2


async def test_a_bot_whose_clock_is_hours_ahead_does_not_close_the_gate_for_others(
    ledger: QuotaStore,
) -> None:
    for _ in range(3):
        await ledger.acquire("robot", 3, NOW + timedelta(hours=2), MINUTE)
    assert await ledger.acquire("robot", 3, NOW, MINUTE) is None


async def test_two_processes_share_the_places_of_a_gate(ledgers: tuple[QuotaStore, QuotaStore]) -> None:
    asked = (ledgers[number % 2].acquire("robot", 7, NOW, MINUTE) for number in range(20))
    assert (await asyncio.gather(*asked)).count(None) == 7


async def test_no_microsecond_lets_anyone_pass_early(ledger: QuotaStore) -> None:
    now = NOW + timedelta(microseconds=1)
    await ledger.acquire("robot", 1, now, MINUTE)
    assert await ledger.acquire("robot", 1, now + MINUTE - timedelta(microseconds=1), MINUTE) is not None
    await ledger.block_until("other", now)
    assert await ledger.acquire("other", 1, NOW, MINUTE) is not None


async def test_a_place_that_was_never_asked_for_can_be_closed(ledger: QuotaStore) -> None:
    await ledger.block_until("robot", NOW + MINUTE)
    assert await ledger.acquire("robot", 1, NOW, MINUTE) == NOW + MINUTE
    assert await ledger.acquire("robot", 1, NOW + MINUTE, MINUTE) is None
