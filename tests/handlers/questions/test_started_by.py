"""Test the command `谁触发的`."""

from bot.models import Person
from tests.conftest import CoreHarness


async def test_it_names_who_started_the_last_run(core: CoreHarness) -> None:
    await core.say("重跑", sender=Person(id="user01", name="李雷"))
    assert "李雷" in await core.say("谁触发的", sender=Person(id="user02", name="韩梅"))


async def test_a_run_by_cron_was_started_by_nobody(core: CoreHarness) -> None:
    await core.finished_run()
    assert "按计划的时间" in await core.say("每日巡检是谁重跑的")


async def test_it_names_who_stopped_the_last_run(core: CoreHarness) -> None:
    await core.say("重跑", sender=Person(id="user01", name="李雷"))
    await core.say("停止", sender=Person(id="user02", name="韩梅"))
    await core.say("1", sender=Person(id="user02", name="韩梅"))
    assert "韩梅" in await core.say("谁停的", sender=Person(id="user03", name="小明"))
