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


async def test_stop_tells_what_has_ended_before_and_what_would_not_stop(desk: Desk) -> None:
    schedule = make_schedule(id="s2", name="三个", targets=("a.example", "b.example", "c.example"))
    run = await desk.trigger(schedule)
    desk.engine.end(run.task_ids[0])
    assert "停止 2 个，之前已结束的 1 个" in await desk.say("停止")
    await desk.watcher.tick()
    second = await desk.trigger(schedule, cause="cron:s2:later")
    desk.engine.stubborn = {second.task_ids[0]: "没有找到任务的编号"}
    answer = await desk.say("停止")
    assert "a.example：没有找到任务的编号" in answer
