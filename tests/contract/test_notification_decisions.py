"""Decide how ending runs are notified of, by several bots on every kind of store."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.delivery.policy.overrides import Overrides
from bot.models import Mute, NotifyChange, NotifyOn, Person, Run, RunStatus
from bot.runs.decisions import NotificationDecisions
from bot.wiring.stores import StoreSet
from tests.factories import NOW, make_run

WHO = Person(id="user01", name="李雷")
Bots = tuple[NotificationDecisions, NotificationDecisions]


@pytest.fixture
def bots(both: tuple[StoreSet, StoreSet]) -> Bots:
    """Two bots on one store."""
    first, second = (
        NotificationDecisions(each.store, Overrides(each.overrides), clock=lambda: NOW) for each in both
    )
    return first, second


async def running(stores: StoreSet, count: int) -> list[Run]:
    runs = [make_run() for _ in range(count)]
    for run in runs:
        await stores.store.add_run(run)
    return runs


async def test_of_runs_that_end_at_once_one_uses_up_a_mute_of_the_next(
    both: tuple[StoreSet, StoreSet], bots: Bots
) -> None:
    await Overrides(both[0].overrides).change("s1", lambda each: replace(each, mute=Mute(by=WHO, at=NOW)))
    runs = await running(both[0], 6)
    decided = await asyncio.gather(*(bots[n % 2].decide(run, NOW) for n, run in enumerate(runs)))
    assert [run.muted is not None for run in decided].count(True) == 1
    stored = [await both[1].store.find_run(run.id) for run in runs]
    assert [run.muted for run in stored if run] == [run.muted for run in decided]


async def test_two_bots_that_end_the_same_run_decide_the_same(
    both: tuple[StoreSet, StoreSet], bots: Bots
) -> None:
    await Overrides(both[0].overrides).change("s1", lambda each: replace(each, mute=Mute(by=WHO, at=NOW)))
    (run,) = await running(both[0], 1)
    first, second = await asyncio.gather(*(bot.decide(run, NOW) for bot in bots))
    assert first.muted is not None
    assert second.muted is not None


async def test_the_decision_is_stored_before_anything_follows(
    both: tuple[StoreSet, StoreSet], bots: Bots
) -> None:
    mute = Mute(by=WHO, at=NOW, until=NOW + timedelta(hours=1))
    change = NotifyChange(by=WHO, at=NOW, notify_on=NotifyOn.FAILED)
    await Overrides(both[0].overrides).change("s1", lambda each: replace(each, mute=mute, notify=change))
    (run,) = await running(both[0], 1)
    decided = await bots[0].decide(run, NOW)
    stored = await both[1].store.find_run(run.id)
    assert stored == decided
    assert (decided.schedule.notify_on, decided.muted, decided.status) == (
        NotifyOn.FAILED,
        mute,
        RunStatus.RUNNING,
    )
