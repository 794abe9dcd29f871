"""The delivery jobs of an ended run."""

from dataclasses import replace

import pytest

from bot.delivery.payload import DeliveryPayload
from bot.delivery.plan import card_id, delivery_job
from bot.delivery.reconcile import MIN_RECENT_RUNS
from bot.errors import CardUndeliveredError, PermanentError, TemporaryError
from bot.models import Destination, ExportStatus, JobState, PushStatus, Run, RunStatus
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_run, make_schedule
from tests.fakes import AnswerLost


async def state(desk: CoreHarness, kind: str) -> JobState:
    (job,) = await desk.store.find_jobs(kind=kind)
    return job.state


async def test_a_finished_run_is_one_card_one_upload_one_file(desk: CoreHarness) -> None:
    run = await desk.finished_run()
    assert desk.messenger.verbs() == ["card", "upload", "file"]
    assert (run.push_status, run.export_status) == (PushStatus.SUCCESS, ExportStatus.SUCCESS)


async def test_the_card_comes_after_the_report_and_before_the_file(desk: CoreHarness) -> None:
    run = await desk.finished_run()
    view = desk.messenger.cards[card_id(run.id, GROUP)]
    assert ".xlsx" in "".join(view.params.values())


async def test_one_upload_serves_all_destinations(desk: CoreHarness) -> None:
    person = Destination.parse("user:user01")
    desk.schedule = make_schedule(notify_enable=True, send_to=(GROUP, person))
    await desk.trigger()
    await desk.finish()
    assert sorted(desk.messenger.verbs()) == ["card", "card", "file", "file", "upload"]


async def test_the_card_does_not_wait_for_ever(desk: CoreHarness) -> None:
    desk.exporter.trouble = [TemporaryError("disk full")] * 9
    run = await desk.trigger()
    await desk.finish()
    assert desk.messenger.verbs() == []
    desk.clock.turn(seconds=61)
    await desk.do_jobs()
    assert desk.messenger.verbs() == ["card"]
    assert (await desk.run(run.id)).push_status is PushStatus.SUCCESS


async def test_a_late_report_renews_the_card_and_sends_the_file(desk: CoreHarness) -> None:
    desk.exporter.trouble = [TemporaryError("disk full", retry_after=100)]
    await desk.trigger()
    await desk.finish()
    desk.clock.turn(seconds=61)
    await desk.do_jobs()
    desk.clock.turn(seconds=100)
    await desk.do_jobs()
    assert desk.messenger.verbs() == ["card", "upload", "file", "update"]


async def test_a_failed_export_changes_nothing_else(desk: CoreHarness) -> None:
    desk.exporter.trouble = [PermanentError("no such engine")]
    run = await desk.trigger()
    await desk.finish()
    ended = await desk.run(run.id)
    assert (ended.status, ended.push_status) == (RunStatus.FINISHED, PushStatus.SUCCESS)
    assert (ended.export_status, ended.export_error) == (ExportStatus.ERROR, "no such engine")
    assert desk.messenger.verbs() == ["card"]
    (file,) = await desk.store.find_jobs(kind="file")
    assert file.result == {"skipped": "no such engine"}


async def test_without_cards_a_plain_message_goes(desk: CoreHarness) -> None:
    desk.messenger.trouble = [PermanentError("scope missing", code="AccessTokenPermissionDenied")]
    run = await desk.finished_run()
    assert desk.messenger.verbs() == ["note", "upload", "file"]
    assert run.push_status is PushStatus.SUCCESS


async def test_a_lost_answer_to_a_card_is_repeated_and_shows_once(desk: CoreHarness) -> None:
    desk.messenger.trouble = [TemporaryError("no answer", uncertain=True)]
    await desk.trigger()
    await desk.finish()
    desk.clock.turn(seconds=5)
    await desk.do_jobs()
    assert len(desk.messenger.cards) == 1
    assert desk.messenger.verbs() == ["card", "upload", "file"]


async def test_a_lost_answer_to_a_file_is_unconfirmed_and_not_repeated(desk: CoreHarness) -> None:
    desk.messenger.trouble = [None, None, TemporaryError("no answer", uncertain=True)]
    await desk.finished_run()
    desk.clock.turn(seconds=5)
    await desk.do_jobs()
    assert desk.messenger.verbs() == ["card", "upload", "update"]
    assert await state(desk, "file") is JobState.UNCONFIRMED


async def test_a_clear_refusal_of_a_file_is_tried_again(desk: CoreHarness) -> None:
    desk.messenger.trouble = [None, None, TemporaryError("too fast", retry_after=1)]
    await desk.finished_run()
    desk.clock.turn(seconds=5)
    await desk.do_jobs()
    assert desk.messenger.verbs() == ["card", "upload", "file"]


async def test_nothing_configured_means_log_only(desk: CoreHarness, caplog: pytest.LogCaptureFixture) -> None:
    desk.schedule = make_schedule(notify_enable=True)
    with caplog.at_level("INFO"):
        run = await desk.trigger()
        await desk.finish()
    assert desk.messenger.sent == []
    assert (await desk.run(run.id)).push_status is PushStatus.SKIPPED
    assert "每日巡检" in caplog.text


async def test_a_push_left_pending_by_a_crash_is_repaired(desk: CoreHarness) -> None:
    run = await desk.finished_run()
    await desk.store.update_run(run.id, {"push_status": PushStatus.PENDING})
    desk.build()
    await desk.reconciler.run()
    assert (await desk.run(run.id)).push_status is PushStatus.SUCCESS


async def test_a_crash_in_the_middle_of_a_burst_is_made_good_too(desk: CoreHarness) -> None:
    run = await desk.finished_run()
    await desk.store.update_run(run.id, {"push_status": PushStatus.PENDING})
    for _ in range(3 * MIN_RECENT_RUNS):
        later = make_run(start_time=desk.clock(), status=RunStatus.FINISHED, push_status=PushStatus.SKIPPED)
        await desk.store.add_run(later)
    await desk.reconciler.run()
    assert (await desk.run(run.id)).push_status is PushStatus.SUCCESS


async def test_a_report_given_up_by_a_process_that_died_then_holds_up_nobody(desk: CoreHarness) -> None:
    desk.exporter.trouble = [PermanentError("no such engine")]
    run = await desk.finished_run()
    await desk.store.update_run(run.id, {"export_status": ExportStatus.RUNNING, "export_error": ""})
    await desk.reconciler.run()
    mended = await desk.run(run.id)
    assert (mended.export_status, mended.export_error) == (ExportStatus.ERROR, "no such engine")


async def test_a_push_that_nobody_got_is_an_error(desk: CoreHarness) -> None:
    desk.messenger.trouble = [PermanentError("no card"), PermanentError("no robot")]
    run = await desk.finished_run()
    assert run.push_status is PushStatus.ERROR


async def test_a_delivery_of_an_unknown_run_is_given_up(desk: CoreHarness) -> None:
    await desk.jobs.add(delivery_job("card", "rnobody", DeliveryPayload(destination=GROUP), desk.clock()))
    await desk.do_jobs()
    assert await state(desk, "card") is JobState.DEAD


async def test_a_card_of_a_run_whose_end_is_not_written_waits(desk: CoreHarness) -> None:
    run: Run = await desk.trigger()
    await desk.jobs.add(delivery_job("card", run.id, DeliveryPayload(destination=GROUP), desk.clock()))
    await desk.do_jobs()
    assert await state(desk, "card") is JobState.TODO


async def test_a_file_waits_for_its_card(desk: CoreHarness) -> None:
    desk.messenger.trouble = [TemporaryError("busy")]
    await desk.finished_run()
    desk.clock.turn(seconds=1)
    await desk.do_jobs()
    assert desk.messenger.verbs() == []
    desk.clock.turn(seconds=9)
    await desk.do_jobs()
    assert desk.messenger.verbs() == ["card", "upload", "file"]


async def test_a_webhook_gets_a_note_that_names_the_command(desk: CoreHarness) -> None:
    desk.schedule = make_schedule(notify_enable=True, send_to=(Destination.parse("webhook:ops"),))
    run = await desk.trigger()
    await desk.finish()
    ((verb, where, text),) = desk.messenger.sent
    assert (verb, where) == ("note", "webhook:ops")
    assert "重跑" in text
    assert (await desk.run(run.id)).push_status is PushStatus.SUCCESS


async def test_an_updated_card_still_names_who_reran_it(desk: CoreHarness) -> None:
    run = await desk.finished_run()
    await desk.delivery.announce_rerun(run, "李雷")
    await desk.do_jobs()
    export = await desk.store.find_job(f"export:{run.id}")
    assert export is not None
    await desk.reconciler.on_export_finished(export)
    await desk.do_jobs()
    assert "李雷" in "".join(desk.messenger.cards[card_id(run.id, GROUP)].params.values())


async def test_a_card_that_was_only_logged_is_not_renewed(desk: CoreHarness) -> None:
    desk.schedule = make_schedule(notify_enable=True)
    run = await desk.trigger()
    await desk.finish()
    await desk.delivery.announce_rerun(await desk.run(run.id), "李雷")
    await desk.do_jobs()
    assert await desk.store.find_jobs(kind="update") == []


async def test_a_work_notification_is_repeated_word_for_word_whatever_has_come_meanwhile(
    desk: CoreHarness,
) -> None:
    """DingTalk drops the same text within a day; other words would be a second message."""
    person = Destination.parse("work:user01")
    desk.schedule = make_schedule(notify_enable=True, send_to=(person,))
    desk.exporter.trouble = [TemporaryError("disk full", retry_after=90)]
    desk.messenger.trouble_with["note"] = [TemporaryError("no answer", uncertain=True)]
    await desk.trigger()
    await desk.finish()
    for _ in range(3):
        desk.clock.turn(seconds=61)
        await desk.do_jobs()
    (job,) = await desk.store.find_jobs(kind="note")
    (said,) = [what for verb, _, what in desk.messenger.sent if verb == "note"]
    assert job.payload["words"] == [job.payload["words"][0], said]  # type: ignore[index]
    assert "正在生成" in said


UNDELIVERED = CardUndeliveredError("SYSTEM_ERROR")


async def test_a_card_that_was_created_and_not_delivered_is_delivered_next(desk: CoreHarness) -> None:
    desk.messenger.trouble = [UNDELIVERED]
    await desk.finished_run()
    desk.clock.turn(seconds=5)
    await desk.do_jobs()
    assert desk.messenger.verbs() == ["deliver", "upload", "file"]


async def test_another_process_delivers_a_card_that_reached_nobody(desk: CoreHarness) -> None:
    desk.messenger.trouble = [UNDELIVERED, UNDELIVERED]
    await desk.finished_run()
    for _ in range(2):
        desk.messenger.cards.clear()  # nothing but the store tells that it was created
        desk.build()
        desk.clock.turn(seconds=10)
        await desk.do_jobs()
    assert desk.messenger.verbs() == ["deliver", "upload", "file"]


async def forget_attempt(desk: CoreHarness, job_id: str) -> None:
    job = await desk.store.find_job(job_id)
    assert job
    claimed = await desk.store.claim_job([job.kind], "dead process", job.due_at, job.due_at)
    assert claimed
    forgotten = {key: value for key, value in job.payload.items() if not key.startswith("card_")}
    await desk.store.save_job(replace(claimed, payload=forgotten))


async def late_card(desk: CoreHarness, *, process_dies: bool = False) -> Run:
    """A card whose answer is lost while its report is being written, then tried again with the report."""
    desk.exporter.trouble = [TemporaryError("disk full", retry_after=63)]
    desk.messenger.trouble = [AnswerLost()]
    run = await desk.trigger()
    await desk.finish()
    desk.clock.turn(seconds=61)
    await desk.do_jobs()
    if process_dies:  # before it could store what it sent
        await forget_attempt(desk, f"card:{run.id}:{GROUP}")
    desk.clock.turn(seconds=20)
    await desk.jobs.run_due(["export"])
    await desk.do_jobs()
    return await desk.run(run.id)


def text_of(desk: CoreHarness, run: Run) -> str:
    return "".join(desk.messenger.cards[card_id(run.id, GROUP)].params.values())


@pytest.mark.parametrize("process_dies", [False, True])
async def test_a_card_that_exists_with_older_content_is_updated_once(
    desk: CoreHarness, process_dies: bool
) -> None:
    run = await late_card(desk, process_dies=process_dies)
    assert ".xlsx" in text_of(desk, run)
    assert desk.messenger.verbs().count("update") == 1


async def test_a_card_that_exists_with_the_same_content_is_not_updated(desk: CoreHarness) -> None:
    desk.messenger.trouble = [AnswerLost()]
    run = await desk.finished_run()
    desk.clock.turn(seconds=10)
    await desk.do_jobs()
    assert desk.messenger.verbs() == ["deliver", "upload", "file"]
    assert (await desk.run(run.id)).push_status is PushStatus.SUCCESS


async def test_a_card_that_exists_and_cannot_be_updated_still_counts(desk: CoreHarness) -> None:
    desk.messenger.trouble_with["update"] = [PermanentError("param.contentUnsafe", content=True)]
    run = await late_card(desk)
    assert run.push_status is PushStatus.SUCCESS
    assert "note" not in desk.messenger.verbs()
