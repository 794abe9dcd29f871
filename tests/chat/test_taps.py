"""Test taps on old cards: replayed, late, or on a run that another one has replaced."""

from bot.delivery.plan import card_id
from bot.models import CardTap, Person, Run, TaskStatus
from tests.conftest import GROUP, CoreHarness

LI, ZHANG = Person(id="user01", name="李雷"), Person(id="user02", name="张三")
DAY = 86_400


async def tap(core: CoreHarness, run: Run, action: str = "rerun", user: Person = LI) -> str:
    """Press a button and return what the person sees."""
    answer = await core.intake.receive_tap(
        CardTap(card_id=card_id(run.id, GROUP), action=action, user=user, conversation_id=GROUP.id)
    )
    await core.do_jobs()
    return "".join(answer.values())


async def count(core: CoreHarness) -> int:
    return len(await core.store.find_runs())


async def superseded_run(core: CoreHarness) -> Run:
    """Return a finished run after which another one has finished."""
    run = await core.finished_run()
    core.clock.turn(seconds=60)
    await core.finished_run()
    return run


async def test_a_card_of_a_replaced_run_asks_first(core: CoreHarness) -> None:
    run = await superseded_run(core)
    assert "已被第 2 次执行" in await tap(core, run)
    assert await count(core) == 2


async def test_the_second_tap_of_the_same_person_acts(core: CoreHarness) -> None:
    run = await superseded_run(core)
    await tap(core, run)
    core.clock.turn(seconds=5)
    assert "已被第 2 次执行" in await tap(core, run, user=ZHANG)
    assert "开始重跑" in await tap(core, run)
    assert await count(core) == 3


async def test_a_double_tap_is_no_confirmation(core: CoreHarness) -> None:
    run = await superseded_run(core)
    answers = [await tap(core, run), await tap(core, run)]
    assert all("已被第 2 次执行" in answer for answer in answers)


async def test_a_confirmation_comes_within_a_minute(core: CoreHarness) -> None:
    run = await superseded_run(core)
    await tap(core, run)
    core.clock.turn(seconds=61)
    assert "已被第 2 次执行" in await tap(core, run)
    assert await count(core) == 2


async def test_a_question_about_an_earlier_state_confirms_nothing(core: CoreHarness) -> None:
    run = await superseded_run(core)
    await tap(core, run)
    core.clock.turn(seconds=30)
    await core.finished_run()
    assert "已被第 3 次执行" in await tap(core, run)


async def test_a_replayed_tap_starts_nothing_more(core: CoreHarness) -> None:
    run = await core.finished_run()
    await tap(core, run)
    assert "已由 李雷" in await tap(core, run, user=ZHANG)
    core.clock.turn(seconds=60)
    assert "正在跑" in await tap(core, run)
    await core.finish()
    core.clock.turn(seconds=60)
    assert "已被第 2 次执行" in await tap(core, run)
    assert await count(core) == 2


async def test_late_taps_are_told_what_to_send(core: CoreHarness) -> None:
    run = await core.finished_run()
    core.clock.turn(seconds=8 * DAY)
    assert "已过期，请发消息：重跑 每日巡检" in await tap(core, run)
    assert await count(core) == 1


async def test_failed_tasks_are_run_again_from_the_card(core: CoreHarness) -> None:
    run = await core.trigger()
    await core.finish(status=TaskStatus.ERROR)
    assert "失败的任务" in await tap(core, run, "rerun_failed")
    started, _ = await core.store.find_runs()
    assert started.is_retry
    shown = core.messenger.cards[card_id(run.id, GROUP)].params["tips"]
    assert f"李雷 11-24 周二 11:00 重跑了失败的任务：第 2 次执行进行中，编号 {started.id}" in shown
