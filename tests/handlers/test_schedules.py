"""`计划`."""

from tests.conftest import Desk


async def test_schedules_are_listed_with_their_next_time(desk: Desk) -> None:
    await desk.finished_run()
    answer = await desk.say("计划")
    assert "每日巡检" in answer
    assert "03:00" in answer


async def test_without_schedules_it_says_how_to_make_one(desk: Desk) -> None:
    desk.engine.known.clear()
    assert "config.yaml" in await desk.say("schedules")
