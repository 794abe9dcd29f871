"""Test the command `失败`."""

from bot.models import TaskStatus
from tests.conftest import CoreHarness
from tests.factories import make_schedule


async def test_it_shows_what_failed_and_why(core: CoreHarness) -> None:
    await core.trigger()
    await core.finish(status=TaskStatus.ERROR, reason="连接超时")
    answer = await core.say("为什么失败")
    assert "127.0.0.1" in answer
    assert "连接超时" in answer
    assert "重跑失败" in answer


async def test_a_run_without_failures_says_so(core: CoreHarness) -> None:
    await core.finished_run()
    assert "没有失败的" in await core.say("每日巡检哪些失败了")


async def test_a_run_is_found_by_its_id(core: CoreHarness) -> None:
    run = await core.finished_run()
    await core.finished_run()
    assert run.id in await core.say(f"失败 {run.id}")


async def test_a_run_that_has_not_ended_is_shown_as_it_is(core: CoreHarness) -> None:
    await core.trigger()
    assert "还在跑" in await core.say("失败")


async def test_a_schedule_that_never_ran_says_so(core: CoreHarness) -> None:
    core.engine.known.append(make_schedule(id="s2", name="Weekly"))
    assert "还没跑过" in await core.say("failures weekly")


async def test_yesterday_shows_the_run_of_yesterday(core: CoreHarness) -> None:
    run = await core.finished_run()
    core.clock.turn(seconds=86_400)
    await core.finished_run()
    assert run.id in await core.say("昨天为什么失败")
    assert "没有执行过" in await core.say("前天为什么失败")
