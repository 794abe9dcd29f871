"""Contract of OverrideStore."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.models import Acknowledgement, Mute, NotifyChange, NotifyOn, Person
from bot.ports import OverrideStore
from bot.wiring.stores import StoreSet
from tests.factories import NOW, make_override

Pair = tuple[OverrideStore, OverrideStore]
WHO = Person(id="user01", name="李雷")
LATER = NOW + timedelta(hours=2, microseconds=123_457)
FULL = make_override(
    notify=NotifyChange(by=WHO, at=LATER, notify_enable=False, notify_on=NotifyOn.FAILED),
    mute=Mute(by=WHO, at=NOW, until=LATER, run_id="r1"),
    acknowledgement=Acknowledgement(by=WHO, at=NOW, until=LATER, run_id="r2"),
)


@pytest.fixture
def two(both: tuple[StoreSet, StoreSet]) -> Pair:
    """Return the store as two bots see it."""
    return both[0].overrides, both[1].overrides


@pytest.fixture
def overrides(two: Pair) -> OverrideStore:
    return two[0]


async def test_an_override_is_read_as_it_was_written(overrides: OverrideStore) -> None:
    assert await overrides.save_override(FULL)
    assert await overrides.find_override("s1") == replace(FULL, version=1)


async def test_an_unknown_schedule_has_no_override(overrides: OverrideStore) -> None:
    assert await overrides.find_override("s1") is None
    assert await overrides.find_overrides() == []


async def test_all_overrides_are_found_together(overrides: OverrideStore) -> None:
    for number in range(3):
        await overrides.save_override(make_override(schedule_id=f"s{number}"))
    assert {each.schedule_id for each in await overrides.find_overrides()} == {"s0", "s1", "s2"}


async def test_a_change_of_the_current_version_is_stored_under_the_next_one(overrides: OverrideStore) -> None:
    await overrides.save_override(FULL)
    assert await overrides.save_override(replace(FULL, version=1, mute=None))
    assert await overrides.find_override("s1") == replace(FULL, version=2, mute=None)


@pytest.mark.parametrize("version", [0, 2])
async def test_a_change_of_another_version_is_refused(overrides: OverrideStore, version: int) -> None:
    await overrides.save_override(FULL)
    assert not await overrides.save_override(make_override(version=version))
    assert await overrides.find_override("s1") == replace(FULL, version=1)


async def test_an_override_that_does_not_exist_has_no_later_version(overrides: OverrideStore) -> None:
    assert not await overrides.save_override(make_override(version=1))
    assert await overrides.find_override("s1") is None


@pytest.mark.parametrize("version", [0, 1])
async def test_of_concurrent_changes_one_is_stored(two: Pair, version: int) -> None:
    if version:
        await two[0].save_override(make_override())
    saved = await asyncio.gather(
        *(two[n % 2].save_override(replace(FULL, version=version)) for n in range(8))
    )
    assert saved.count(True) == 1
    found = await two[1].find_override("s1")
    assert found == replace(FULL, version=version + 1)
