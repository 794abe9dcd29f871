"""Which tasks belong to which trigger: ARL's scheduler writes second by second, a reader looks in between."""

from datetime import datetime, timedelta

import pytest

from arl_sandbox import ZONE, ArlScheduler
from arl_sandbox.database import SECOND_WEB_PROCESS
from bot.engines.arl.documents import normalize_task
from bot.engines.arl.run_detection import FoundRun, detect_runs, parse_plan
from bot.engines.arl.tasks import ReadOptions, parse_status, parse_task
from bot.engines.arl.triggers import SETTLE_TIME, TriggerWatch
from bot.models import TaskStatus
from tests.arl_sandbox.database import FakeClockDatabase
from tests.factories import NOW
from tests.fakes import FakeClock

SINCE = NOW - timedelta(hours=1)


class World(FakeClockDatabase):
    """With somebody who looks."""

    watch: TriggerWatch


@pytest.fixture
def world(clock: FakeClock) -> World:
    world = World(clock)
    world.watch = TriggerWatch()
    return world


@pytest.fixture
def scheduler(world: World) -> ArlScheduler:
    return ArlScheduler(world)


def look(world: World, since: datetime = SINCE) -> list[FoundRun]:
    plans = [parse_plan(each) for each in world.tables["task_schedule"].values()]
    tasks = [normalize_task(each) for each in world.tasks()]
    now = world.clock()
    world.watch.note_numbers(plans, now)
    runs = detect_runs(plans, tasks, since=since, raised=world.watch.raised)
    world.watch.note_runs(runs, now)
    return [run for run in runs if world.watch.is_settled(run, now)]


def after_grace(world: World) -> list[FoundRun]:
    """What is found when nothing has changed for the time of grace."""
    look(world)
    world.clock.turn(seconds=SETTLE_TIME.total_seconds() + 1)
    return look(world)


def test_a_trigger_is_detected_when_its_last_task_exists(world: World, scheduler: ArlScheduler) -> None:
    id_ = world.add_schedule(target="a.example.com 1.1.1.1 b.example.com 2.2.2.0/24")
    found = []
    for _ in scheduler.fire(id_):
        found.append(len(look(world)))
        world.clock.turn(seconds=1)
    assert found == [0, 0, 0, 1, 1]
    (run,) = look(world)
    types = [world.tables["task"][task]["target"] for task in run.task_ids]
    assert (run.schedule_id, run.number, run.missing) == (id_, 1, ())
    assert types == ["2.2.2.0/24 1.1.1.1", "a.example.com", "b.example.com"]


def test_the_number_in_the_names_is_one_more_than_that_of_the_trigger(
    world: World, scheduler: ArlScheduler
) -> None:
    id_ = world.add_schedule()
    scheduler.run(id_)
    assert world.tasks()[0]["name"] == "周期任务-每日扫描-2"
    assert [run.number for run in look(world)] == [1]


def test_every_past_trigger_is_found_again_from_the_names(world: World, scheduler: ArlScheduler) -> None:
    id_ = world.add_schedule()
    for _ in range(3):
        scheduler.run(id_)
        world.clock.turn(seconds=6 * 3600)
    assert [(run.number, len(run.task_ids)) for run in look(world)] == [(1, 2), (2, 2), (3, 2)]


def test_runs_of_one_schedule_that_overlap_stay_apart(world: World, scheduler: ArlScheduler) -> None:
    id_ = world.add_schedule()
    first = scheduler.run(id_)
    world.clock.turn(seconds=240)
    second = scheduler.run(id_)
    assert [set(run.task_ids) for run in look(world)] == [set(first), set(second)]


def test_tasks_lost_by_a_failing_broker_are_missing_after_the_settle_time(
    world: World, scheduler: ArlScheduler
) -> None:
    id_ = world.add_schedule(target="1.1.1.1 a.example.com")
    world.broker_capacity = 1
    scheduler.run(id_)
    assert look(world) == []
    (run,) = after_grace(world)
    assert (len(run.task_ids), run.missing) == (1, (("domain", frozenset({"a.example.com"})),))


def test_a_trigger_that_arl_refused_is_reported_after_the_settle_time(
    world: World, scheduler: ArlScheduler
) -> None:
    world.add_schedule(target="1.1.1.1 a.example.com")
    world.blocked_addresses.add("1.1.1.1")
    scheduler.run_once()
    world.clock.now = world.clock().replace(hour=18, minute=59, second=7)
    (fired,) = scheduler.run_once()
    assert look(world) == []
    (run,) = after_grace(world)
    assert (run.schedule_id, run.number, run.task_ids, len(run.missing)) == (fired, 1, (), 2)


def test_a_trigger_whose_policy_is_deleted_is_reported_after_the_settle_time(
    world: World, scheduler: ArlScheduler
) -> None:
    id_ = world.add_schedule(policy_id="0" * 24)
    scheduler.run(id_)
    assert world.tables["task_schedule"][id_]["status"] == "error"
    assert [run.task_ids for run in after_grace(world)] == [()]


def test_schedules_of_the_same_name_get_one_trigger_each_in_order(
    world: World, scheduler: ArlScheduler
) -> None:
    ids = [world.add_schedule(), world.add_schedule()]
    tasks = [scheduler.run(id_) for id_ in ids]
    assert [(run.schedule_id, set(run.task_ids)) for run in look(world)] == [
        (ids[0], set(tasks[0])),
        (ids[1], set(tasks[1])),
    ]


def test_schedules_of_the_same_name_are_told_apart_by_their_times(
    world: World, scheduler: ArlScheduler
) -> None:
    one, other = world.add_schedule(), world.add_schedule()
    later = scheduler.run(other)
    world.clock.turn(seconds=7200)
    earlier = scheduler.run(one)
    assert {run.schedule_id: set(run.task_ids) for run in look(world)} == {
        one: set(earlier),
        other: set(later),
    }


def test_twins_with_other_targets_are_told_by_the_targets(world: World, scheduler: ArlScheduler) -> None:
    one = world.add_schedule(target="a.example.com")
    other = world.add_schedule(target="b.example.com")
    tasks = {other: scheduler.run(other), one: scheduler.run(one)}
    assert {run.schedule_id: list(run.task_ids) for run in look(world)} == tasks


def test_twins_with_other_policies_are_told_by_the_policy(world: World, scheduler: ArlScheduler) -> None:
    one = world.add_schedule(policy_name="深度")
    other = world.add_schedule()
    tasks = {other: scheduler.run(other), one: scheduler.run(one)}
    assert {run.schedule_id: set(run.task_ids) for run in look(world)} == {
        id_: set(ids) for id_, ids in tasks.items()
    }


def test_schedules_whose_names_start_alike_are_told_apart(world: World, scheduler: ArlScheduler) -> None:
    one, other = (world.add_schedule(f"一二三四五六七八九十一二三四五{end}") for end in ("甲", "乙"))
    tasks = {id_: set(scheduler.run(id_)) for id_ in (one, other)}
    assert {run.schedule_id: set(run.task_ids) for run in look(world)} == tasks


def test_a_task_created_by_hand_under_the_same_name_belongs_to_no_run(
    world: World, scheduler: ArlScheduler
) -> None:
    id_ = world.add_schedule(target="a.example.com b.example.com")
    mine = scheduler.run(id_)
    world.add_task("周期任务-每日扫描-2", "domain", "a.example.com", process=SECOND_WEB_PROCESS)
    world.add_task("周期任务-每日扫描-2", "domain", "other.example.com", process=SECOND_WEB_PROCESS)
    assert [set(run.task_ids) for run in look(world)] == [set(mine)]


def test_a_restarted_task_belongs_to_no_trigger(world: World, scheduler: ArlScheduler) -> None:
    mine = scheduler.run(world.add_schedule())
    world.add_task("重新运行-周期任务-每日扫描-2", "domain", "a.example.com")
    assert [set(run.task_ids) for run in look(world)] == [set(mine)]


def test_deleted_tasks_of_a_trigger_are_told_as_lacking(world: World, scheduler: ArlScheduler) -> None:
    ids = scheduler.run(world.add_schedule())
    world.delete("task", ids[0])
    assert [len(run.missing) for run in after_grace(world)] == [1]


def test_a_future_scan_is_one_run_and_another_when_it_is_recovered(
    world: World, scheduler: ArlScheduler
) -> None:
    id_ = world.add_schedule(schedule_type="future_scan", cron="", start_time=NOW.timestamp())
    first = scheduler.run(id_)
    world.clock.turn(seconds=900)
    second = scheduler.run(id_)
    assert [(run.number, set(run.task_ids)) for run in look(world)] == [(1, set(first)), (2, set(second))]


def test_a_scan_in_the_future_that_never_came_is_told(world: World, scheduler: ArlScheduler) -> None:
    id_ = world.add_schedule(schedule_type="future_scan", cron="", start_time=NOW.timestamp())
    assert after_grace(world) == []
    world.blocked_addresses.add("1.1.1.1")
    scheduler.run(id_)
    assert [(run.number, run.task_ids) for run in after_grace(world)] == [(1, ())]


def test_a_risk_scan_is_one_task_whatever_it_is_of(world: World, scheduler: ArlScheduler) -> None:
    id_ = world.add_schedule(target="1.1.1.1 https://a.example.com/x", task_tag="risk_cruising")
    ids = scheduler.run(id_)
    assert [run.task_ids for run in look(world)] == [tuple(ids)]


def test_what_began_before_the_time_asked_for_is_left_out(world: World, scheduler: ArlScheduler) -> None:
    scheduler.run(world.add_schedule())
    assert look(world, since=NOW + timedelta(seconds=1)) == []


READING = ReadOptions(now=NOW, zone=ZONE, limit=timedelta(hours=72))


@pytest.mark.parametrize(
    ("status", "end_time", "state"),
    [
        ("waiting", "-", TaskStatus.WAITING),
        ("port_scan", "-", TaskStatus.RUNNING),
        ("poc 37/1200", "-", TaskStatus.RUNNING),
        ("done", "2026-11-24 10:00:00", TaskStatus.DONE),
        ("error", "-", TaskStatus.ERROR),
        ("stop", "-", TaskStatus.STOP),
        ("site_identify", "2026-11-24 10:00:00", TaskStatus.STOP),
    ],
)
def test_a_state_is_one_of_ours(status: str, end_time: str, state: TaskStatus) -> None:
    assert parse_status({"status": status, "end_time": end_time}, seen_done=False) is state


def test_done_without_an_end_time_counts_from_the_second_poll_on() -> None:
    task = {"status": "done", "end_time": "-"}
    states = [parse_status(task, seen_done=before) for before in (False, True)]
    assert states == [TaskStatus.RUNNING, TaskStatus.DONE]


@pytest.mark.parametrize(("hours", "state"), [(71, TaskStatus.RUNNING), (73, TaskStatus.MISSING)])
def test_a_task_that_never_ends_is_given_up(world: World, hours: int, state: TaskStatus) -> None:
    id_ = world.add_task("x", "domain", "a.example.com")
    world.begin_task(id_, "site_spider")
    now = NOW + timedelta(hours=hours)
    task = parse_task(
        world.tables["task"][id_], ReadOptions(now=now, zone=ZONE, limit=READING.limit), seen_done=False
    )
    assert task.status is state
    assert ("site_spider" in task.reason) is (state is TaskStatus.MISSING)


def test_times_are_read_in_the_zone_of_arl(world: World) -> None:
    id_ = world.add_task("x", "domain", "a.example.com")
    world.begin_task(id_)
    world.end_task(id_)
    task = parse_task(world.tables["task"][id_], READING, seen_done=False)
    assert (task.start_time, task.end_time) == (NOW, NOW)
