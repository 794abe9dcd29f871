"""Who is told of an ended run, and the jobs that follow."""

from datetime import timedelta

import pytest

from bot.delivery.plan import (
    MAX_EXPORT_WAIT,
    NULL_DESTINATION,
    all_recipients,
    card_id,
    jobs_for_finished_run,
    mentions,
    push_status_of,
    recipients,
    run_of_card,
)
from bot.models import (
    Channel,
    Destination,
    Job,
    JobState,
    NotifyOn,
    PushStatus,
    RecipientOptions,
    Run,
    RunStatus,
    TaskCounts,
)
from tests.factories import NOW, make_job, make_run, make_schedule

GROUP = Destination.parse("group:cidA")
PERSON = Destination.parse("user:user01")
ROBOT = Destination.parse("webhook:ops")


def ended(status: RunStatus = RunStatus.FINISHED, error: int = 0, **schedule: object) -> Run:
    defaults: dict[str, object] = {"notify_enable": True, "send_to": (GROUP,)}
    tally = TaskCounts(total=3, done=3 - error, error=error)
    return make_run(
        schedule=make_schedule(**(defaults | schedule)), status=status, task_counts=tally, end_time=NOW
    )


@pytest.mark.parametrize(
    ("notify_on", "status", "error", "tells"),
    [
        (NotifyOn.FINISHED, RunStatus.FINISHED, 0, True),
        (NotifyOn.FINISHED, RunStatus.FINISHED, 1, True),
        (NotifyOn.FINISHED, RunStatus.ERROR, 0, False),
        (NotifyOn.FAILED, RunStatus.FINISHED, 0, False),
        (NotifyOn.FAILED, RunStatus.FINISHED, 1, True),
        (NotifyOn.FAILED, RunStatus.ERROR, 0, True),
        (NotifyOn.ALWAYS, RunStatus.FINISHED, 0, True),
        (NotifyOn.ALWAYS, RunStatus.ERROR, 0, True),
    ],
)
def test_notify_on_decides(notify_on: NotifyOn, status: RunStatus, error: int, tells: bool) -> None:
    assert recipients(ended(status, error, notify_on=notify_on)) == ((GROUP,) if tells else ())


def test_notifications_are_off_by_default() -> None:
    assert not recipients(make_run(schedule=make_schedule(), status=RunStatus.FINISHED))


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        (Channel.DINGDING, (GROUP, PERSON, ROBOT)),
        (Channel.OPENAPI, (GROUP, PERSON)),
        (Channel.WEBHOOK, (ROBOT,)),
        (Channel.WORK_NOTICE, (Destination.parse("work:user01"),)),
    ],
)
def test_a_pinned_channel_reaches_only_its_destinations(
    channel: Channel, expected: tuple[Destination, ...]
) -> None:
    assert all_recipients(ended(notify_channel=channel, send_to=(GROUP, PERSON, ROBOT, GROUP))) == expected


def test_who_asked_elsewhere_is_told_there_too() -> None:
    run = make_run(schedule=make_schedule(send_to=(GROUP,)), asked_in=PERSON)
    assert all_recipients(run) == (GROUP, PERSON)


def test_a_group_known_by_its_old_id_is_not_told_twice() -> None:
    old = Destination.parse("group:chatold")
    assert all_recipients(make_run(schedule=make_schedule(send_to=(old,)), asked_in=GROUP)) == (old,)


def test_without_a_destination_nobody_is_told_but_the_log() -> None:
    jobs = jobs_for_finished_run(ended(send_to=()), NOW)
    assert [job.id.split(":")[0] for job in jobs] == ["export", "card"]
    assert jobs[1].payload["destination"] == str(NULL_DESTINATION)


def test_the_card_waits_for_the_report_and_the_file_follows() -> None:
    run = ended()
    export, card, file = jobs_for_finished_run(run, NOW)
    assert [job.id for job in (export, card, file)] == [
        f"export:{run.id}",
        f"card:{run.id}:group:cidA",
        f"file:{run.id}:group:cidA",
    ]
    assert (export.due_at, card.due_at) == (NOW, NOW + MAX_EXPORT_WAIT)


def test_without_an_export_the_card_goes_at_once() -> None:
    (card,) = jobs_for_finished_run(ended(export=False), NOW)
    assert (card.kind, card.due_at) == ("card", NOW)


def test_a_webhook_gets_a_note_and_no_file() -> None:
    jobs = jobs_for_finished_run(ended(send_to=(ROBOT,)), NOW)
    assert [job.kind for job in jobs] == ["export", "note"]


def test_a_run_in_error_has_no_report() -> None:
    jobs = jobs_for_finished_run(ended(RunStatus.ERROR, notify_on=NotifyOn.ALWAYS), NOW)
    assert [job.kind for job in jobs] == ["card"]


def test_a_card_tells_its_run() -> None:
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
    ("jobs", "verdict"),
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
def test_the_push_is_judged_per_destination(jobs: list[Job], verdict: PushStatus) -> None:
    assert push_status_of(jobs) is verdict


def manner(place: Destination, **changes: object) -> RecipientOptions:
    return RecipientOptions(to=place, **changes)  # type: ignore[arg-type]


def test_each_destination_may_be_told_of_other_ends() -> None:
    manners = (manner(PERSON, notify_on=NotifyOn.FAILED),)
    both = {"send_to": (GROUP, PERSON), "recipient_options": manners}
    assert recipients(ended(**both)) == (GROUP,)  # type: ignore[arg-type]
    assert recipients(ended(error=1, **both)) == (GROUP, PERSON)  # type: ignore[arg-type]


def test_a_person_told_by_work_notification_keeps_the_manner() -> None:
    manners = (manner(PERSON, notify_on=NotifyOn.FAILED),)
    run = ended(notify_channel=Channel.WORK_NOTICE, send_to=(PERSON,), recipient_options=manners)
    assert recipients(run) == ()


def test_it_rings_for_whom_the_destination_names() -> None:
    run = ended(send_to=(GROUP, ROBOT), recipient_options=(manner(GROUP, mention=("user01", "all")),))
    assert mentions(run, GROUP) == ("user01", "all")
    assert mentions(run, ROBOT) == ()


def test_it_may_ring_only_when_something_failed() -> None:
    manners = (manner(GROUP, mention=("user01",), only_failed=True),)
    assert mentions(ended(recipient_options=manners), GROUP) == ()
    assert mentions(ended(error=1, recipient_options=manners), GROUP) == ("user01",)
