"""The engine against a running ARL: between any two writes it sees complete runs and final states."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from arl_sandbox import StagePace, Timeline, Worker
from bot.models import Task, TaskStatus
from tests.arl_sandbox.arl_fixture import ArlFixture, open_arl_fixture
from tests.arl_sandbox.conftest import build_timeline
from tests.factories import NOW
from tests.fakes import FakeClock

SINCE = NOW - timedelta(hours=1)
BEFORE_THREE = NOW.replace(hour=18, minute=59, second=30)
WAYS = ["with its database", "by its API alone", "the fork with its database", "the fork by its API alone"]
TARGET = "1.1.1.1 a.example.com b.example.com"


@pytest.fixture(params=WAYS)
async def arl_fixture(request: pytest.FixtureRequest, clock: FakeClock) -> AsyncIterator[ArlFixture]:
    clock.now = BEFORE_THREE
    config = request.config if "database" in request.param else None
    async with open_arl_fixture(clock, config, fork="fork" in request.param) as arl_fixture:
        yield arl_fixture


def build_arl_timeline(arl_fixture: ArlFixture, worker: Worker) -> Timeline:
    """Build a timeline of all processes."""
    timeline = build_timeline(arl_fixture.database)
    timeline.add(arl_fixture.scheduler.loop(), worker.slot(), worker.slot())
    return timeline


def build_worker(arl_fixture: ArlFixture) -> Worker:
    return Worker(arl_fixture.database, pace=StagePace(stage=5, gap=0.5, idle=5))


async def poll_tasks(
    arl_fixture: ArlFixture, timeline: Timeline, seconds: float
) -> AsyncIterator[dict[str, Task]]:
    """Yield the tasks of the only run after each write of ARL."""
    end = arl_fixture.clock() + timedelta(seconds=seconds)
    while arl_fixture.clock() < end:
        await timeline.step()
        runs = await arl_fixture.engine.external_runs(SINCE)
        assert len(runs) <= 1
        for run in runs:
            assert len(run.task_ids) == 3
            yield dict(await arl_fixture.engine.tasks(run.task_ids))


async def test_a_run_is_seen_whole_and_an_end_is_the_end(arl_fixture: ArlFixture) -> None:
    arl_fixture.database.add_schedule(target=TARGET)
    ended: dict[str, TaskStatus] = {}
    async for tasks in poll_tasks(
        arl_fixture, build_arl_timeline(arl_fixture, build_worker(arl_fixture)), 200
    ):
        now = {id_: task.status for id_, task in tasks.items()}
        assert ended.items() <= now.items()
        ended = {id_: status for id_, status in now.items() if status.ended}
    assert list(ended.values()) == [TaskStatus.DONE] * 3


async def test_what_fails_and_what_is_stopped_ends_as_that(arl_fixture: ArlFixture) -> None:
    arl_fixture.database.add_schedule(target=TARGET)
    worker = build_worker(arl_fixture)
    worker.flaky_targets.add("1.1.1.1")
    worker.overwrite_stop_with_stage = True
    timeline = build_arl_timeline(arl_fixture, worker)
    await timeline.run(70)
    (run,) = await arl_fixture.engine.external_runs(SINCE)
    await arl_fixture.engine.stop(run.task_ids[1:])
    await timeline.run(200)
    tasks = await arl_fixture.engine.tasks(run.task_ids)
    assert [tasks[id_].status.value for id_ in run.task_ids] == ["error", "stop", "stop"]
