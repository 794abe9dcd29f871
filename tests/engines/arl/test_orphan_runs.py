"""Runs without a trigger that can be seen: of deleted schedules, and what people begin again in ARL."""

from datetime import timedelta

from arl_sandbox.tasks import restart
from tests.arl_sandbox.arl_fixture import ArlFixture
from tests.engines.arl.test_hard_cases import SINCE, beside, found

__all__ = ["beside"]


async def found_within_grace(beside: ArlFixture) -> int:
    """The number of runs that are found a minute later."""
    await beside.turn(60)
    return len(await beside.engine.external_runs(SINCE))


async def test_the_tasks_of_a_schedule_that_is_gone_are_a_run(beside: ArlFixture) -> None:
    id_ = beside.database.add_schedule(target="1.1.1.1 a.example.com b.example.com")
    tasks = beside.scheduler.run(id_)
    beside.database.delete("task_schedule", id_)
    (run,) = await found(beside)
    assert run.gone
    assert (run.schedule.name, set(run.schedule.targets)) == (
        "每日扫描",
        {"1.1.1.1", "a.example.com", "b.example.com"},
    )
    assert set(run.task_ids) == set(tasks)


async def test_each_of_its_runs_is_one_and_the_same_at_every_look(beside: ArlFixture) -> None:
    id_ = beside.database.add_schedule(target="a.example.com")
    for _ in range(2):
        beside.scheduler.run(id_)
        await beside.turn(timedelta(hours=1).total_seconds())
    beside.database.delete("task_schedule", id_)
    looks = [[run.idempotency_key for run in await found(beside)] for _ in range(2)]
    assert len(set(looks[0])) == 2
    assert looks[0] == looks[1]


async def test_a_schedule_that_was_made_just_now_is_waited_for(beside: ArlFixture) -> None:
    id_ = beside.database.add_schedule(target="a.example.com")
    beside.scheduler.run(id_)
    beside.database.delete("task_schedule", id_)
    assert await found_within_grace(beside) == 0


async def test_tasks_that_people_named_are_no_run(beside: ArlFixture) -> None:
    for name in (
        "我的扫描",
        "重新运行-我的扫描",
        "重跑-每日扫描-rabcdefghij",
        "重新运行-重跑-每日扫描-rabcdefghij",
    ):
        beside.database.add_task(name, "domain", "a.example.com")
    assert await found(beside) == []


async def begin_again(beside: ArlFixture, id_: str) -> str:
    """Somebody presses restart on ARL's own page; the new task."""
    known = {task["_id"] for task in beside.database.tasks()}
    restart(beside.database, [id_])
    (new,) = {task["_id"] for task in beside.database.tasks()} - known
    await beside.database.flush()
    return str(new)


async def test_tasks_restarted_in_arl_are_a_run_of_their_schedule(beside: ArlFixture) -> None:
    id_ = beside.database.add_schedule(target="a.example.com b.example.com")
    first, second = beside.scheduler.run(id_)
    for task in (first, second):
        beside.database.end_task(task, "error")
    await beside.turn(300)
    new = [await begin_again(beside, task) for task in (first, second)]
    ours, again = await found(beside)
    assert (set(ours.task_ids), set(again.task_ids)) == ({first, second}, set(new))
    assert (again.schedule.id, again.gone) == (id_, False)


async def test_an_orphan_run_waits_until_restarts_by_dingrun_are_recorded(beside: ArlFixture) -> None:
    (task,) = beside.scheduler.run(beside.database.add_schedule(target="a.example.com"))
    beside.database.end_task(task, "error")
    await beside.turn(300)
    await begin_again(beside, task)
    assert await found_within_grace(beside) == 1
    assert len(await found(beside, 61)) == 2


async def test_of_a_schedule_that_is_gone_it_is_a_run_of_what_is_left(beside: ArlFixture) -> None:
    id_ = beside.database.add_schedule(target="a.example.com")
    (task,) = beside.scheduler.run(id_)
    beside.database.end_task(task, "error")
    beside.database.delete("task_schedule", id_)
    new = await begin_again(beside, task)
    runs = await found(beside)
    assert {(run.gone, run.task_ids) for run in runs} == {(True, (task,)), (True, (new,))}
