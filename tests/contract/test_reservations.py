"""Promises of every ReservationStore."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.models import Reservation
from bot.ports import ReservationStore
from bot.wiring.stores import StoreSet
from tests.factories import NOW

Pair = tuple[ReservationStore, ReservationStore]
LATER = NOW + timedelta(seconds=30, microseconds=7)
FIRST = Reservation(key="start:s1", owner="submit:m1", since=NOW, until=LATER, details={"a.b": ["张三"]})
SECOND = replace(FIRST, owner="submit:m2", details={})


@pytest.fixture
def two(both: tuple[StoreSet, StoreSet]) -> Pair:
    """Two bots on one store."""
    return both[0].reservations, both[1].reservations


async def test_a_free_key_is_reserved(two: Pair) -> None:
    assert await two[0].reserve(FIRST) == FIRST
    assert await two[1].find_reservation("start:s1", NOW) == FIRST
    assert await two[1].find_reservation("start:s2", NOW) is None


async def test_the_second_owner_is_told_of_the_first(two: Pair) -> None:
    await two[0].reserve(FIRST)
    assert await two[1].reserve(SECOND) == FIRST


async def test_the_same_owner_gets_the_first_reservation_back(two: Pair) -> None:
    await two[0].reserve(FIRST)
    again = replace(FIRST, since=NOW + timedelta(seconds=9), until=LATER + timedelta(seconds=9))
    assert await two[1].reserve(again) == FIRST


async def test_of_ten_at_once_one_gets_the_key(two: Pair) -> None:
    asked = [two[number % 2].reserve(replace(FIRST, owner=f"m{number}")) for number in range(10)]
    assert len({valid.owner for valid in await asyncio.gather(*asked)}) == 1


async def test_an_expired_reservation_is_replaced_by_one_of_ten(two: Pair) -> None:
    await two[0].reserve(FIRST)
    later = replace(FIRST, since=LATER, until=LATER + timedelta(seconds=30))
    assert await two[0].find_reservation("start:s1", LATER) is None
    asked = [two[number % 2].reserve(replace(later, owner=f"m{number}")) for number in range(10)]
    (owner,) = {valid.owner for valid in await asyncio.gather(*asked)}
    assert owner != FIRST.owner


async def test_only_its_owner_releases_a_key_and_only_once(two: Pair) -> None:
    await two[0].reserve(FIRST)
    assert not await two[1].release("start:s1", SECOND.owner)
    assert [await two[1].release("start:s1", FIRST.owner) for _ in range(2)] == [True, False]
    assert await two[0].reserve(SECOND) == SECOND


async def test_what_expired_days_ago_is_removed(two: Pair) -> None:
    await two[0].reserve(FIRST)
    days = timedelta(days=2)
    await two[0].reserve(replace(SECOND, key="other", since=NOW + days, until=LATER + days))
    assert await two[0].find_reservation("start:s1", NOW) is None
