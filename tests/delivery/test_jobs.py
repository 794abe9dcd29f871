"""The delivery jobs of an ended run."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.delivery.payload import DeliveryPayload
from bot.delivery.plan import card_id, delivery_job
from bot.delivery.reconcile import MIN_RECENT_RUNS, WATERMARK
from bot.errors import PermanentError, RateLimited, TemporaryError
from bot.models import Destination, ExportStatus, Job, JobState, PushStatus, Run, RunStatus
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_run, make_schedule
from tests.fakes import AnswerLost


async def state(core: CoreHarness, kind: str) -> JobState:
    (job,) = await core.store.find_jobs(kind=kind)
    return job.state


async def test_a_finished_run_is_one_card_one_upload_one_file(core: CoreHarness) -> None:
    run = await core.finished_run()
    assert core.messenger.verbs() == ["card", "upload", "file"]
    assert (run.push_status, run.export_status) == (PushStatus.SUCCESS, ExportStatus.SUCCESS)


async def test_the_card_comes_after_the_report_and_before_the_file(core: CoreHarness) -> None:
    run = await core.finished_run()
    view = core.messenger.cards[card_id(run.id, GROUP)]
    assert ".xlsx" in "".join(view.params.values())


async def test_one_upload_serves_all_destinations(core: CoreHarness) -> None:
    person = Destination.parse("user:user01")
    core.schedule = make_schedule(notify_enable=True, send_to=(GROUP, person))
    await core.trigger()
    await core.finish()
    assert sorted(core.messenger.verbs()) == ["card", "card", "file", "file", "upload"]


async def test_the_card_does_not_wait_for_ever(core: CoreHarness) -> None:
    core.exporter.trouble = [TemporaryError("disk full")] * 9
    run = await core.trigger()
    await core.finish()
    assert core.messenger.verbs() == []
    core.clock.turn(seconds=61)
    await core.do_jobs()
    assert core.messenger.verbs() == ["card"]
    assert (await core.run(run.id)).push_status is PushStatus.SUCCESS


async def test_a_late_report_renews_the_card_and_sends_the_file(core: CoreHarness) -> None:
    core.exporter.trouble = [TemporaryError("disk full", retry_after=100)]
    await core.trigger()
    await core.finish()
    core.clock.turn(seconds=61)
    await core.do_jobs()
    core.clock.turn(seconds=100)
    await core.do_jobs()
    assert core.messenger.verbs() == ["card", "upload", "file", "update"]


async def test_a_failed_export_changes_nothing_else(core: CoreHarness) -> None:
    core.exporter.trouble = [PermanentError("no such engine")]
    run = await core.trigger()
    await core.finish()
    ended = await core.run(run.id)
    assert (ended.status, ended.push_status) == (RunStatus.FINISHED, PushStatus.SUCCESS)
    assert (ended.export_status, ended.export_error) == (ExportStatus.ERROR, "no such engine")
    assert core.messenger.verbs() == ["card"]
    (file,) = await core.store.find_jobs(kind="file")
    assert file.result == {"skipped": "no such engine"}


async def test_without_cards_a_plain_message_goes(core: CoreHarness) -> None:
    core.messenger.trouble = [PermanentError("scope missing", code="AccessTokenPermissionDenied")]
    run = await core.finished_run()
    assert core.messenger.verbs() == ["note", "upload", "file"]
    assert run.push_status is PushStatus.SUCCESS


async def test_a_lost_answer_to_a_card_is_repeated_and_shows_once(core: CoreHarness) -> None:
    core.messenger.trouble = [TemporaryError("no answer", uncertain=True)]
    await core.trigger()
    await core.finish()
    core.clock.turn(seconds=5)
    await core.do_jobs()
    assert len(core.messenger.cards) == 1
    assert core.messenger.verbs() == ["card", "upload", "file"]


async def test_a_lost_answer_to_a_file_is_unconfirmed_and_not_repeated(core: CoreHarness) -> None:
    core.messenger.trouble = [None, None, TemporaryError("no answer", uncertain=True)]
    await core.finished_run()
    core.clock.turn(seconds=5)
    await core.do_jobs()
    assert core.messenger.verbs() == ["card", "upload", "update"]
    assert await state(core, "file") is JobState.UNCONFIRMED


async def test_a_clear_refusal_of_a_file_is_tried_again(core: CoreHarness) -> None:
    core.messenger.trouble = [None, None, TemporaryError("too fast", retry_after=1)]
    await core.finished_run()
    core.clock.turn(seconds=5)
    await core.do_jobs()
    assert core.messenger.verbs() == ["card", "upload", "file"]


async def test_nothing_configured_means_log_only(core: CoreHarness, caplog: pytest.LogCaptureFixture) -> None:
    core.schedule = make_schedule(notify_enable=True)
    with caplog.at_level("INFO"):
        run = await core.trigger()
        await core.finish()
    assert core.messenger.sent == []
    assert (await core.run(run.id)).push_status is PushStatus.SKIPPED
    assert "每日巡检" in caplog.text


async def run_left_pending(core: CoreHarness) -> Run:
    """Return a run whose push looks pending, though another bot, whose clock was ahead, has been here."""
    run = await core.finished_run()
    await core.store.update_run(run.id, {"push_status": PushStatus.PENDING})
    await core.store.set_value(WATERMARK, (core.clock() + timedelta(hours=1)).isoformat())
    return run


async def test_a_push_left_pending_by_a_crash_is_repaired(core: CoreHarness) -> None:
    run = await run_left_pending(core)
    core.build()
    await core.reconciler.run()
    assert (await core.run(run.id)).push_status is PushStatus.SUCCESS


async def test_a_crash_in_the_middle_of_a_burst_is_made_good_too(core: CoreHarness) -> None:
    run = await run_left_pending(core)
    for _ in range(3 * MIN_RECENT_RUNS):
        later = make_run(start_time=core.clock(), status=RunStatus.FINISHED, push_status=PushStatus.SKIPPED)
        await core.store.add_run(later)
    await core.reconciler.run()
    assert (await core.run(run.id)).push_status is PushStatus.SUCCESS


async def test_a_report_given_up_by_a_process_that_died_then_holds_up_nobody(core: CoreHarness) -> None:
    core.exporter.trouble = [PermanentError("no such engine")]
    run = await core.finished_run()
    await core.store.update_run(run.id, {"export_status": ExportStatus.RUNNING, "export_error": ""})
    await core.reconciler.run()
    mended = await core.run(run.id)
    assert (mended.export_status, mended.export_error) == (ExportStatus.ERROR, "no such engine")


async def test_a_push_that_nobody_got_is_an_error(core: CoreHarness) -> None:
    core.messenger.trouble = [PermanentError("no card"), PermanentError("no robot")]
    run = await core.finished_run()
    assert run.push_status is PushStatus.ERROR


async def test_a_delivery_of_an_unknown_run_is_given_up(core: CoreHarness) -> None:
    await core.jobs.add(delivery_job("card", "rnobody", DeliveryPayload(destination=GROUP), core.clock()))
    await core.do_jobs()
    assert await state(core, "card") is JobState.DEAD


async def test_a_card_of_a_run_whose_end_is_not_written_waits(core: CoreHarness) -> None:
    run: Run = await core.trigger()
    await core.jobs.add(delivery_job("card", run.id, DeliveryPayload(destination=GROUP), core.clock()))
    await core.do_jobs()
    assert await state(core, "card") is JobState.TODO


async def test_a_file_waits_for_its_card(core: CoreHarness) -> None:
    core.messenger.trouble = [TemporaryError("busy")]
    await core.finished_run()
    core.clock.turn(seconds=1)
    await core.do_jobs()
    assert core.messenger.verbs() == []
    core.clock.turn(seconds=9)
    await core.do_jobs()
    assert core.messenger.verbs() == ["card", "upload", "file"]


async def test_a_webhook_gets_a_note_that_names_the_command(core: CoreHarness) -> None:
    core.schedule = make_schedule(notify_enable=True, send_to=(Destination.parse("webhook:ops"),))
    run = await core.trigger()
    await core.finish()
    ((verb, where, text),) = core.messenger.sent
    assert (verb, where) == ("note", "webhook:ops")
    assert "重跑" in text
    assert (await core.run(run.id)).push_status is PushStatus.SUCCESS


async def test_an_updated_card_still_names_who_reran_it(core: CoreHarness) -> None:
    run = await core.finished_run()
    await core.rerun(run)
    await core.do_jobs()
    export = await core.store.find_job(f"export:{run.id}")
    assert export is not None
    await core.reconciler.on_export_finished(export)
    await core.do_jobs()
    assert "李雷" in "".join(core.messenger.cards[card_id(run.id, GROUP)].params.values())


async def test_a_card_that_was_only_logged_is_not_renewed(core: CoreHarness) -> None:
    core.schedule = make_schedule(notify_enable=True)
    run = await core.trigger()
    await core.finish()
    await core.rerun(await core.run(run.id))
    await core.do_jobs()
    assert await core.store.find_jobs(kind="update") == []


async def test_a_work_notification_is_repeated_word_for_word_whatever_has_come_meanwhile(
    core: CoreHarness,
) -> None:
    """DingTalk drops the same text within a day; other words would be a second message."""
    person = Destination.parse("work:user01")
    core.schedule = make_schedule(notify_enable=True, send_to=(person,))
    core.exporter.trouble = [TemporaryError("disk full", retry_after=90)]
    core.messenger.trouble_with["note"] = [TemporaryError("no answer", uncertain=True)]
    await core.trigger()
    await core.finish()
    for _ in range(3):
        core.clock.turn(seconds=61)
        await core.do_jobs()
    (job,) = await core.store.find_jobs(kind="note")
    (said,) = [what for verb, _, what in core.messenger.sent if verb == "note"]
    assert job.payload["words"] == [job.payload["words"][0], said]  # type: ignore[index]
    assert "正在生成" in said


async def work_notification_whose_first_attempt_fails(core: CoreHarness, *errors: TemporaryError) -> Job:
    """Return the job of a work notification after its attempts and another one on the next day."""
    core.schedule = make_schedule(
        notify_enable=True, export=False, send_to=(Destination.parse("work:user01"),)
    )
    core.messenger.trouble_with["note"] = list(errors)
    await core.finished_run()
    for seconds in (61, 86_400):
        core.clock.turn(seconds=seconds)
        await core.do_jobs()
    (job,) = await core.store.find_jobs(kind="note")
    return job


async def test_a_work_notification_that_may_have_arrived_is_not_repeated_on_another_day(
    core: CoreHarness,
) -> None:
    """DingTalk drops the same text on the same day only. The calls of the month may run out for days."""
    lost, no_calls = TemporaryError("no answer", uncertain=True), RateLimited("no calls", retry_after=80_000)
    job = await work_notification_whose_first_attempt_fails(core, lost, no_calls)
    assert job.state is JobState.UNCONFIRMED
    assert core.messenger.verbs() == []


async def test_a_work_notification_that_was_refused_is_sent_on_another_day(core: CoreHarness) -> None:
    refused, no_calls = TemporaryError("throttled"), RateLimited("no calls", retry_after=80_000)
    job = await work_notification_whose_first_attempt_fails(core, refused, no_calls)
    assert job.state is JobState.DONE
    assert core.messenger.verbs() == ["note"]


async def test_a_work_notification_is_repeated_on_the_same_day(core: CoreHarness) -> None:
    job = await work_notification_whose_first_attempt_fails(core, TemporaryError("no answer", uncertain=True))
    assert job.state is JobState.DONE
    assert core.messenger.verbs() == ["note"]


async def forget_attempt(core: CoreHarness, job_id: str) -> None:
    job = await core.store.find_job(job_id)
    assert job
    claimed = await core.store.claim_job([job.kind], "dead process", job.due_at, job.due_at)
    assert claimed
    forgotten = {key: value for key, value in job.payload.items() if not key.startswith("card_")}
    await core.store.save_job(replace(claimed, payload=forgotten))


async def late_card(core: CoreHarness, *, process_dies: bool = False) -> Run:
    """A card whose answer is lost while its report is being written, then tried again with the report."""
    core.exporter.trouble = [TemporaryError("disk full", retry_after=63)]
    core.messenger.trouble = [AnswerLost()]
    run = await core.trigger()
    await core.finish()
    core.clock.turn(seconds=61)
    await core.do_jobs()
    if process_dies:  # before it could store what it sent
        await forget_attempt(core, f"card:{run.id}:{GROUP}")
    core.clock.turn(seconds=20)
    await core.jobs.run_due(["export"])
    await core.do_jobs()
    return await core.run(run.id)


def text_of(core: CoreHarness, run: Run) -> str:
    return "".join(core.messenger.cards[card_id(run.id, GROUP)].params.values())


@pytest.mark.parametrize("process_dies", [False, True])
async def test_a_card_that_exists_with_older_content_is_updated_once(
    core: CoreHarness, process_dies: bool
) -> None:
    run = await late_card(core, process_dies=process_dies)
    assert ".xlsx" in text_of(core, run)
    assert core.messenger.verbs().count("update") == 1


async def test_a_card_that_exists_with_the_same_content_is_not_updated(core: CoreHarness) -> None:
    core.messenger.trouble = [AnswerLost()]
    run = await core.finished_run()
    core.clock.turn(seconds=10)
    await core.do_jobs()
    assert core.messenger.verbs() == ["deliver", "upload", "file"]
    assert (await core.run(run.id)).push_status is PushStatus.SUCCESS


async def test_a_card_that_exists_and_cannot_be_updated_still_counts(core: CoreHarness) -> None:
    core.messenger.trouble_with["update"] = [PermanentError("param.contentUnsafe", content=True)]
    run = await late_card(core)
    assert run.push_status is PushStatus.SUCCESS
    assert "note" not in core.messenger.verbs()
