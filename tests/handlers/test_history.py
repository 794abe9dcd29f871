"""Test the command `历史` / `history`."""

import pytest

from bot.errors import PermanentError
from bot.models import TaskStatus
from tests.conftest import CoreHarness
from tests.factories import make_schedule


@pytest.mark.parametrize("words", ["历史", "history", "历史 每日巡检"])
async def test_the_last_runs_are_listed_the_newest_first(desk: CoreHarness, words: str) -> None:
    first = await desk.finished_run()
    desk.clock.turn(seconds=3600)
    second = await desk.finished_run()
    answer = await desk.say(words)
    assert answer.index(second.id) < answer.index(first.id)


async def test_each_line_says_how_its_run_ended(desk: CoreHarness) -> None:
    await desk.finished_run()
    await desk.trigger(cause="cron:s1:2")
    await desk.finish(status=TaskStatus.ERROR, reason="连接被拒绝")
    desk.engine.refusal = PermanentError("gone")
    await desk.trigger(cause="cron:s1:3")
    desk.engine.refusal = None
    await desk.trigger(cause="cron:s1:4")
    answer = await desk.say("历史")
    assert [sign in answer for sign in ("✅", "⚠️", "❌", "⏳")] == [True] * 4


async def test_only_the_runs_of_the_schedule_that_is_named(desk: CoreHarness) -> None:
    other = make_schedule(id="s2", name="周扫描")
    desk.engine.known.append(other)
    mine, others = await desk.finished_run(), await desk.trigger(other, cause="cron:s2:1")
    answer = await desk.say("历史 每日巡检")
    assert mine.id in answer
    assert others.id not in answer


async def test_with_nothing_yet_it_says_what_to_do(desk: CoreHarness) -> None:
    assert "重跑" in await desk.say("历史")
    assert "每日巡检" in await desk.say("历史 每日巡检")
