"""What a run beside ARL is compared with, when ARL stopped a part of it and the rest was begun again."""

from collections.abc import AsyncIterator

import pytest

from bot.models import Run, RunStatus, TaskStatus
from bot.ports import ReportInput
from bot.runs.outcome import count_tasks, list_failures
from bot.workbook.baseline import with_baseline
from tests.arl_sandbox.arl_fixture import ArlFixture, open_arl_fixture
from tests.factories import make_run, make_schedule
from tests.fakes import FakeClock

TARGETS = ("1.1.1.1", "1.1.1.2", "a.example")


@pytest.fixture(params=["with its database", "by its API alone"])
async def beside(request: pytest.FixtureRequest, clock: FakeClock) -> AsyncIterator[ArlFixture]:
    async with open_arl_fixture(clock, request.config if "database" in request.param else None) as beside:
        yield beside


async def ended(beside: ArlFixture, name: str, target: str, *statuses: str) -> Run:
    """A run of two tasks: all addresses together, and the domain."""
    ids = [
        beside.database.add_task(f"{name}-0", "ip", target),
        beside.database.add_task(f"{name}-1", "domain", "a.example"),
    ]
    for id_, status in zip(ids, statuses, strict=True):
        beside.database.end_task(id_, status)
    await beside.turn(60)
    tasks = await beside.engine.tasks(ids)
    return make_run(
        id=name,
        schedule=make_schedule(targets=TARGETS),
        start_time=beside.clock(),
        status=RunStatus.FINISHED,
        task_ids=tuple(ids),
        task_counts=count_tasks(ids, tasks),
        failures=list_failures(ids, tasks),
    )


async def test_a_part_that_was_stopped_is_compared_with_the_run_before(beside: ArlFixture) -> None:
    whole = await ended(beside, "one", "1.1.1.1 1.1.1.2", "done", "done")
    stopped = await ended(beside, "two", "1.1.1.2 1.1.1.1", "done", "stop")
    assert [failure.status for failure in stopped.failures] == [TaskStatus.STOP]
    last = await ended(beside, "three", "1.1.1.2 1.1.1.1", "done", "done")
    found = (await with_baseline(beside.engine, ReportInput(run=last, earlier=(stopped, whole)))).baseline
    assert found is not None
    assert found.runs == (stopped, whole)
    assert found.complete == (stopped.task_ids[0], whole.task_ids[1])
    assert found.partial == (stopped.task_ids[1],)
