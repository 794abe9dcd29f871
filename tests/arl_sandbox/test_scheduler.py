"""The fake scheduler: it fires early, twice, late or not at all, as ARL's does."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from arl_sandbox import ArlScheduler, Intervals, PushBehavior
from arl_sandbox.database import WEB_PROCESS
from tests.arl_sandbox.conftest import ArlProcesses, build_timeline
from tests.arl_sandbox.database import FakeClockDatabase

THREE = datetime(2026, 11, 24, 19, tzinfo=UTC)  # 03:00 in Shanghai


def at(database: FakeClockDatabase, hour: int, minute: int, second: int = 0) -> None:
    """Set the clock to a time (UTC) of the test day."""
    database.clock.now = datetime(2026, 11, 24, hour, minute, second, tzinfo=UTC)


def state(database: FakeClockDatabase, id_: str) -> dict[str, Any]:
    return database.tables["task_schedule"][id_]


async def test_it_fires_up_to_a_minute_early_and_once(living: ArlProcesses) -> None:
    at(living.database, 18, 58, 30)
    id_ = living.database.add_schedule()
    living.timeline.add(living.scheduler.loop())
    await living.timeline.run(3600)
    schedule = state(living.database, id_)
    assert (schedule["run_number"], schedule["last_run_date"]) == (1, "2026-11-25 02:59:28")
    assert schedule["next_run_date"] == "2026-11-26 02:59:00"
    assert living.database.tasks()[0]["name"] == "周期任务-每日扫描-2"


async def test_each_write_of_a_trigger_can_be_seen_on_its_own(living: ArlProcesses) -> None:
    at(living.database, 18, 59, 30)
    id_ = living.database.add_schedule(target="1.1.1.1 a.example.com b.example.com")
    timeline, seen = build_timeline(living.database), []
    timeline.add(living.scheduler.loop())
    for _ in range(9):
        await timeline.step()
        celery = [bool(task["celery_id"]) for task in living.database.tasks()]
        seen.append((state(living.database, id_)["run_number"], celery))
    assert seen[:5] == [(0, []), (1, []), (1, [False]), (1, [True]), (1, [True, False])]
    assert seen[8] == (1, [True, True, True])


async def test_a_time_that_comes_and_goes_while_it_pushes_is_lost(database: FakeClockDatabase) -> None:
    fork = ArlScheduler(database, fork=True, pushing=PushBehavior(seconds=40))
    for name in "一二三":
        for task in fork.run(database.add_schedule(name, cron="0 12 * * *")):
            database.end_task(task)
    at(database, 18, 58, 50)
    id_ = database.add_schedule()
    timeline = build_timeline(database)
    timeline.add(fork.loop())
    await timeline.run(3600)
    assert state(database, id_)["run_number"] == 0


async def test_a_pass_that_takes_long_is_what_makes_the_next_one_late(living: ArlProcesses) -> None:
    slow = ArlScheduler(living.database, intervals=Intervals(poll=58, read=5))
    assert [pause for pause, _ in zip(slow.loop(), range(4), strict=False)] == [5, 58, 5, 58]


async def test_two_copies_that_look_at_the_same_time_fire_twice(living: ArlProcesses) -> None:
    at(living.database, 18, 59, 30)
    id_ = living.database.add_schedule(target="a.example.com")
    living.timeline.add(living.scheduler.loop(), ArlScheduler(living.database, process=WEB_PROCESS).loop())
    await living.timeline.run(30)
    names = [task["name"] for task in living.database.tasks()]
    assert names == ["周期任务-每日扫描-2"] * 2
    assert state(living.database, id_)["run_number"] == 1


async def test_a_single_time_is_fired_late_and_its_state_tells_nothing_of_when(living: ArlProcesses) -> None:
    at(living.database, 19, 0, 40)
    planned: dict[str, Any] = {
        "start_time": THREE.timestamp(), "start_date": "2026-11-25 03:00:00",
        "next_run_date": "2026-11-25 03:00:00",
    }  # fmt: skip
    id_ = living.database.add_schedule(schedule_type="future_scan", cron="", **planned)
    living.timeline.add(living.scheduler.loop())
    await living.timeline.run(300)
    schedule = state(living.database, id_)
    assert (schedule["status"], schedule["run_number"]) == ("done", 1)
    assert (schedule["last_run_time"], schedule["last_run_date"]) == (0, "-")
    assert planned.items() <= schedule.items()
    assert [task["name"] for task in living.database.tasks()] == ["定时任务-每日扫描"] * 2


async def test_without_its_database_it_dies_and_a_new_one_catches_up_with_single_times_alone(
    living: ArlProcesses,
) -> None:
    at(living.database, 18, 50)
    once = living.database.add_schedule(schedule_type="future_scan", cron="", start_time=THREE.timestamp())
    daily = living.database.add_schedule()
    living.database.database_down = True
    living.timeline.add(living.scheduler.loop())
    await living.timeline.run(600)
    living.database.database_down = False
    await living.timeline.run(600)
    assert [state(living.database, id_)["run_number"] for id_ in (once, daily)] == [0, 0]
    living.timeline.add(living.scheduler.loop())
    await living.timeline.run(600)
    assert [state(living.database, id_)["run_number"] for id_ in (once, daily)] == [1, 0]


async def test_the_fork_s_outlives_its_database(database: FakeClockDatabase) -> None:
    at(database, 18, 50)
    once = database.add_schedule(schedule_type="future_scan", cron="", start_time=THREE.timestamp())
    timeline = build_timeline(database)
    database.database_down = True
    timeline.add(ArlScheduler(database, fork=True).loop())
    await timeline.run(900)
    assert state(database, once)["run_number"] == 0
    database.database_down = False
    await timeline.run(60)
    assert state(database, once)["run_number"] == 1


def steps(living: ArlProcesses) -> Iterator[float]:
    at(living.database, 18, 59, 30)
    return living.scheduler.run_pass()


def test_a_stop_while_it_works_is_written_over(living: ArlProcesses) -> None:
    id_ = living.database.add_schedule()
    one_pass = steps(living)
    next(one_pass)
    living.database.change("task_schedule", id_, status="stop")
    list(one_pass)
    assert state(living.database, id_)["status"] == "scheduled"


def test_a_schedule_deleted_while_it_works_does_not_come_back(living: ArlProcesses) -> None:
    id_ = living.database.add_schedule()
    one_pass = steps(living)
    next(one_pass)
    living.database.delete("task_schedule", id_)
    list(one_pass)
    assert id_ not in living.database.tables["task_schedule"]
    assert len(living.database.tasks()) == 2


def test_a_policy_that_is_gone_is_an_error_for_ever(living: ArlProcesses) -> None:
    id_ = living.database.add_schedule()
    living.database.delete("policy", living.database.policy)
    list(steps(living))
    assert (state(living.database, id_)["status"], state(living.database, id_)["run_number"]) == ("error", 1)
    assert living.database.tasks() == []


def test_a_broker_that_fails_half_way_leaves_what_was_made(living: ArlProcesses) -> None:
    living.database.add_schedule(target="1.1.1.1 a.example.com b.example.com")
    living.database.broker_capacity = 1
    list(steps(living))
    assert [task["type"] for task in living.database.tasks()] == ["ip"]


@pytest.mark.parametrize(("status", "runs"), [("scheduled", 1), ("stop", 0), ("error", 0), ("done", 0)])
def test_only_what_is_scheduled_fires(living: ArlProcesses, status: str, runs: int) -> None:
    id_ = living.database.add_schedule(status=status)
    list(steps(living))
    assert state(living.database, id_)["run_number"] == runs
