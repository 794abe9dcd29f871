"""Test that a request is answered, but not repeated, when the process dies before the answer."""

import pytest

from bot.errors import TemporaryError
from bot.jobs.queue import Claim
from bot.models import Message, TaskStatus
from tests.conftest import CoreHarness
from tests.factories import make_message


async def die_before_answering(core: CoreHarness, message: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    """Process a message, and die before it is answered."""

    async def dead(claim: Claim) -> None:
        raise TemporaryError("the process died")

    with monkeypatch.context() as patch:
        patch.setattr(Claim, "mark_sending", dead)
        await core.intake.receive_message(message)
        await core.jobs.run_due(["message"])
    await core.do_jobs()


async def restart(core: CoreHarness) -> str:
    core.build()
    core.clock.turn(seconds=60)
    await core.do_jobs()
    return core.answer()


async def test_a_rerun_whose_own_run_has_ended_is_answered_while_another_runs(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await die_before_answering(core, make_message("重跑"), monkeypatch)
    await core.finish()
    (mine,) = await core.store.find_runs()
    core.clock.turn(seconds=1)
    await core.trigger(cause="cron:s1:later")
    answer = await restart(core)
    assert mine.id in answer
    assert "正在跑" not in answer
    assert len(await core.store.find_runs()) == 2


async def test_a_rerun_is_answered_though_its_schedule_is_gone(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await die_before_answering(core, make_message("重跑"), monkeypatch)
    (mine,) = await core.store.find_runs()
    core.engine.known.clear()
    assert mine.id in await restart(core)


async def test_failed_tasks_are_not_repeated_again_after_a_newer_failure(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await core.trigger()
    await core.finish(status=TaskStatus.ERROR)
    core.clock.turn(seconds=60)
    await die_before_answering(core, make_message("重跑失败"), monkeypatch)
    (mine, _) = await core.store.find_runs()
    await core.finish()
    core.clock.turn(seconds=1)
    await core.trigger(cause="cron:s1:later")
    await core.finish(status=TaskStatus.ERROR)
    assert mine.id in await restart(core)
    assert len(await core.store.find_runs()) == 3


async def test_what_was_sent_again_is_said_though_it_has_arrived(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    core.messenger.trouble = [None, None, TemporaryError("no answer", uncertain=True)]
    await core.finished_run()
    await die_before_answering(core, make_message("重发"), monkeypatch)
    assert "1 条正在重发" in await restart(core)
    assert core.messenger.verbs().count("file") == 1


@pytest.mark.parametrize("words", ["取消静默 每日巡检", "取消静默"])
async def test_a_mute_that_was_ended_is_said_to_be_ended(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    await core.say("静默 每日巡检 2h")
    await die_before_answering(core, make_message(words), monkeypatch)
    answer = await restart(core)
    assert "恢复推送" in answer
    assert "没有静默" not in answer


@pytest.mark.parametrize("words", ["最近报告", "重跑"])
async def test_what_was_counted_before_is_not_counted_again(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    core.per_hour = 1
    core.build()
    await core.finished_run()
    await die_before_answering(core, make_message(words), monkeypatch)
    assert "以后再来" not in await restart(core)
