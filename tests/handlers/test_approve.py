"""Test protected schedules: a confirmation, or `同意` / `approve` by a second person."""

import pytest

from bot.delivery.plan import card_id
from bot.models import CardTap, Person, Run
from bot.runs.approvals import Protection
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_schedule

LI, ZHANG = Person(id="user01", name="李雷"), Person(id="user02", name="张三")
TTL_SECONDS = 900


@pytest.fixture
def two(core: CoreHarness) -> CoreHarness:
    """Return the core with a schedule that takes two people."""
    core.protected = {"每日*": Protection.TWO_PERSON}
    core.build()
    return core


async def tap(core: CoreHarness, run: Run, user: Person, action: str = "rerun") -> str:
    core.clock.turn(seconds=2)
    answer = await core.intake.receive_tap(
        CardTap(card_id=card_id(run.id, GROUP), action=action, user=user, conversation_id=GROUP.id)
    )
    await core.do_jobs()
    return "".join(answer.values())


async def runs(core: CoreHarness) -> list[Run]:
    return list(await core.store.find_runs())


async def test_a_protected_schedule_runs_after_a_confirmation(core: CoreHarness) -> None:
    core.protected = {"每日*": Protection.CONFIRM}
    core.build()
    assert "受保护" in await core.say("重跑 每日巡检")
    assert await runs(core) == []
    await core.say("1")
    assert len(await runs(core)) == 1


async def test_the_button_of_a_protected_schedule_is_tapped_twice(core: CoreHarness) -> None:
    run = await core.finished_run()
    core.protected = {"s1": Protection.CONFIRM}
    core.build()
    assert "受保护" in await tap(core, run, LI)
    assert "开始重跑" in await tap(core, run, LI)


async def test_a_second_person_agrees_and_both_names_are_kept(two: CoreHarness) -> None:
    assert "同意 每日巡检" in await two.say("重跑", sender=LI)
    assert await runs(two) == []
    assert "李雷 要求的**每日巡检**开始执行" in await two.say("同意 每日巡检", sender=ZHANG)
    (run,) = await runs(two)
    assert (run.asked_by, run.approved_by) == (LI, ZHANG)
    await two.finish()
    assert "张三 同意" in two.messenger.cards[card_id(run.id, GROUP)].params["markdown"]
    assert "李雷 要求，张三 同意" in await two.say(f"凭据 {run.id}")


async def test_who_asked_cannot_agree(two: CoreHarness) -> None:
    await two.say("重跑", sender=LI)
    assert "你自己要求的" in await two.say("同意 每日巡检", sender=LI)
    assert await runs(two) == []


async def test_a_request_expires(two: CoreHarness) -> None:
    await two.say("重跑", sender=LI)
    two.clock.turn(seconds=TTL_SECONDS)
    assert "没有等待同意的请求" in await two.say("同意", sender=ZHANG)
    assert await runs(two) == []


async def test_the_second_request_names_the_first(two: CoreHarness) -> None:
    await two.say("重跑", sender=LI)
    assert "李雷 要求执行「每日巡检」" in await two.say("重跑", sender=ZHANG)


async def test_without_a_name_the_only_request_is_meant(two: CoreHarness) -> None:
    two.engine.known.append(make_schedule(id="s2", name="Weekly"))
    await two.say("重跑 每日巡检", sender=LI)
    assert "开始执行" in await two.say("同意", sender=ZHANG)


async def test_agreeing_twice_starts_one_run(two: CoreHarness) -> None:
    await two.say("重跑", sender=LI)
    await two.say("同意 每日巡检", sender=ZHANG)
    assert "开始执行" in await two.say("同意 每日巡检", sender=ZHANG)
    assert len(await runs(two)) == 1


async def test_the_same_button_asks_and_agrees(core: CoreHarness) -> None:
    run = await core.finished_run()
    core.protected = {"每日巡检": Protection.TWO_PERSON}
    core.build()
    assert "要另一位有权限的人同意" in await tap(core, run, LI)
    assert "要另一位有权限的人同意" in await tap(core, run, LI)
    assert "同意的话，一分钟内再按一次" in await tap(core, run, ZHANG)
    assert "开始重跑" in await tap(core, run, ZHANG)
    started, _ = await runs(core)
    assert (started.asked_by, started.approved_by) == (LI, ZHANG)


async def test_a_stop_takes_two_people_as_well(two: CoreHarness) -> None:
    run = await two.trigger()
    assert "要求停止" in await two.say("停止", sender=LI)
    assert "正在停止" in await two.say("同意", sender=ZHANG)
    stopped = await two.run(run.id)
    assert (stopped.stopped_by, stopped.stop_approved_by) == (LI, ZHANG)


async def test_scheduled_runs_are_not_hindered(two: CoreHarness) -> None:
    assert await two.trigger()
