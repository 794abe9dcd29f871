"""Payloads are cleared one day after the end of their job."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.jobs.retention import BATCH_SIZE, PAYLOAD_MAX_AGE, PayloadRetention
from bot.models import JobState
from tests.conftest import CoreHarness
from tests.factories import NOW, make_job, make_message


async def kept(core: CoreHarness) -> list[str]:
    """The payloads of messages that the store still has."""
    rows = await core.store.rows("select payload from jobs where kind = 'message'")
    return [row["payload"] for row in rows if row["payload"] != "{}"]


async def test_a_message_is_forgotten_a_day_after_its_answer(core: CoreHarness) -> None:
    retention = PayloadRetention(core.store, clock=core.clock)
    await core.say("状态", session_webhook="https://oapi.dingtalk.com/robot/sendBySession?session=secret")
    assert "session=secret" in (await kept(core))[0]
    core.clock.turn(seconds=PAYLOAD_MAX_AGE.total_seconds())
    assert await retention.sweep() == 0
    core.clock.turn(seconds=1)
    assert await retention.sweep() == 1
    assert await kept(core) == []


async def test_a_message_that_comes_again_after_that_is_still_known(core: CoreHarness) -> None:
    message = make_message("状态")
    await core.hear(message)
    core.clock.turn(seconds=PAYLOAD_MAX_AGE.total_seconds() + 1)
    await PayloadRetention(core.store, clock=core.clock).sweep()
    await core.hear(message)
    assert core.messenger.verbs() == ["reply"]


async def test_an_open_message_keeps_its_words(core: CoreHarness) -> None:
    await core.intake.receive_message(make_message("状态"))
    core.clock.turn(seconds=10 * PAYLOAD_MAX_AGE.total_seconds())
    assert await PayloadRetention(core.store, clock=core.clock).sweep() == 0
    await core.do_jobs()
    assert core.messenger.verbs() == ["reply"]


async def test_a_run_keeps_its_audit_trail(core: CoreHarness) -> None:
    run = await core.finished_run()
    before = await core.store.find_jobs(run_id=run.id)
    core.clock.turn(seconds=10 * PAYLOAD_MAX_AGE.total_seconds())
    await PayloadRetention(core.store, clock=core.clock).sweep()
    assert await core.store.find_jobs(run_id=run.id) == before


async def test_a_long_history_is_emptied_in_batches_and_once(core: CoreHarness) -> None:
    for number in range(BATCH_SIZE + 3):
        job = make_job(
            id=f"message:{number}", kind="message", payload={"text": "a"}, state=JobState.DONE, ended_at=NOW
        )
        await core.store.add_job(job)
    core.clock.turn(seconds=2 * PAYLOAD_MAX_AGE.total_seconds())
    retention = PayloadRetention(core.store, clock=core.clock)
    assert await retention.sweep() == BATCH_SIZE + 3
    assert await retention.sweep() == 0
    core.clock.turn(seconds=-timedelta(hours=5).total_seconds())
    assert await retention.sweep() == 0


async def test_a_message_that_was_answered_before_the_clock_was_set_is_forgotten_too(
    core: CoreHarness,
) -> None:
    """A computer without a clock starts in 1970."""
    start = datetime.fromtimestamp(0, UTC)
    job = make_job(kind="message", payload={"text": "a"}, state=JobState.DONE, ended_at=start)
    await core.store.add_job(job)
    assert await PayloadRetention(core.store, clock=core.clock).sweep() == 1


async def test_a_second_sweep_at_the_same_time_asks_for_no_jobs(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    retention = PayloadRetention(core.store, clock=core.clock)
    await retention.sweep()
    monkeypatch.delattr(type(core.store), "clear_payloads")
    assert await retention.sweep() == 0


async def test_the_payloads_of_talk_and_alerts_are_forgotten_and_no_others(core: CoreHarness) -> None:
    for kind in ("message", "delay", "notice", "last_notice", "card", "note"):
        job = make_job(id=kind, kind=kind, payload={"text": "a"}, state=JobState.DONE, ended_at=NOW)
        await core.store.add_job(job)
    core.clock.turn(seconds=PAYLOAD_MAX_AGE.total_seconds() + 1)
    assert await PayloadRetention(core.store, clock=core.clock).sweep() == 4
    assert {job.id for job in await core.store.find_jobs() if job.payload} == {"card", "note"}
