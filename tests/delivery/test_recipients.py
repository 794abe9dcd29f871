"""The recipients of an ended run."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.delivery.recipients import (
    all_recipients,
    is_tolerated,
    lapse_recipients,
    mentions,
    recipients,
    refuses_report,
    sends_file,
    told_if_failed,
)
from bot.models import (
    NULL_DESTINATION,
    Channel,
    Destination,
    Expectation,
    FileMode,
    Mute,
    NotifyOn,
    Person,
    RecipientOptions,
    RunStatus,
    Trend,
)
from tests.factories import NOW, make_ended_run, make_run, make_schedule

GROUP = Destination.parse("group:cidA")
PERSON = Destination.parse("user:user01")
ROBOT = Destination.parse("webhook:ops")


@pytest.mark.parametrize(
    ("notify_on", "status", "error", "notified"),
    [
        (NotifyOn.FINISHED, RunStatus.FINISHED, 0, True),
        (NotifyOn.FINISHED, RunStatus.FINISHED, 1, True),
        (NotifyOn.FINISHED, RunStatus.ERROR, 0, True),
        (NotifyOn.FAILED, RunStatus.FINISHED, 0, False),
        (NotifyOn.FAILED, RunStatus.FINISHED, 1, True),
        (NotifyOn.FAILED, RunStatus.ERROR, 0, True),
        (NotifyOn.ALWAYS, RunStatus.FINISHED, 0, True),
        (NotifyOn.ALWAYS, RunStatus.ERROR, 0, True),
    ],
)
def test_notify_on_decides(notify_on: NotifyOn, status: RunStatus, error: int, notified: bool) -> None:
    assert recipients(make_ended_run(status, error, notify_on=notify_on)) == ((GROUP,) if notified else ())


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
    assert (
        all_recipients(make_ended_run(notify_channel=channel, send_to=(GROUP, PERSON, ROBOT, GROUP)))
        == expected
    )


def test_the_conversation_that_asked_is_notified_too() -> None:
    run = make_run(schedule=make_schedule(send_to=(GROUP,)), asked_in=PERSON)
    assert all_recipients(run) == (GROUP, PERSON)


def test_a_group_known_by_its_old_chat_id_is_not_notified_twice() -> None:
    old = Destination.parse("group:chatold")
    assert all_recipients(make_run(schedule=make_schedule(send_to=(old,)), asked_in=GROUP)) == (old,)


def options(to: Destination, **changes: object) -> RecipientOptions:
    return RecipientOptions(to=to, **changes)  # type: ignore[arg-type]


def test_each_destination_may_have_its_own_notify_on() -> None:
    chosen = (options(PERSON, notify_on=NotifyOn.FAILED),)
    both = {"send_to": (GROUP, PERSON), "recipient_options": chosen}
    assert recipients(make_ended_run(**both)) == (GROUP,)  # type: ignore[arg-type]
    assert recipients(make_ended_run(error=1, **both)) == (GROUP, PERSON)  # type: ignore[arg-type]


def test_a_person_told_by_work_notification_keeps_the_options() -> None:
    chosen = (options(PERSON, notify_on=NotifyOn.FAILED),)
    run = make_ended_run(notify_channel=Channel.WORK_NOTICE, send_to=(PERSON,), recipient_options=chosen)
    assert recipients(run) == ()


def test_a_destination_may_mention_people() -> None:
    run = make_ended_run(
        send_to=(GROUP, ROBOT), recipient_options=(options(GROUP, mention=("user01", "all")),)
    )
    assert mentions(run, GROUP) == ("user01", "all")
    assert mentions(run, ROBOT) == ()


def test_a_mention_may_be_only_for_failures() -> None:
    chosen = (options(GROUP, mention=("user01",), only_failed=True),)
    assert mentions(make_ended_run(recipient_options=chosen), GROUP) == ()
    assert mentions(make_ended_run(error=1, recipient_options=chosen), GROUP) == ("user01",)


def test_whoever_asked_for_a_run_is_told_that_it_never_started() -> None:
    failed, ended = make_ended_run(RunStatus.ERROR, notify_enable=False), make_ended_run(notify_enable=False)
    assert recipients(replace(failed, asked_in=PERSON)) == (PERSON,)
    assert recipients(replace(ended, asked_in=PERSON)) == ()
    assert recipients(failed) == ()


def test_whoever_asked_is_told_once_besides_those_who_are_notified() -> None:
    failed = make_ended_run(RunStatus.ERROR)
    assert recipients(replace(failed, asked_in=PERSON)) == (GROUP, PERSON)
    assert recipients(replace(failed, asked_in=GROUP)) == (GROUP,)


def test_a_group_known_by_its_old_chat_id_is_told_of_an_error_once() -> None:
    old = Destination.parse("group:chatold")
    failed = replace(make_ended_run(RunStatus.ERROR, send_to=(old,)), asked_in=GROUP)
    assert recipients(failed) == (old,)
    assert recipients(replace(failed, schedule=replace(failed.schedule, notify_enable=False))) == (GROUP,)
    assert recipients(replace(failed, asked_in=PERSON)) == (old, PERSON)


MUTE = Mute(by=Person(id="user01"), at=NOW, until=NOW + timedelta(hours=1))


def test_of_a_muted_run_only_whoever_asked_for_it_is_told() -> None:
    run = replace(make_ended_run(send_to=(GROUP, ROBOT)), muted=MUTE)
    assert recipients(run) == ()
    assert recipients(replace(run, asked_in=PERSON)) == (PERSON,)
    by_work = replace(run.schedule, notify_channel=Channel.WORK_NOTICE)
    assert recipients(replace(run, asked_in=PERSON, schedule=by_work)) == (PERSON.as_work_notification(),)


@pytest.mark.parametrize(
    ("error", "streak", "tolerated"), [(1, 1, True), (1, 2, True), (1, 3, False), (0, 1, False)]
)
def test_so_many_failures_in_a_row_are_tolerated(error: int, streak: int, tolerated: bool) -> None:
    run = make_ended_run(error=error, expect=Expectation(tolerance=2))
    run = replace(run, trend=Trend(streak=streak))
    assert is_tolerated(run) is tolerated
    assert recipients(run) == (() if tolerated else (GROUP,))
    assert not is_tolerated(replace(run, trend=None))


def test_a_lapse_is_told_to_all_that_a_summary_may_go_to() -> None:
    schedule = make_schedule(notify_enable=True, notify_on=NotifyOn.FAILED, send_to=(GROUP, ROBOT, GROUP))
    asked = make_run(schedule=make_schedule(), asked_in=PERSON)
    assert lapse_recipients(schedule, None) == (GROUP, ROBOT)
    assert lapse_recipients(schedule, asked) == (GROUP, ROBOT, PERSON)
    assert lapse_recipients(replace(schedule, notify_enable=False), asked) == ()
    assert lapse_recipients(make_schedule(notify_enable=True), None) == (NULL_DESTINATION,)


@pytest.mark.parametrize(
    ("mode", "well", "failed"),
    [
        (FileMode.ALWAYS, True, True),
        (FileMode.FAILED, False, True),
        (FileMode.ASK, False, False),
        (FileMode.NEVER, False, False),
    ],
)
def test_the_report_is_sent_as_the_destination_wants_it(mode: FileMode, well: bool, failed: bool) -> None:
    chosen = (options(GROUP, file=mode),)
    runs = make_ended_run(recipient_options=chosen), make_ended_run(error=1, recipient_options=chosen)
    assert [sends_file(run, GROUP) for run in runs] == [well, failed]
    assert [sends_file(run, ROBOT) for run in runs] == [True, True]
    assert refuses_report(runs[0], GROUP) is (mode is FileMode.NEVER)
    assert not refuses_report(runs[0], ROBOT)


def test_a_schedule_that_only_tells_of_failures_does_so_everywhere() -> None:
    chosen = (options(GROUP, notify_on=NotifyOn.ALWAYS, mention=("user01",)), options(ROBOT))
    schedule = make_schedule(
        notify_enable=True, start_notice=True, send_to=(GROUP, ROBOT), recipient_options=chosen
    )
    quiet = told_if_failed(schedule)
    assert not quiet.start_notice
    well, failed = (replace(make_ended_run(error=error), schedule=quiet) for error in (0, 1))
    assert (recipients(well), recipients(failed)) == ((), (GROUP, ROBOT))
    assert mentions(well, GROUP) == ("user01",)
