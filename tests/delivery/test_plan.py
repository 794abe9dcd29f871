"""The jobs that follow from the end of a run, and its push status."""

from datetime import timedelta

import pytest

from bot.delivery.payload import DeliveryPayload
from bot.delivery.plan import (
    MAX_EXPORT_WAIT,
    card_id,
    delivery_job,
    job_id,
    jobs_for_finished_run,
    push_status_of,
    run_of_card,
)
from bot.models import (
    NULL_DESTINATION,
    Destination,
    FileMode,
    Job,
    JobState,
    NotifyOn,
    PushStatus,
    RecipientOptions,
    RunStatus,
)
from tests.factories import NOW, make_ended_run, make_job, make_run

GROUP = Destination.parse("group:cidA")
PERSON = Destination.parse("user:user01")
ROBOT = Destination.parse("webhook:ops")


def test_without_a_destination_the_summary_is_only_logged() -> None:
    jobs = jobs_for_finished_run(make_ended_run(send_to=()), NOW)
    assert [job.id.split(":")[0] for job in jobs] == ["export", "card"]
    assert jobs[1].payload["destination"] == str(NULL_DESTINATION)


def test_the_card_waits_for_the_report_and_the_file_follows() -> None:
    run = make_ended_run()
    export, card, file = jobs_for_finished_run(run, NOW)
    assert [job.id for job in (export, card, file)] == [
        f"export:{run.id}",
        f"card:{run.id}:group:cidA",
        f"file:{run.id}:group:cidA",
    ]
    assert (export.due_at, card.due_at) == (NOW, NOW + MAX_EXPORT_WAIT)


def test_without_an_export_the_card_goes_at_once() -> None:
    (card,) = jobs_for_finished_run(make_ended_run(export=False), NOW)
    assert (card.kind, card.due_at) == ("card", NOW)


def test_a_webhook_gets_a_message_and_no_file() -> None:
    jobs = jobs_for_finished_run(make_ended_run(send_to=(ROBOT,)), NOW)
    assert [job.kind for job in jobs] == ["export", "note"]


def test_a_run_in_error_has_no_report() -> None:
    jobs = jobs_for_finished_run(make_ended_run(RunStatus.ERROR, notify_on=NotifyOn.ALWAYS), NOW)
    assert [job.kind for job in jobs] == ["card"]


def test_every_destination_gets_its_own_jobs_in_turn() -> None:
    run = make_ended_run(send_to=(GROUP, ROBOT, PERSON))
    jobs = jobs_for_finished_run(run, NOW)
    ids = [f"card:{run.id}:{GROUP}", f"file:{run.id}:{GROUP}", f"note:{run.id}:{ROBOT}"]
    ids += [f"card:{run.id}:{PERSON}", f"file:{run.id}:{PERSON}"]
    assert [job.id for job in jobs] == [f"export:{run.id}", *ids]
    assert {job.run_id for job in jobs} == {run.id}
    assert {job.due_at for job in jobs[1:]} == {NOW + MAX_EXPORT_WAIT}
    assert {job.created_at for job in jobs} == {NOW}


def test_a_destination_that_wants_no_file_gets_the_card_alone() -> None:
    options = (RecipientOptions(to=GROUP, file=FileMode.ASK),)
    jobs = jobs_for_finished_run(make_ended_run(recipient_options=options), NOW)
    assert [job.kind for job in jobs] == ["export", "card"]


def test_a_card_that_shows_a_running_run_is_updated_whoever_is_told() -> None:
    run = make_ended_run(notify_on=NotifyOn.FAILED)
    _, card = jobs_for_finished_run(run, NOW, [GROUP])
    assert (card.id, card.due_at) == (f"card:{run.id}:{GROUP}", NOW + MAX_EXPORT_WAIT)
    told = make_ended_run()
    assert jobs_for_finished_run(told, NOW, [GROUP]) == jobs_for_finished_run(told, NOW)


def test_a_job_that_something_else_causes_has_an_id_of_its_own() -> None:
    payload = DeliveryPayload(destination=GROUP, asked=True)
    first, later = (
        delivery_job("file", "r1", payload, NOW),
        delivery_job("file", "r1", payload, NOW, cause="m1"),
    )
    assert (first.id, later.id) == (job_id("file", "r1", GROUP), "file:r1:group:cidA:m1")
    assert (later.run_id, later.due_at, DeliveryPayload.of(later)) == ("r1", NOW, payload)


def test_a_card_id_names_its_run() -> None:
    run = make_run()
    card = card_id("rabcdefghij", GROUP)
    assert run_of_card(card) == "rabcdefghij"
    assert card != card_id("rabcdefghij", PERSON)
    assert len(card_id(run.id, GROUP)) <= 100


@pytest.mark.parametrize("card", ["", "somebody-elses-card", "r1-x", "rabcdefghij-"])
def test_a_foreign_card_is_of_no_run(card: str) -> None:
    assert run_of_card(card) is None


def job(destination: Destination, state: JobState, *, kind: str = "card", silent: bool = False) -> Job:
    return make_job(
        kind=kind,
        state=state,
        payload={"destination": str(destination)},
        result={"silent": silent},
        due_at=NOW + timedelta(0),
    )


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        ([], PushStatus.SKIPPED),
        ([job(GROUP, JobState.DONE)], PushStatus.SUCCESS),
        ([job(GROUP, JobState.DONE, silent=True)], PushStatus.SKIPPED),
        ([job(GROUP, JobState.DONE), job(PERSON, JobState.TODO)], PushStatus.PENDING),
        ([job(GROUP, JobState.DONE), job(PERSON, JobState.DEAD)], PushStatus.ERROR),
        ([job(GROUP, JobState.UNCONFIRMED)], PushStatus.ERROR),
        ([job(GROUP, JobState.DEAD), job(GROUP, JobState.TODO, kind="note")], PushStatus.PENDING),
        ([job(GROUP, JobState.DEAD), job(GROUP, JobState.DONE, kind="note")], PushStatus.SUCCESS),
    ],
)
def test_the_push_status_needs_one_success_per_destination(jobs: list[Job], expected: PushStatus) -> None:
    assert push_status_of(jobs) is expected
