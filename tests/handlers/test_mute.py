"""Test the commands `静默` / `mute` and `取消静默` / `unmute`, and the button."""

import pytest

from bot.models import CardTap, Person, Run, TaskStatus
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_message, make_schedule


async def muted_until(core: CoreHarness) -> str:
    """Return the end of the mute of the schedule in the configured zone, or what it is instead."""
    mute = (await core.context.delivery.overrides.find("s1")).mute
    if mute is None or mute.ended_by:
        return "not muted"
    if mute.until is None:
        return "next"
    return f"{mute.until.astimezone(core.context.schedules.zone):%m-%d %H:%M}"


async def failed_run(core: CoreHarness) -> Run:
    run = await core.trigger()
    await core.finish(status=TaskStatus.ERROR)
    return await core.run(run.id)


@pytest.mark.parametrize(
    ("said", "until"),
    [
        ("静默 每日巡检 2h", "11-24 13:00"),  # it is 11:00 in the configured zone
        ("静默 2小时", "11-24 13:00"),
        ("静默每日巡检到明天9:00", "11-25 09:00"),
        ("mute 巡检 until 9:00", "11-25 09:00"),
        ("静音 每日巡检 今天", "11-25 00:00"),
        ("免打扰 下次", "next"),
    ],
)
async def test_a_schedule_is_muted_for_the_time_that_is_said(
    core: CoreHarness, said: str, until: str
) -> None:
    answer = await core.say(said)
    assert "每日巡检" in answer
    assert await muted_until(core) == until


async def test_a_muted_schedule_notifies_nobody_until_the_mute_ends(core: CoreHarness) -> None:
    await core.say("静默 每日巡检 1h")
    await core.finished_run()
    core.clock.turn(seconds=3601)
    await core.finished_run()
    assert core.messenger.verbs() == ["reply", "card", "upload", "file"]


async def test_without_a_time_it_asks_and_a_number_answers(core: CoreHarness) -> None:
    assert "多久" in await core.say("静默 每日巡检")
    assert await muted_until(core) == "not muted"
    await core.say("3")
    assert await muted_until(core) == "next"


@pytest.mark.parametrize(
    "said", ["停止推送每日巡检", "关掉每日巡检的通知", "别推送", "stop notifications for 巡检"]
)
async def test_who_wants_no_notifications_is_asked_for_how_long_and_stops_no_run(
    core: CoreHarness, said: str
) -> None:
    run = await core.trigger()
    assert "多久" in await core.say(said)
    await core.say("1")
    assert await muted_until(core) == "11-24 12:00"
    assert (await core.run(run.id)).status is run.status


async def test_a_time_in_other_words_is_asked_back_first(core: CoreHarness) -> None:
    assert "静默" in await core.say("今晚别通知每日巡检")
    assert await muted_until(core) == "not muted"
    await core.say("确认")
    assert await muted_until(core) == "11-25 09:00"


@pytest.mark.parametrize("said", ["静默全部 2h", "mute everything for 2 hours", "2小时内别推送所有计划"])
async def test_of_all_schedules_it_asks_which_and_keeps_the_time(core: CoreHarness, said: str) -> None:
    core.engine.known.append(make_schedule(id="s2", name="备份"))
    assert "备份" in await core.say(said)
    await core.say("1")
    assert await muted_until(core) == "11-24 13:00"


@pytest.mark.parametrize(
    "said",
    ["静默 31天", "静默 0h", "静默 到 2020-01-01", "mute 每日巡检 until yesterday", "静默 每日巡检 到上周五"],
)
async def test_a_mute_ends_within_a_month(core: CoreHarness, said: str) -> None:
    assert "30" in await core.say(said)
    assert await muted_until(core) == "not muted"


async def test_an_unknown_schedule_is_not_muted(core: CoreHarness) -> None:
    assert "没有叫" in await core.say("静默 生产库 2h")
    assert await core.context.delivery.overrides.all() == {}


async def test_of_several_schedules_it_asks_which_and_keeps_the_time(core: CoreHarness) -> None:
    core.engine.known.append(make_schedule(id="s2", name="备份", send_to=(GROUP,)))
    assert "好几个" in await core.say("静默 2h")
    await core.say("1")
    assert await muted_until(core) == "11-24 13:00"


async def test_a_number_from_the_last_list_names_the_schedule(core: CoreHarness) -> None:
    core.engine.known.append(make_schedule(id="s2", name="备份"))
    await core.say("计划")
    assert "备份" in await core.say("静默 2 2h")


async def test_a_mute_can_be_ended(core: CoreHarness) -> None:
    await core.say("静默 每日巡检 2h")
    assert "恢复" in await core.say("取消静默")
    await core.finished_run()
    assert "card" in core.messenger.verbs()


async def test_ending_no_mute_says_so(core: CoreHarness) -> None:
    assert "没有静默" in await core.say("取消静默 每日巡检")
    assert "没有静默" in await core.say("unmute")


async def test_of_several_muted_schedules_it_asks_which(core: CoreHarness) -> None:
    core.engine.known.append(make_schedule(id="s2", name="备份"))
    await core.say("静默 每日巡检 2h")
    await core.say("静默 备份 2h")
    assert "备份" in await core.say("取消静默")
    await core.say("1")
    assert await muted_until(core) == "not muted"


async def test_the_same_message_mutes_one_run(core: CoreHarness) -> None:
    message = make_message("静默 每日巡检 下次")
    await core.hear(message)
    await core.finished_run()
    await core.store.rows("delete from jobs where kind = 'message'")  # as if its end was never stored
    await core.hear(message)
    core.clock.turn(seconds=1)
    await core.finished_run()
    assert "card" in core.messenger.verbs()


async def test_a_message_that_is_processed_again_is_answered_with_the_time_that_counts(
    core: CoreHarness,
) -> None:
    message = make_message("静默 每日巡检 2h")
    await core.hear(message)
    await core.store.rows("delete from jobs where kind = 'message'")  # as if its end was never stored
    core.clock.turn(seconds=600)
    await core.hear(message)
    assert await muted_until(core) == "11-24 13:00"
    assert "13:00" in core.answer()


async def test_the_button_mutes_until_tomorrow_morning(core: CoreHarness) -> None:
    run = await failed_run(core)
    (card,) = core.messenger.cards
    tap = CardTap(card_id=card, action="mute", user=Person(id="user01"), conversation_id=GROUP.id)
    assert "9:00" in str(await core.intake.receive_tap(tap))
    await core.do_jobs()
    assert await muted_until(core) == "11-25 09:00"
    assert run.muted is None
    assert "已经静默" in str(await core.intake.receive_tap(tap))


async def test_the_button_gives_way_to_taking_care_of_a_failure(core: CoreHarness) -> None:
    await core.finished_run()
    core.clock.turn(seconds=1)
    await failed_run(core)
    cards = [str(card.params) for card in core.messenger.cards.values()]
    assert [("mute" in card, "acknowledge" in card) for card in cards] == [(True, False), (False, True)]


async def test_status_and_proof_say_that_and_by_whom_it_is_muted(core: CoreHarness) -> None:
    await core.say("静默 每日巡检 2h")
    await core.finished_run()
    status, proof = await core.say("状态"), await core.say("凭据 1")
    assert "已静默" in status
    assert "到 今天 13:00，李雷 设置" in status
    assert "没有推送：李雷 在 今天 11:00 静默了，到 今天 13:00" in proof


async def test_a_run_that_was_asked_for_is_not_called_muted(core: CoreHarness) -> None:
    await core.say("静默 每日巡检 2h")
    await core.say("重跑 每日巡检")
    await core.finish()
    assert "已静默" not in await core.say("状态")
    assert "没有推送" not in await core.say("凭据 1")
