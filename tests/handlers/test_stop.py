"""`停止`."""

from tests.conftest import Desk
from tests.factories import make_schedule


async def test_stop_ends_the_run_that_is_under_way(desk: Desk) -> None:
    run = await desk.trigger()
    assert "每日巡检" in await desk.say("停止")
    await desk.watcher.tick()
    tally = (await desk.run(run.id)).tally
    assert tally is not None
    assert tally.stop == 1


async def test_stop_with_nothing_under_way_says_so(desk: Desk) -> None:
    assert await desk.say("stop")


async def test_stop_asks_which_of_several(desk: Desk) -> None:
    other = make_schedule(id="s2", name="Weekly")
    desk.engine.known.append(other)
    await desk.trigger()
    await desk.trigger(other, cause="cron:s2:now")
    assert "Weekly" in await desk.say("停止")
    await desk.say("停止 Weekly")
    stopped = [task for task in desk.engine.all_tasks.values() if task.status.ended]
    assert len(stopped) == 1
