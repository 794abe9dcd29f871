"""The recipients of an ended run."""

import pytest

from bot.delivery.recipients import all_recipients, mentions, recipients
from bot.models import Channel, Destination, NotifyOn, RecipientOptions, RunStatus
from tests.factories import make_ended_run, make_run, make_schedule

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
