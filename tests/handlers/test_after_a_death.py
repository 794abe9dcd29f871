"""Test that a request is answered, but not repeated, when the process dies before the answer."""

import pytest

from bot.errors import TemporaryError
from bot.jobs.queue import Claim
from bot.models import Message, TaskStatus
from tests.conftest import CoreHarness
from tests.factories import make_message


async def die_before_answering(desk: CoreHarness, message: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    """Process a message, and die before it is answered."""

    async def dead(claim: Claim) -> None:
        raise TemporaryError("the process died")

    with monkeypatch.context() as patch:
        patch.setattr(Claim, "mark_sending", dead)
        await desk.intake.receive_message(message)
        await desk.jobs.run_due(["message"])
    await desk.do_jobs()


async def restart(desk: CoreHarness) -> str:
    desk.build()
    desk.clock.turn(seconds=60)
    await desk.do_jobs()
    return desk.answer()


async def test_a_rerun_whose_own_run_has_ended_is_answered_while_another_runs(
    desk: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await die_before_answering(desk, make_message("重跑"), monkeypatch)
    await desk.finish()
    (mine,) = await desk.store.find_runs()
    desk.clock.turn(seconds=1)
    await desk.trigger(cause="cron:s1:later")
    answer = await restart(desk)
    assert mine.id in answer
    assert "正在跑" not in answer
    assert len(await desk.store.find_runs()) == 2


async def test_a_rerun_is_answered_though_its_schedule_is_gone(
    desk: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await die_before_answering(desk, make_message("重跑"), monkeypatch)
    (mine,) = await desk.store.find_runs()
    desk.engine.known.clear()
    assert mine.id in await restart(desk)


async def test_failed_tasks_are_not_repeated_again_after_a_newer_failure(
    desk: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.trigger()
    await desk.finish(status=TaskStatus.ERROR)
    desk.clock.turn(seconds=60)
    await die_before_answering(desk, make_message("重跑失败"), monkeypatch)
    (mine, _) = await desk.store.find_runs()
    await desk.finish()
    desk.clock.turn(seconds=1)
    await desk.trigger(cause="cron:s1:later")
    await desk.finish(status=TaskStatus.ERROR)
    assert mine.id in await restart(desk)
    assert len(await desk.store.find_runs()) == 3


async def test_what_was_sent_again_is_said_though_it_has_arrived(
    desk: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.messenger.trouble = [None, None, TemporaryError("no answer", uncertain=True)]
    await desk.finished_run()
    await die_before_answering(desk, make_message("重发"), monkeypatch)
    assert "1 条正在重发" in await restart(desk)
    assert desk.messenger.verbs().count("file") == 1


@pytest.mark.parametrize("words", ["最近报告", "重跑"])
async def test_what_was_counted_before_is_not_counted_again(
    desk: CoreHarness, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    desk.per_hour = 1
    desk.build()
    await desk.finished_run()
    await die_before_answering(desk, make_message(words), monkeypatch)
    assert "以后再来" not in await restart(desk)
