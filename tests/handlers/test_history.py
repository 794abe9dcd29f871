"""Test the command `历史` / `history`."""

import pytest

from bot.errors import PermanentError
from bot.models import TaskStatus
from tests.conftest import CoreHarness
from tests.factories import make_schedule


@pytest.mark.parametrize("words", ["历史", "history", "历史 每日巡检"])
async def test_the_last_runs_are_listed_the_newest_first(core: CoreHarness, words: str) -> None:
    first = await core.finished_run()
    core.clock.turn(seconds=3600)
    second = await core.finished_run()
    answer = await core.say(words)
    assert answer.index(second.id) < answer.index(first.id)


async def test_each_line_says_how_its_run_ended(core: CoreHarness) -> None:
    await core.finished_run()
    await core.trigger(cause="cron:s1:2")
    await core.finish(status=TaskStatus.ERROR, reason="连接被拒绝")
    core.engine.refusal = PermanentError("gone")
    await core.trigger(cause="cron:s1:3")
    core.engine.refusal = None
    await core.trigger(cause="cron:s1:4")
    answer = await core.say("历史")
    assert [sign in answer for sign in ("✅", "⚠️", "❌", "⏳")] == [True] * 4


async def test_only_the_runs_of_the_schedule_that_is_named(core: CoreHarness) -> None:
    other = make_schedule(id="s2", name="周扫描")
    core.engine.known.append(other)
    mine, others = await core.finished_run(), await core.trigger(other, cause="cron:s2:1")
    answer = await core.say("历史 每日巡检")
    assert mine.id in answer
    assert others.id not in answer


async def test_with_nothing_yet_it_says_what_to_do(core: CoreHarness) -> None:
    assert "计划" in await core.say("历史")
    assert "每日巡检" in await core.say("历史 每日巡检")


async def test_failures_in_a_row_are_counted_until_one_recovers(core: CoreHarness) -> None:
    for status in (TaskStatus.ERROR, TaskStatus.ERROR, TaskStatus.DONE):
        core.clock.turn(seconds=60)
        await core.trigger(cause=f"cron:s1:{core.clock()}")
        await core.finish(status=status, reason="x")
    answer = await core.say("历史")
    assert "成功 1（恢复正常）" in answer
    assert answer.count("失败 1/1（连续第 2 次）") == 1
