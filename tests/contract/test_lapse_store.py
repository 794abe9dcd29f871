"""Promises of every LapseStore."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.models import Lapse, LapseKind, LapseState, Watch
from bot.ports import LapseStore
from bot.wiring.stores import StoreSet
from tests.factories import NOW, make_lapse

LATER = NOW + timedelta(seconds=30)
OPEN = {LapseState.FOUND, LapseState.TOLD}


@pytest.fixture
def stores(both: tuple[StoreSet, StoreSet]) -> tuple[LapseStore, LapseStore]:
    """The same store, seen by two processes."""
    return both[0].lapses, both[1].lapses


@pytest.fixture
def store(stores: tuple[LapseStore, LapseStore]) -> LapseStore:
    return stores[0]


async def test_a_lapse_comes_back_as_it_was(store: LapseStore) -> None:
    lapse = make_lapse(kind=LapseKind.LATE, usual=timedelta(seconds=90), run_id="r1", over_at=LATER, missed=4)
    await store.add_lapse(lapse)
    assert await store.find_lapse(lapse.id) == lapse


async def test_an_unknown_lapse_is_not_found(store: LapseStore) -> None:
    assert await store.find_lapse("late:r1") is None
    assert not await store.change_lapse("late:r1", {"missed": 1}, when=LapseState.FOUND)


async def test_a_lapse_is_stored_once(stores: tuple[LapseStore, LapseStore]) -> None:
    lapse = make_lapse()
    added = await asyncio.gather(*(each.add_lapse(lapse) for each in stores))
    assert sorted(added) == [False, True]


async def test_a_settled_lapse_is_not_stored_again(store: LapseStore) -> None:
    lapse = make_lapse(state=LapseState.SETTLED)
    await store.add_lapse(lapse)
    assert not await store.add_lapse(replace(lapse, state=LapseState.FOUND))


async def test_one_of_two_processes_changes_the_state(stores: tuple[LapseStore, LapseStore]) -> None:
    lapse = make_lapse()
    await stores[0].add_lapse(lapse)
    changes = {"state": LapseState.OVER, "over_at": LATER, "missed": 2}
    changed = await asyncio.gather(
        *(each.change_lapse(lapse.id, changes, when=LapseState.FOUND) for each in stores)
    )
    assert sorted(changed) == [False, True]
    assert await stores[0].find_lapse(lapse.id) == replace(lapse, **changes)  # type: ignore[arg-type]


async def test_lapses_are_found_by_state_oldest_first(store: LapseStore) -> None:
    later, first = make_lapse(found_at=LATER + timedelta(hours=1)), make_lapse(state=LapseState.TOLD)
    for lapse in (later, first, make_lapse(state=LapseState.SETTLED)):
        await store.add_lapse(lapse)
    assert await store.find_lapses(OPEN) == [first, later]


async def watches(store: LapseStore) -> list[Watch]:
    return list(await store.find_watches())


async def test_a_schedule_is_watched_from_the_first_time_on(store: LapseStore) -> None:
    await store.watch("s1", "0 3 * * *", NOW)
    await store.watch("s1", "0 3 * * *", LATER)
    assert await watches(store) == [Watch(schedule_id="s1", plan="0 3 * * *", since=NOW)]


async def test_a_changed_plan_is_watched_from_then_on(store: LapseStore) -> None:
    await store.watch("s1", "0 3 * * *", NOW)
    await store.record_start("s1", NOW)
    await store.watch("s1", "0 4 * * *", LATER)
    assert await watches(store) == [Watch(schedule_id="s1", plan="0 4 * * *", since=LATER, last_start=NOW)]


async def test_the_latest_start_is_kept(stores: tuple[LapseStore, LapseStore]) -> None:
    await asyncio.gather(stores[0].record_start("s1", LATER), stores[1].record_start("s1", NOW))
    (watch,) = await watches(stores[0])
    assert watch.last_start == LATER


async def test_a_start_of_a_clock_ahead_is_reset(store: LapseStore) -> None:
    await store.record_start("s1", LATER)
    await store.reset_start("s1", NOW)
    await store.reset_start("s1", LATER)
    await store.reset_start("s2", NOW)
    (watch,) = await watches(store)
    assert watch.last_start == NOW


def test_a_lapse_names_its_schedule() -> None:
    lapse: Lapse = make_lapse()
    assert lapse.schedule_id == "s1"
