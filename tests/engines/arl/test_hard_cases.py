"""The cases that make ARL hard to watch, each with its database and by its API alone: what comes of a run."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from arl_sandbox.database import SECOND_WEB_PROCESS
from bot.engines.arl.triggers import INITIAL_SETTLE_TIME, SETTLE_TIME
from bot.models import UNSUBMITTED, TaskStatus
from bot.ports import EngineRun
from tests.arl_sandbox.arl_fixture import ArlFixture, open_arl_fixture
from tests.factories import NOW
from tests.fakes import FakeClock

SINCE = NOW - timedelta(hours=1)
DAY = 86_400


@pytest.fixture(params=["with its database", "by its API alone"])
async def beside(request: pytest.FixtureRequest, clock: FakeClock) -> AsyncIterator[ArlFixture]:
    async with open_arl_fixture(clock, request.config if "database" in request.param else None) as beside:
        yield beside


async def found(beside: ArlFixture, seconds: float = 0) -> list[EngineRun]:
    """What ARL has begun, once the time of grace is over."""
    await beside.grace()
    await beside.turn(seconds)
    return list(await beside.engine.external_runs(SINCE))


async def states(beside: ArlFixture, run: EngineRun) -> list[TaskStatus]:
    return [task.status for task in (await beside.engine.tasks(run.task_ids)).values()]


async def test_twins_have_a_run_each(beside: ArlFixture) -> None:
    ids = [beside.database.add_schedule() for _ in range(2)]
    tasks = [set(beside.scheduler.run(id_)) for id_ in ids]
    runs = await found(beside)
    assert [run.schedule.id for run in runs] == ids
    assert [set(run.task_ids) for run in runs] == tasks


async def test_runs_of_one_schedule_that_overlap_stay_apart(beside: ArlFixture) -> None:
    id_ = beside.database.add_schedule()
    first = beside.scheduler.run(id_)
    await beside.turn(240)
    second = beside.scheduler.run(id_)
    beside.database.end_task(second[0])
    runs = await found(beside)
    assert [set(run.task_ids) for run in runs] == [set(first), set(second)]
    assert [sorted(await states(beside, run)) for run in runs] == [
        ["waiting", "waiting"],
        ["done", "waiting"],
    ]


async def test_a_task_deleted_before_its_run_was_detected_is_missing(beside: ArlFixture) -> None:
    gone, left = beside.scheduler.run(beside.database.add_schedule())
    beside.database.delete("task", gone)
    (run,) = await found(beside)
    assert left in run.task_ids
    assert TaskStatus.MISSING in await states(beside, run)


async def test_a_task_deleted_after_its_run_was_detected_is_unknown(beside: ArlFixture) -> None:
    beside.scheduler.run(beside.database.add_schedule())
    (run,) = await found(beside)
    beside.database.delete("task", run.task_ids[0])
    await beside.turn(60)
    assert list(await beside.engine.tasks(run.task_ids)) == list(run.task_ids[1:])
    assert await beside.engine.open_tasks(run.task_ids) == set(run.task_ids[1:])


async def test_a_task_that_somebody_began_again_in_arl_changes_no_run(beside: ArlFixture) -> None:
    mine = beside.scheduler.run(beside.database.add_schedule(target="a.example.com"))
    beside.database.end_task(mine[0], "error")
    beside.database.add_task(
        "重新运行-周期任务-每日扫描-2", "domain", "a.example.com", process=SECOND_WEB_PROCESS
    )
    run, again = await found(beside)
    assert list(run.task_ids) == mine
    assert await states(beside, run) == [TaskStatus.ERROR]
    assert await states(beside, again) == [TaskStatus.WAITING]


async def test_a_stop_overwritten_by_a_stage_name_ends_the_run(beside: ArlFixture) -> None:
    (id_,) = beside.scheduler.run(beside.database.add_schedule(target="a.example.com"))
    beside.database.end_task(id_, "stop")
    beside.database.change("task", id_, status="site_identify")
    (run,) = await found(beside)
    assert await beside.engine.open_tasks(run.task_ids) == set()
    assert await states(beside, run) == [TaskStatus.STOP]


async def test_done_without_an_end_time_ends_the_run_at_the_second_poll(beside: ArlFixture) -> None:
    (id_,) = beside.scheduler.run(beside.database.add_schedule(target="a.example.com"))
    beside.database.change("task", id_, status="done", statistic={"site_cnt": 1})
    (run,) = await found(beside)
    looks = [await beside.engine.open_tasks(run.task_ids) for _ in range(2)]
    assert looks == [{id_}, set()]


async def test_error_without_an_end_time_ends_the_run(beside: ArlFixture) -> None:
    (id_,) = beside.scheduler.run(beside.database.add_schedule(target="1.1.1.1"))
    beside.database.change("task", id_, status="error")
    (run,) = await found(beside)
    assert await beside.engine.open_tasks(run.task_ids) == set()


@pytest.mark.parametrize("field", ["stop_reason", "end_reason"])
async def test_why_a_task_failed_is_told_in_the_words_of_either_fork(beside: ArlFixture, field: str) -> None:
    (id_,) = beside.scheduler.run(beside.database.add_schedule(target="a.example.com"))
    beside.database.change("task", id_, status="error", **{field: "系统重启"})
    (run,) = await found(beside)
    (task,) = (await beside.engine.tasks(run.task_ids)).values()
    assert "系统重启" in task.reason


async def test_error_written_over_a_stop_ends_the_run(beside: ArlFixture) -> None:
    (id_,) = beside.scheduler.run(beside.database.add_schedule(target="1.1.1.1"))
    beside.database.end_task(id_, "stop")
    beside.database.change("task", id_, status="error")
    (run,) = await found(beside)
    assert await beside.engine.open_tasks(run.task_ids) == set()
    assert await states(beside, run) == [TaskStatus.ERROR]


async def test_a_task_stuck_for_ever_is_given_up_and_says_where(beside: ArlFixture) -> None:
    (id_,) = beside.scheduler.run(beside.database.add_schedule(target="a.example.com"))
    beside.database.begin_task(id_, "nuclei_scan")
    (run,) = await found(beside, 3 * DAY + 1)
    assert await beside.engine.open_tasks(run.task_ids) == set()
    (task,) = (await beside.engine.tasks(run.task_ids)).values()
    assert (task.status, "nuclei_scan" in task.reason) == (TaskStatus.MISSING, True)


async def test_targets_that_never_came_are_told_by_name(beside: ArlFixture) -> None:
    id_ = beside.database.add_schedule(target="1.1.1.1 a.example.com b.example.com")
    beside.database.broker_capacity = 2
    beside.scheduler.run(id_)
    (run,) = await found(beside)
    tasks = (await beside.engine.tasks(run.task_ids)).values()
    assert [task.target for task in tasks if task.id.startswith(UNSUBMITTED)] == ["a.example.com"]


async def test_a_trigger_that_arl_refused_as_a_whole_is_a_run_of_missing_tasks(beside: ArlFixture) -> None:
    beside.database.blocked_addresses.add("1.1.1.1")
    beside.scheduler.run(beside.database.add_schedule())
    (run,) = await found(beside)
    assert await states(beside, run) == [TaskStatus.MISSING, TaskStatus.MISSING]


async def test_every_run_of_a_time_when_nobody_looked_is_found(beside: ArlFixture) -> None:
    id_ = beside.database.add_schedule(target="a.example.com")
    for _ in range(3):
        (task,) = beside.scheduler.run(id_)
        beside.database.end_task(task)
        await beside.turn(DAY)
    runs = await found(beside)
    assert [run.idempotency_key for run in runs] == [f"arl:{id_}:{number}" for number in (1, 2, 3)]
    assert [run.start_time for run in runs] == [NOW + timedelta(days=days) for days in range(3)]


async def test_the_first_poll_reports_long_incomplete_runs_at_once(beside: ArlFixture) -> None:
    id_ = beside.database.add_schedule(target="a.example.com b.example.com")
    beside.database.broker_capacity = 1
    beside.scheduler.run(id_)
    await beside.turn(INITIAL_SETTLE_TIME.total_seconds())
    (run,) = await beside.engine.external_runs(SINCE)
    assert sorted(await states(beside, run)) == [TaskStatus.MISSING, TaskStatus.WAITING]


async def test_a_first_look_waits_with_what_may_still_be_written(beside: ArlFixture) -> None:
    id_ = beside.database.add_schedule(target="a.example.com b.example.com")
    beside.database.broker_capacity = 1
    beside.scheduler.run(id_)
    await beside.turn(INITIAL_SETTLE_TIME.total_seconds() - 10)
    assert await looks(beside, SETTLE_TIME.total_seconds()) == []
    assert len(await looks(beside, 5)) == 1


async def test_a_scan_in_the_future_is_one_run(beside: ArlFixture) -> None:
    when = NOW.timestamp()
    id_ = beside.database.add_schedule(
        target="1.1.1.1", schedule_type="future_scan", cron="", start_time=when
    )
    tasks = beside.scheduler.run(id_)
    (run,) = await found(beside)
    assert (run.idempotency_key, list(run.task_ids)) == (f"arl:{id_}:1", tasks)


async def looks(beside: ArlFixture, seconds: float) -> list[EngineRun]:
    """What is found by a look each five seconds for so long."""
    runs: list[EngineRun] = []
    for _ in range(int(seconds // 5)):
        await beside.turn(5)
        runs = list(await beside.engine.external_runs(SINCE))
    return runs


async def late_scan(beside: ArlFixture) -> str:
    """A scan that was meant for now, with ARL's scheduler down for ten minutes, in which we look."""
    id_ = beside.database.add_schedule(
        target="a.example.com b.example.com", schedule_type="future_scan", cron="", start_time=NOW.timestamp()
    )
    assert await looks(beside, 600) == []
    return id_


async def test_a_late_future_scan_is_detected_with_its_tasks(beside: ArlFixture) -> None:
    id_ = await late_scan(beside)
    tasks: list[str] = []
    for step in beside.scheduler.fire(id_):
        tasks += [step] if step in beside.database.tables["task"] else []
        runs = await looks(beside, 5)
        assert [set(run.task_ids) for run in runs] in ([], [set(tasks)])
    (run,) = await looks(beside, 65)
    assert (run.idempotency_key, set(run.task_ids), len(tasks)) == (f"arl:{id_}:1", set(tasks), 2)
    assert await states(beside, run) == [TaskStatus.WAITING] * 2


async def test_a_late_future_scan_that_was_refused_is_reported(beside: ArlFixture) -> None:
    id_ = await late_scan(beside)
    beside.database.forbidden_domains |= {"a.example.com"}
    beside.scheduler.run(id_)
    assert await looks(beside, SETTLE_TIME.total_seconds()) == []
    (run,) = await looks(beside, 10)
    assert await states(beside, run) == [TaskStatus.MISSING] * 2
    assert run.start_time >= NOW + timedelta(seconds=600)


async def test_a_scan_that_comes_days_late_and_is_refused_is_told(beside: ArlFixture) -> None:
    id_ = await late_scan(beside)
    await beside.turn(5 * DAY)
    since = beside.clock() - timedelta(hours=1)
    await beside.engine.external_runs(since)
    beside.database.forbidden_domains |= {"a.example.com"}
    beside.scheduler.run(id_)
    await beside.grace()
    (run,) = await beside.engine.external_runs(since)
    assert await states(beside, run) == [TaskStatus.MISSING] * 2


@pytest.mark.parametrize("minutes", [-30, -1, 1])
async def test_a_clock_of_arl_that_is_off_loses_nothing_of_a_run(beside: ArlFixture, minutes: int) -> None:
    id_ = beside.database.add_schedule()
    beside.clock.turn(seconds=60 * minutes)  # so ARL's clock shows
    tasks = beside.scheduler.run(id_)
    beside.clock.turn(seconds=-60 * minutes)
    await beside.database.flush()
    (run,) = await beside.engine.external_runs(SINCE)
    assert set(run.task_ids) == set(tasks)
