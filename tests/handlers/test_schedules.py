"""Test the command `计划` / `schedules`."""

import pytest

from bot.models import ScheduleState
from tests.conftest import CoreHarness
from tests.factories import make_schedule


async def test_schedules_are_listed_with_their_next_time(core: CoreHarness) -> None:
    await core.finished_run()
    answer = await core.say("计划")
    assert "每日巡检" in answer
    assert "03:00" in answer


async def test_without_schedules_it_says_how_to_make_one(core: CoreHarness) -> None:
    core.engine.known.clear()
    assert "config.yaml" in await core.say("schedules")


@pytest.mark.parametrize(
    ("state", "word"), [(ScheduleState.STOPPED, "已停用"), (ScheduleState.OVER, "不再执行")]
)
async def test_a_schedule_that_fires_no_more_says_why(
    core: CoreHarness, state: ScheduleState, word: str
) -> None:
    core.engine.known[:] = [make_schedule(cron="", state=state)]
    answer = await core.say("计划")
    assert word in answer
    assert "不定时" not in answer
