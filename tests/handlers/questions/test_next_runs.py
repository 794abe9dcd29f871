"""Test the command `下次`."""

from tests.conftest import CoreHarness
from tests.factories import make_schedule


async def test_the_soonest_schedule_is_first_and_one_without_times_is_last(core: CoreHarness) -> None:
    core.engine.known += [
        make_schedule(id="s2", name="Never", cron=""),
        make_schedule(id="s3", name="Soon", cron="5 * * * *"),
    ]
    answer = await core.say("下次什么时候跑")
    assert answer.index("Soon") < answer.index("每日巡检") < answer.index("Never")


async def test_a_name_shows_only_that_schedule(core: CoreHarness) -> None:
    core.engine.known.append(make_schedule(id="s2", name="Weekly"))
    assert "Weekly" not in await core.say("每日巡检几点跑")


async def test_without_schedules_it_says_so(core: CoreHarness) -> None:
    core.engine.known.clear()
    assert "还没有计划" in await core.say("下次")
