"""The fake ARL while its database is down: every call fails after a timeout."""

import asyncio

import pytest

from arl_sandbox import FakeArl, Worker
from bot.errors import TemporaryError
from bot.models import TaskStatus
from tests.arl_sandbox.arl_fixture import open_arl_fixture
from tests.arl_sandbox.conftest import Caller, build_timeline
from tests.arl_sandbox.database import FakeClockDatabase
from tests.factories import NOW
from tests.fakes import FakeClock

PATHS = ["/task/", "/task_schedule/", f"/task/stop/{'5' * 24}", f"/export/{'5' * 24}"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_call_fails_with_http_500_after_it_has_hung(
    caller: Caller, database: FakeClockDatabase, path: str
) -> None:
    database.database_down = True
    assert caller.arl.database_timeout == FakeArl.database_timeout == 30
    caller.arl.database_timeout = 0.05
    before = asyncio.get_running_loop().time()
    assert await caller.status("GET", path) == 500
    assert asyncio.get_running_loop().time() - before >= 0.05


async def test_the_engine_is_told_to_come_back_later_and_goes_on_then(clock: FakeClock) -> None:
    async with open_arl_fixture(clock, None) as beside:
        beside.database.add_schedule()
        beside.arl.database_timeout, beside.database.database_down = 0, True
        with pytest.raises(TemporaryError, match="HTTP 500"):
            await beside.engine.schedules()
        beside.database.database_down = False
        assert len(await beside.engine.schedules()) == 1


@pytest.mark.parametrize("way", ["with its database", "by its API alone"])
async def test_a_single_time_that_a_dead_scheduler_missed_is_one_true_run(
    request: pytest.FixtureRequest, clock: FakeClock, way: str
) -> None:
    """Run a one-time schedule whose scheduler was down at its time, polling every ten seconds."""
    async with open_arl_fixture(clock, request.config if "database" in way else None) as beside:
        when = NOW.timestamp() + 120
        beside.database.add_schedule(target="1.1.1.1", schedule_type="future_scan", cron="", start_time=when)
        timeline = build_timeline(beside.database)
        timeline.add(Worker(beside.database).slot())
        for second in range(0, 900, 10):
            if second == 600:
                timeline.add(beside.scheduler.loop())
            await timeline.run(10)
            runs = await beside.engine.external_runs(NOW)
            tasks = [task for run in runs for task in (await beside.engine.tasks(run.task_ids)).values()]
            assert TaskStatus.MISSING not in [task.status for task in tasks]
        assert [task.status for task in tasks] == [TaskStatus.DONE]
