"""Test the command `重跑失败` / `rerun failed`."""

from bot.errors import PermanentError
from bot.models import NotifyOn, Run, RunStatus, TaskStatus, Trigger
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_message, make_schedule

BOTH = ("a.example", "b.example")


async def half_failed(core: CoreHarness) -> Run:
    """Return a run with one failed task of two."""
    schedule = make_schedule(targets=BOTH, notify_enable=True, send_to=(GROUP,))
    core.engine.known[:] = [schedule]
    run = await core.trigger(schedule)
    core.engine.end(run.task_ids[0])
    await core.finish(status=TaskStatus.ERROR)
    return await core.run(run.id)


async def newest(core: CoreHarness) -> Run:
    return max(await core.store.find_runs(), key=lambda run: run.start_time)


async def test_only_the_failed_tasks_run_again_and_who_asked_is_told(core: CoreHarness) -> None:
    await half_failed(core)
    core.clock.turn(seconds=60)
    assert "1 个任务开始重跑" in await core.say("重跑失败")
    run = await newest(core)
    assert (run.trigger, run.asked_in) == (Trigger.CHAT, GROUP)
    assert [core.engine.all_tasks[id_].target for id_ in run.task_ids] == ["b.example"]


async def test_the_same_message_again_repeats_nothing_twice(core: CoreHarness) -> None:
    await half_failed(core)
    core.clock.turn(seconds=60)
    message = make_message("rerun failed 巡检")
    await core.hear(message)
    await core.finish()
    await core.hear(message)
    assert len(await core.store.find_runs()) == 2


async def test_with_nothing_failed_it_says_so(core: CoreHarness) -> None:
    await core.finished_run()
    assert "没有失败" in await core.say("重跑失败")


async def test_a_schedule_that_never_ran_has_nothing_failed(core: CoreHarness) -> None:
    assert "没有失败" in await core.say("重跑失败")


async def test_while_a_run_is_under_way_nothing_is_repeated(core: CoreHarness) -> None:
    await half_failed(core)
    core.clock.turn(seconds=60)
    await core.trigger(core.engine.known[0], cause="cron:s1:later")
    assert "正在跑" in await core.say("重跑失败")


async def test_what_was_refused_once_can_be_asked_for_again(core: CoreHarness) -> None:
    await half_failed(core)
    core.clock.turn(seconds=60)
    core.engine.refusal = PermanentError("ARL 拒绝")
    await core.say("重跑失败")
    await core.do_jobs()
    core.engine.refusal = None
    core.clock.turn(seconds=60)
    assert "1 个任务开始重跑" in await core.say("重跑失败")
    assert len((await newest(core)).task_ids) == 1


async def test_what_the_engine_refuses_is_said_where_it_was_asked_whatever_the_schedule_tells(
    core: CoreHarness,
) -> None:
    core.engine.known[:] = [make_schedule(notify_enable=False, notify_on=NotifyOn.FINISHED)]
    core.engine.refusal = PermanentError("ARL 拒绝：1.1.1.1 在黑名单IP中")
    await core.say("重跑")
    await core.do_jobs()
    (run,) = await core.store.find_runs()
    assert run.status is RunStatus.ERROR
    (card,) = core.messenger.cards.values()
    assert "黑名单" in "".join(card.params.values())


async def test_without_a_name_the_newest_run_that_failed_is_meant(core: CoreHarness) -> None:
    failed = await half_failed(core)
    other = make_schedule(id="s2", name="Weekly", notify_enable=True, send_to=(GROUP,))
    core.engine.known.append(other)
    core.clock.turn(seconds=60)
    await core.trigger(other, cause="cron:s2:1")
    await core.finish()
    core.clock.turn(seconds=60)
    assert "每日巡检" in await core.say("重跑失败")
    assert (await newest(core)).idempotency_key.startswith(f"retry:{failed.id}:")


async def test_of_several_that_failed_the_one_told_here_is_meant(core: CoreHarness) -> None:
    await half_failed(core)
    elsewhere = make_schedule(id="s2", name="Weekly", notify_enable=True)
    core.engine.known.append(elsewhere)
    core.clock.turn(seconds=60)
    await core.trigger(elsewhere, cause="cron:s2:1")
    await core.finish(status=TaskStatus.ERROR)
    assert "每日巡检" in await core.say("重跑失败")


async def test_the_id_of_a_run_that_failed_is_taken(core: CoreHarness) -> None:
    failed = await half_failed(core)
    core.clock.turn(seconds=60)
    assert "1 个任务开始重跑" in await core.say(f"重跑失败 {failed.id[:7]}")
