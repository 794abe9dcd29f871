"""Test the command `重跑失败` / `rerun failed`."""

from bot.errors import PermanentError
from bot.models import NotifyOn, Run, RunStatus, TaskStatus, Trigger
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_message, make_schedule

BOTH = ("a.example", "b.example")


async def half_failed(desk: CoreHarness) -> Run:
    """Return a run with one failed task of two."""
    schedule = make_schedule(targets=BOTH, notify_enable=True, send_to=(GROUP,))
    desk.engine.known[:] = [schedule]
    run = await desk.trigger(schedule)
    desk.engine.end(run.task_ids[0])
    await desk.finish(status=TaskStatus.ERROR)
    return await desk.run(run.id)


async def newest(desk: CoreHarness) -> Run:
    return max(await desk.store.find_runs(), key=lambda run: run.start_time)


async def test_only_the_failed_tasks_run_again_and_who_asked_is_told(desk: CoreHarness) -> None:
    await half_failed(desk)
    desk.clock.turn(seconds=60)
    assert "1 个任务开始重跑" in await desk.say("重跑失败")
    run = await newest(desk)
    assert (run.trigger, run.asked_in) == (Trigger.CHAT, GROUP)
    assert [desk.engine.all_tasks[id_].target for id_ in run.task_ids] == ["b.example"]


async def test_the_same_message_again_repeats_nothing_twice(desk: CoreHarness) -> None:
    await half_failed(desk)
    desk.clock.turn(seconds=60)
    message = make_message("rerun failed 巡检")
    await desk.hear(message)
    await desk.finish()
    await desk.hear(message)
    assert len(await desk.store.find_runs()) == 2


async def test_with_nothing_failed_it_says_so(desk: CoreHarness) -> None:
    await desk.finished_run()
    assert "没有失败" in await desk.say("重跑失败")


async def test_a_schedule_that_never_ran_has_nothing_failed(desk: CoreHarness) -> None:
    assert "没有失败" in await desk.say("重跑失败")


async def test_while_a_run_is_under_way_nothing_is_repeated(desk: CoreHarness) -> None:
    await half_failed(desk)
    desk.clock.turn(seconds=60)
    await desk.trigger(desk.engine.known[0], cause="cron:s1:later")
    assert "正在跑" in await desk.say("重跑失败")


async def test_what_was_refused_once_can_be_asked_for_again(desk: CoreHarness) -> None:
    await half_failed(desk)
    desk.clock.turn(seconds=60)
    desk.engine.refusal = PermanentError("ARL 拒绝")
    await desk.say("重跑失败")
    await desk.do_jobs()
    desk.engine.refusal = None
    desk.clock.turn(seconds=60)
    assert "1 个任务开始重跑" in await desk.say("重跑失败")
    assert len((await newest(desk)).task_ids) == 1


async def test_what_the_engine_refuses_is_said_where_it_was_asked_whatever_the_schedule_tells(
    desk: CoreHarness,
) -> None:
    desk.engine.known[:] = [make_schedule(notify_enable=False, notify_on=NotifyOn.FINISHED)]
    desk.engine.refusal = PermanentError("ARL 拒绝：1.1.1.1 在黑名单IP中")
    await desk.say("重跑")
    await desk.do_jobs()
    (run,) = await desk.store.find_runs()
    assert run.status is RunStatus.ERROR
    (card,) = desk.messenger.cards.values()
    assert "黑名单" in "".join(card.params.values())


async def test_without_a_name_the_newest_run_that_failed_is_meant(desk: CoreHarness) -> None:
    failed = await half_failed(desk)
    other = make_schedule(id="s2", name="Weekly", notify_enable=True, send_to=(GROUP,))
    desk.engine.known.append(other)
    desk.clock.turn(seconds=60)
    await desk.trigger(other, cause="cron:s2:1")
    await desk.finish()
    desk.clock.turn(seconds=60)
    assert "每日巡检" in await desk.say("重跑失败")
    assert (await newest(desk)).idempotency_key.startswith(f"retry:{failed.id}:")


async def test_of_several_that_failed_the_one_told_here_is_meant(desk: CoreHarness) -> None:
    await half_failed(desk)
    elsewhere = make_schedule(id="s2", name="Weekly", notify_enable=True)
    desk.engine.known.append(elsewhere)
    desk.clock.turn(seconds=60)
    await desk.trigger(elsewhere, cause="cron:s2:1")
    await desk.finish(status=TaskStatus.ERROR)
    assert "每日巡检" in await desk.say("重跑失败")


async def test_the_id_of_a_run_that_failed_is_taken(desk: CoreHarness) -> None:
    failed = await half_failed(desk)
    desk.clock.turn(seconds=60)
    assert "1 个任务开始重跑" in await desk.say(f"重跑失败 {failed.id[:7]}")
