"""A corrected clock delays no job."""

from datetime import timedelta

import pytest

from bot.jobs.clock_guard import MAX_AHEAD, MIN_DELAY, ClockGuard
from bot.models import MAX_CLOCK_SKEW, JobState
from bot.stores.sqlite.tasks import SqliteTaskStore
from bot.telemetry.rescues import Rescue
from tests.conftest import CoreHarness
from tests.factories import NOW, make_job, make_task

HOURS_AHEAD = 3 * 3600.0


@pytest.fixture
def guard(core: CoreHarness) -> ClockGuard:
    return ClockGuard(core.store, SqliteTaskStore(core.store), clock=core.clock)


@pytest.mark.rescue(Rescue.CLOCK_SET_BACK)
async def test_jobs_that_a_clock_ahead_put_off_are_done_once_it_is_right(
    core: CoreHarness, guard: ClockGuard, caplog: pytest.LogCaptureFixture
) -> None:
    core.clock.turn(seconds=HOURS_AHEAD)
    assert not await guard.check()
    await core.store.add_job(make_job(id="waiting", due_at=core.clock()))
    await core.store.add_job(make_job(id="taken", due_at=core.clock()))
    await core.store.claim_job(["card"], "dead", core.clock(), core.clock() + timedelta(seconds=10))
    core.clock.turn(seconds=-HOURS_AHEAD)
    assert await guard.check()
    assert "the clock was set back" in caplog.text
    now, until = core.clock(), core.clock() + timedelta(seconds=10)
    claims = [await core.store.claim_job(["card"], "me", now, until) for _ in range(3)]
    assert [job.state for job in claims if job] == [JobState.DOING] * 2
    assert not await guard.check()


async def test_clocks_that_differ_a_little_free_nothing(
    core: CoreHarness, guard: ClockGuard, caplog: pytest.LogCaptureFixture
) -> None:
    await guard.check()
    core.clock.turn(seconds=-MAX_CLOCK_SKEW.total_seconds())
    assert not await guard.check()
    assert caplog.text == ""


async def test_clocks_that_differ_as_much_as_is_allowed_free_nothing(
    core: CoreHarness, guard: ClockGuard
) -> None:
    await guard.check()
    core.clock.turn(seconds=-MAX_AHEAD.total_seconds())
    assert not await guard.check()
    assert await core.store.find_value("clock") == core.clock().isoformat()


async def test_a_corrected_clock_releases_jobs_and_tasks_but_no_short_delay(
    core: CoreHarness, guard: ClockGuard, caplog: pytest.LogCaptureFixture
) -> None:
    tasks, ahead = SqliteTaskStore(core.store), NOW + timedelta(hours=3)
    await core.store.set_value("clock", ahead.isoformat())
    soon, late = NOW + MIN_DELAY, NOW + MIN_DELAY + timedelta(seconds=1)
    await core.store.add_job(make_job(id="soon", due_at=soon))
    await core.store.add_job(make_job(id="late", due_at=late))
    await tasks.add_tasks([make_task(id="t1")])
    await tasks.claim_task("dead", ahead, ahead)
    assert await guard.check()
    due = {job.id: job.due_at for job in await core.store.find_jobs()}
    assert due == {"soon": soon, "late": NOW}
    assert await tasks.claim_task("me", NOW, ahead)
    expected = f"set back from {ahead.isoformat()} to {NOW.isoformat()}: 2 delayed jobs and tasks released"
    assert expected in caplog.text
