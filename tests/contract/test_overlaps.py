"""A run that another system starts while an earlier one of its schedule is open: the overlap policy."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from bot.external.models import CommandKind, ReportedStatus
from bot.models import EXTERNAL, Expectation, NotifyOn, Overlap, RunStatus, Trigger
from bot.runs.lifecycle import TriggerRequest
from bot.stores.sqlite.store import SqliteStore
from bot.wiring.stores import StoreSet
from tests.conftest import CoreHarness
from tests.external.harness import BACKUP, FAILED, RUNNING, SUCCESS, Reported
from tests.fakes import FakeClock


@pytest.fixture
def stores(both: tuple[StoreSet, StoreSet]) -> StoreSet:
    return both[0]


@pytest.fixture
def core(stores: StoreSet, tmp_path: Path) -> CoreHarness:
    store = cast(SqliteStore, stores.store)  # or MongoDB's
    return CoreHarness(store=store, stores=stores, clock=FakeClock(), folder=tmp_path)


def reported(core: CoreHarness, stores: StoreSet, overlap: Overlap) -> Reported:
    return Reported(core, stores, replace(BACKUP, expect=Expectation(overlap=overlap)))


async def started_twice(api: Reported) -> None:
    """Start two runs, one after the other, of which the first does not end."""
    for rid in ("1", "2"):
        await api.report(RUNNING, rid=rid)
        api.core.clock.turn(seconds=60)


async def states(api: Reported) -> list[ReportedStatus]:
    return [each.status for run in await api.runs() if (each := await api.records.runs.find(run.id))]


@pytest.mark.parametrize(
    ("overlap", "first"),
    [(Overlap.ALLOW, RUNNING), (Overlap.SKIP, RUNNING), (Overlap.SUPERSEDE, ReportedStatus.LOST)],
)
async def test_both_are_runs_unless_one_takes_the_place_of_the_other(
    core: CoreHarness, stores: StoreSet, overlap: Overlap, first: ReportedStatus
) -> None:
    api = reported(core, stores, overlap)
    await started_twice(api)
    assert await states(api) == [first, RUNNING]


@pytest.mark.parametrize(
    ("overlap", "first"), [(Overlap.SKIP, RUNNING), (Overlap.SUPERSEDE, ReportedStatus.LOST)]
)
async def test_a_run_that_waited_in_a_queue_takes_no_place_before_it_starts(
    core: CoreHarness, stores: StoreSet, overlap: Overlap, first: ReportedStatus
) -> None:
    api = reported(core, stores, overlap)
    await api.report(RUNNING, rid="1")
    core.clock.turn(seconds=60)
    await api.report(ReportedStatus.QUEUED, rid="2")
    assert await states(api) == [RUNNING, ReportedStatus.QUEUED]
    await api.report(RUNNING, rid="2")
    assert await states(api) == [first, RUNNING]
    notified = (await api.runs())[1].schedule.notify_on
    assert notified is (NotifyOn.FAILED if overlap is Overlap.SKIP else NotifyOn.FINISHED)


async def test_a_superseded_run_is_told_of_and_its_real_end_corrects_that(
    core: CoreHarness, stores: StoreSet
) -> None:
    api = reported(core, stores, Overlap.SUPERSEDE)
    await started_twice(api)
    await core.do_jobs()
    assert "没有结束，后一次执行已经开始" in next(iter(core.messenger.cards.values())).params["markdown"]
    await api.report(SUCCESS, rid="1")
    await api.report(SUCCESS, rid="2")
    assert [run.well for run in await api.runs()] == [True, True]


async def test_a_late_report_of_an_earlier_start_supersedes_nothing(
    core: CoreHarness, stores: StoreSet
) -> None:
    api = reported(core, stores, Overlap.SUPERSEDE)
    earlier = core.clock()
    core.clock.turn(seconds=60)
    await api.report(RUNNING, rid="2")
    await api.report(RUNNING, rid="1", started_at=earlier)
    assert set(await states(api)) == {RUNNING}


@pytest.mark.parametrize(("end", "cards"), [(SUCCESS, 0), (FAILED, 1)])
async def test_a_start_that_was_to_be_skipped_is_told_only_if_it_fails(
    core: CoreHarness, stores: StoreSet, end: ReportedStatus, cards: int
) -> None:
    api = reported(core, stores, Overlap.SKIP)
    await started_twice(api)
    await api.report(end, rid="2")
    await core.do_jobs()
    assert core.messenger.verbs().count("card") == cards
    await api.report(SUCCESS, rid="1")
    await core.do_jobs()
    assert core.messenger.verbs().count("card") == cards + 1


async def ask(api: Reported) -> None:
    """Ask from here for a run while one is open."""
    (schedule,) = [each for each in await api.core.engine.schedules() if each.engine == EXTERNAL]
    request = TriggerRequest(idempotency_key="submit:asked", trigger=Trigger.API)
    await api.core.context.guards.starts.start(schedule, request)
    await api.core.do_jobs()


async def test_asking_for_a_run_stops_the_one_that_it_supersedes(core: CoreHarness, stores: StoreSet) -> None:
    api = reported(core, stores, Overlap.SUPERSEDE)
    await api.report(RUNNING)
    await ask(api)
    assert [command.kind for command in api.sender.sent] == [CommandKind.STOP, CommandKind.RERUN]
    assert [run.status for run in await api.runs()] == [RunStatus.RUNNING] * 2  # until its system says so
