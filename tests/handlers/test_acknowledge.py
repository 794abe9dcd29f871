"""Test the command `确认` / `ack`, and the button."""

import pytest

from bot.models import CardTap, Person, Run, TaskStatus
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_schedule


async def failed_run(core: CoreHarness, cause: str = "cron:s1:now") -> Run:
    run = await core.trigger(cause=cause)
    await core.finish(status=TaskStatus.ERROR)
    return await core.run(run.id)


async def handled_until(core: CoreHarness) -> str:
    stated = (await core.context.delivery.overrides.find("s1")).acknowledgement
    return f"{stated.until.astimezone(core.context.schedules.zone):%m-%d %H:%M}" if stated else ""


def shown(core: CoreHarness) -> str:
    """Return everything on the newest card."""
    return str(list(core.messenger.cards.values())[-1].params)


@pytest.mark.parametrize(
    ("said", "until"),
    [
        ("确认", "11-25 11:00"),
        ("确认 每日巡检", "11-25 11:00"),
        ("ack 巡检 2h", "11-24 13:00"),
        ("我来处理 到 18:00", "11-24 18:00"),
        ("知道了", "11-25 11:00"),
    ],
)
async def test_somebody_takes_care_of_the_last_failure(core: CoreHarness, said: str, until: str) -> None:
    await failed_run(core)
    assert "由你处理" in await core.say(said)
    assert await handled_until(core) == until


async def test_it_is_shown_on_the_card_by_one_update_and_in_the_status(core: CoreHarness) -> None:
    run = await failed_run(core)
    assert "acknowledge" in shown(core)
    await core.say(f"确认 {run.id}")
    await core.do_jobs()
    assert core.messenger.verbs().count("update") == 1
    assert "李雷 在处理，到 11-25 周三 11:00" in shown(core)
    assert "acknowledge" not in shown(core)
    assert "李雷 在处理（到 明天 11:00）" in await core.say("状态")


async def test_the_button_does_the_same_once(core: CoreHarness) -> None:
    await failed_run(core)
    (card,) = core.messenger.cards
    tap = CardTap(card_id=card, action="acknowledge", user=Person(id="user01"), conversation_id=GROUP.id)
    assert "由你处理" in str(await core.intake.receive_tap(tap))
    await core.do_jobs()
    assert await handled_until(core) == "11-25 11:00"
    assert "已经在处理" in str(await core.intake.receive_tap(tap))


async def test_the_next_failure_within_the_time_shows_who_takes_care(core: CoreHarness) -> None:
    await failed_run(core)
    await core.say("确认")
    core.clock.turn(seconds=3_600)
    await failed_run(core, "cron:s1:2")
    assert "李雷 在处理" in shown(core)


async def test_a_failure_after_the_time_does_not(core: CoreHarness) -> None:
    await failed_run(core)
    await core.say("确认 1h")
    core.clock.turn(seconds=3_601)
    await failed_run(core, "cron:s1:2")
    assert "在处理" not in shown(core)


async def test_without_a_failure_there_is_nothing_to_take_care_of(core: CoreHarness) -> None:
    assert "没有要处理的" in await core.say("确认")
    await failed_run(core)
    core.clock.turn(seconds=1)
    await core.finished_run()
    assert "没有要处理的" in await core.say("确认")
    assert "没有失败" in await core.say("确认 每日巡检")


async def test_the_time_is_limited(core: CoreHarness) -> None:
    await failed_run(core)
    assert "30" in await core.say("确认 每日巡检 99天")
    assert await handled_until(core) == ""


async def test_an_unknown_schedule_is_not_acknowledged(core: CoreHarness) -> None:
    core.engine.known.append(make_schedule(id="s2", name="备份", send_to=(GROUP,)))
    await failed_run(core)
    assert "没有叫" in await core.say("确认 生产库")
    assert await core.context.delivery.overrides.all() == {}
