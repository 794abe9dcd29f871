"""Test the command `计划` / `schedules`."""

import pytest

from bot.models import ScheduleState
from tests.conftest import CoreHarness
from tests.factories import make_schedule


async def test_schedules_are_listed_with_their_next_time(desk: CoreHarness) -> None:
    await desk.finished_run()
    answer = await desk.say("计划")
    assert "每日巡检" in answer
    assert "03:00" in answer


async def test_without_schedules_it_says_how_to_make_one(desk: CoreHarness) -> None:
    desk.engine.known.clear()
    assert "config.yaml" in await desk.say("schedules")


@pytest.mark.parametrize(
    ("state", "word"), [(ScheduleState.STOPPED, "已停用"), (ScheduleState.OVER, "不再执行")]
)
async def test_a_schedule_that_fires_no_more_says_why(
    desk: CoreHarness, state: ScheduleState, word: str
) -> None:
    desk.engine.known[:] = [make_schedule(cron="", state=state)]
    answer = await desk.say("计划")
    assert word in answer
    assert "不定时" not in answer
