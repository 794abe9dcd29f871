"""Test the command `计划` / `schedules`."""

import pytest

from bot.models import Destination, NotifyOn, RecipientOptions, ScheduleState
from bot.runs.approvals import Protection
from tests.conftest import GROUP, CoreHarness
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


async def test_a_schedule_is_shown_with_times_targets_recipients_and_runs(core: CoreHarness) -> None:
    await core.say("帮助", title="运维群")
    run = await core.finished_run()
    answer = await core.say("计划 每日巡检")
    times = "明天 03:00、11-26 周四 03:00、11-27 周五 03:00、11-28 周六 03:00、11-29 周日 03:00"
    for shown in (times, "127.0.0.1", "群 运维群（这里）", "推送：执行结束时", run.id):
        assert shown in answer


async def test_changes_of_people_are_shown_with_the_schedule(core: CoreHarness) -> None:
    await core.say("通知 每日巡检 仅失败")
    await core.say("静默 每日巡检 2h")
    answer = await core.say("计划 每日巡检")
    assert "仅失败（配置里：执行结束时；李雷 在 今天 11:00 修改），静默到 今天 13:00" in answer
    assert "静默中" in await core.say("计划")


async def test_options_of_a_destination_are_shown(core: CoreHarness) -> None:
    person = Destination.parse("user:user01")
    options = RecipientOptions(to=person, notify_on=NotifyOn.FAILED, mention=("user02",), only_failed=True)
    core.engine.known[:] = [
        make_schedule(notify_enable=True, send_to=(GROUP, person), recipient_options=(options,))
    ]
    assert "单聊 李雷，仅失败，失败时提醒 user02" in await core.say("计划 巡检")


async def test_a_number_from_the_list_shows_that_schedule(core: CoreHarness) -> None:
    core.engine.known.append(make_schedule(id="s2", name="备份", send_to=(GROUP,)))
    await core.say("计划")
    assert "计划：备份" in await core.say("2")


async def test_the_protection_of_a_schedule_is_shown(core: CoreHarness) -> None:
    assert "保护" not in await core.say("计划 每日巡检")
    core.protected = {"每日*": Protection.TWO_PERSON}
    core.build()
    assert "保护：启动和停止需要另一个人同意" in await core.say("计划 每日巡检")
