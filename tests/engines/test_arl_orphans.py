"""Runs of schedules that were deleted before DingRun saw them: found by what their tasks tell."""

from datetime import timedelta

from tests.arl.beside import Beside
from tests.engines.test_arl_cases import beside, found

__all__ = ["beside"]


async def test_the_tasks_of_a_schedule_that_is_gone_are_a_run(beside: Beside) -> None:
    id_ = beside.world.schedule(target="1.1.1.1 a.example b.example")
    tasks = beside.scheduler.run(id_)
    beside.world.delete("task_schedule", id_)
    (run,) = await found(beside)
    assert run.gone
    assert (run.schedule.name, set(run.schedule.targets)) == (
        "每日扫描",
        {"1.1.1.1", "a.example", "b.example"},
    )
    assert set(run.task_ids) == set(tasks)


async def test_each_of_its_runs_is_one_and_the_same_at_every_look(beside: Beside) -> None:
    id_ = beside.world.schedule(target="a.example")
    for _ in range(2):
        beside.scheduler.run(id_)
        await beside.turn(timedelta(hours=1).total_seconds())
    beside.world.delete("task_schedule", id_)
    looks = [[run.cause for run in await found(beside)] for _ in range(2)]
    assert len(set(looks[0])) == 2
    assert looks[0] == looks[1]


async def test_a_schedule_that_was_made_just_now_is_waited_for(beside: Beside) -> None:
    id_ = beside.world.schedule(target="a.example")
    beside.scheduler.run(id_)
    beside.world.delete("task_schedule", id_)
    assert await found(beside, 60) == []


async def test_tasks_that_people_named_are_no_run(beside: Beside) -> None:
    for name in ("我的扫描", "重新运行-周期任务-每日扫描-2", "重跑-每日扫描-rabcdefghij"):
        beside.world.task(name, "domain", "a.example")
    assert await found(beside) == []
