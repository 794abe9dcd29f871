"""Test the command `停止` / `stop`."""

import pytest

from bot.delivery.plan import card_id
from bot.models import Run, TaskStatus
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_schedule


async def stop(core: CoreHarness, command: str = "停止") -> str:
    """Ask to stop a run, confirm it, and return the answer."""
    assert "回复 1 确认" in await core.say(command)
    return await core.say("1")


async def test_stop_ends_the_run_that_is_under_way(core: CoreHarness) -> None:
    run = await core.trigger()
    assert "每日巡检" in await stop(core)
    await core.watcher.tick()
    counts = (await core.run(run.id)).task_counts
    assert counts is not None
    assert counts.stop == 1


async def test_stop_with_nothing_under_way_says_so(core: CoreHarness) -> None:
    assert await core.say("stop")


async def test_stop_asks_which_of_several(core: CoreHarness) -> None:
    other = make_schedule(id="s2", name="Weekly")
    core.engine.known.append(other)
    await core.trigger()
    await core.trigger(other, cause="cron:s2:now")
    assert "Weekly" in await core.say("停止")
    await stop(core, "停止 Weekly")
    stopped = [task for task in core.engine.all_tasks.values() if task.status.ended]
    assert len(stopped) == 1


async def test_stop_tells_what_has_ended_before_and_what_would_not_stop(core: CoreHarness) -> None:
    schedule = make_schedule(id="s2", name="三个", targets=("a.example", "b.example", "c.example"))
    run = await core.trigger(schedule)
    core.engine.end(run.task_ids[0])
    assert "停止 2 个任务，之前已结束的 1 个" in await stop(core)
    await core.watcher.tick()
    second = await core.trigger(schedule, cause="cron:s2:later")
    core.engine.stubborn = {second.task_ids[0]: "没有找到任务的编号"}
    answer = await stop(core)
    assert "a.example：没有找到任务的编号" in answer


async def two_open_runs(core: CoreHarness) -> tuple[Run, Run]:
    """Return two running runs of one schedule, as an engine starts them when runs overlap."""
    first = await core.trigger(cause="arl:s1:1")
    core.clock.turn(seconds=90)
    return first, await core.trigger(cause="arl:s1:2")


async def is_over(core: CoreHarness, run: Run) -> bool:
    return all(task.status.ended for task in (await core.engine.tasks(run.task_ids)).values())


async def test_two_open_runs_of_one_schedule_are_offered_and_a_number_is_taken(core: CoreHarness) -> None:
    first, second = await two_open_runs(core)
    answer = await core.say("停止 每日巡检")
    assert all(word in answer for word in (first.id, second.id, "11:00", "11:01"))
    await stop(core, "停止 2")
    assert (await is_over(core, first), await is_over(core, second)) == (True, False)


async def test_the_id_of_one_of_them_is_taken(core: CoreHarness) -> None:
    first, second = await two_open_runs(core)
    await stop(core, f"停止 {second.id.upper()}")
    assert (await is_over(core, first), await is_over(core, second)) == (False, True)


async def test_a_run_whose_schedule_is_gone_can_be_stopped_by_name(core: CoreHarness) -> None:
    run = await core.trigger()
    core.engine.known.clear()
    await stop(core, "停止 每日巡检")
    assert await is_over(core, run)


async def test_what_nobody_has_is_said(core: CoreHarness) -> None:
    await core.trigger()
    assert "没有叫「月扫描」的计划" in await core.say("停止 月扫描")


async def test_a_task_that_dies_of_being_stopped_is_stopped_and_did_not_fail(core: CoreHarness) -> None:
    run = await core.trigger()
    core.engine.dying = set(run.task_ids)
    assert "停止 1 个" in await stop(core)
    await core.watcher.tick()
    counts = (await core.run(run.id)).task_counts
    assert counts is not None
    assert (counts.stop, counts.error) == (1, 0)


async def test_an_error_that_is_written_over_a_stop_later_is_none(core: CoreHarness) -> None:
    run = await core.trigger()
    await stop(core)
    core.engine.end(run.task_ids[0], TaskStatus.ERROR, reason="worker lost")
    await core.watcher.tick()
    (failure,) = (await core.run(run.id)).failures
    assert (failure.status, failure.reason) == (TaskStatus.STOP, "")


async def test_where_all_have_ended_already_it_says_so(core: CoreHarness) -> None:
    await core.trigger()
    core.engine.end_all()
    assert "都已经结束" in await stop(core)


@pytest.mark.parametrize("ask", ["状态", "历史"])
async def test_a_run_that_was_stopped_did_not_fail(core: CoreHarness, ask: str) -> None:
    await core.trigger()
    await stop(core)
    await core.watcher.tick()
    answer = await core.say(ask)
    assert "⚪" in answer
    assert "停止 1/1" in answer
    assert "失败" not in answer


async def test_a_stop_that_nobody_confirms_stops_nothing(core: CoreHarness) -> None:
    run = await core.trigger()
    await core.say("停止")
    await core.say("取消")
    assert not await is_over(core, run)


async def test_the_card_of_a_stopped_run_says_who_stopped_it(core: CoreHarness) -> None:
    run = await core.trigger()
    await stop(core)
    await core.finish()
    shown = core.messenger.cards[card_id(run.id, GROUP)].params
    assert "李雷 11-24 周二 11:00 停止了这次执行" in shown["tips"]
