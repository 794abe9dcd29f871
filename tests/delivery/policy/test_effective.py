"""Test how overrides apply to schedules and runs."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.delivery.policy.effective import (
    acknowledgement_of,
    active_mute,
    change_notification,
    count_muted_before,
    effective_schedule,
    end_mute,
    mute_of_run,
    use_up_mute,
)
from bot.models import (
    Acknowledgement,
    Destination,
    Mute,
    NotifyChange,
    NotifyOn,
    Person,
    RecipientOptions,
    Run,
)
from tests.factories import NOW, make_ended_run, make_override, make_run, make_schedule

WHO = Person(id="user01", name="李雷")
GROUP = Destination.parse("group:cidA")
HOUR = timedelta(hours=1)
NEXT = make_override(mute=Mute(by=WHO, at=NOW))
TWO_HOURS = make_override(mute=Mute(by=WHO, at=NOW, until=NOW + 2 * HOUR))


def change(**values: object) -> NotifyChange:
    return NotifyChange(by=WHO, at=NOW, **values)  # type: ignore[arg-type]


def test_without_an_override_the_schedule_is_as_it_was() -> None:
    schedule = make_schedule()
    assert effective_schedule(schedule, None) is schedule
    assert effective_schedule(schedule, make_override()) is schedule


def test_a_change_replaces_only_what_it_names() -> None:
    schedule = make_schedule(notify_on=NotifyOn.ALWAYS)
    effective = effective_schedule(schedule, make_override(notify=change(notify_enable=True)))
    assert (effective.notify_enable, effective.notify_on) == (True, NotifyOn.ALWAYS)


def test_a_changed_outcome_counts_for_every_destination() -> None:
    options = RecipientOptions(to=GROUP, notify_on=NotifyOn.ALWAYS, mention=("user01",))
    schedule = make_schedule(recipient_options=(options,))
    effective = effective_schedule(schedule, make_override(notify=change(notify_on=NotifyOn.FAILED)))
    assert effective.notify_on is NotifyOn.FAILED
    assert effective.recipient_options == (RecipientOptions(to=GROUP, mention=("user01",)),)


@pytest.mark.parametrize(("hours", "muted"), [(-1, False), (0, True), (1, True), (2, False), (3, False)])
def test_a_mute_is_in_force_from_its_start_until_before_its_end(hours: int, muted: bool) -> None:
    assert (active_mute(TWO_HOURS, NOW + hours * HOUR) is not None) is muted


@pytest.mark.parametrize(
    ("end", "now", "muted"),
    [
        (1, 1, True),
        (1, 9, True),  # noticed after the mute, but ended within it
        (-9, 1, True),  # ended before the mute, but not announced yet
        (-9, 9, False),
        (3, 3, False),
    ],
)
def test_a_run_is_muted_if_it_ended_or_is_noticed_in_the_mute(end: int, now: int, muted: bool) -> None:
    found = mute_of_run(TWO_HOURS, make_run(), NOW + end * HOUR, NOW + now * HOUR)
    assert (found is not None) is muted


def test_a_mute_of_the_next_run_is_used_up_by_one_run() -> None:
    first, second = make_run(), make_run()
    used = use_up_mute(use_up_mute(NEXT, first.id), second.id)
    assert used.mute == Mute(by=WHO, at=NOW, run_id=first.id)
    assert mute_of_run(used, first, NOW, NOW) == used.mute
    assert mute_of_run(used, second, NOW, NOW) is None


def test_a_run_that_a_person_asked_for_does_not_use_up_a_mute_of_the_next_run() -> None:
    assert mute_of_run(NEXT, make_run(asked_in=GROUP), NOW, NOW) is None
    assert mute_of_run(TWO_HOURS, make_run(asked_in=GROUP), NOW, NOW) is not None


def test_a_mute_with_an_end_is_not_used_up() -> None:
    assert use_up_mute(TWO_HOURS, "r1") is TWO_HOURS
    assert use_up_mute(make_override(), "r1") == make_override()


def test_muted_runs_are_counted_beyond_those_that_are_read() -> None:
    runs: list[Run] = []  # newest first
    for hour in range(30):
        run = make_run(start_time=NOW + hour * HOUR, end_time=NOW + hour * HOUR, muted=TWO_HOURS.mute)
        runs.insert(0, replace(run, muted_before=count_muted_before(run, runs[:5])))
    assert count_muted_before(make_run(start_time=NOW + 30 * HOUR), runs[:5]) == 30


def notification(
    before: NotifyChange | None, wanted: NotifyChange, **schedule: object
) -> NotifyChange | None:
    """Return what is kept when somebody changes what a schedule notifies of, which was off and `finished`."""
    override = make_override(notify=before, mute=NEXT.mute)
    changed = change_notification(make_schedule(**schedule), override, wanted)
    assert replace(changed, notify=before) == override  # nothing else is changed
    return changed.notify


ON, OFF = change(notify_enable=True), change(notify_enable=False)
FAILED, FINISHED = change(notify_on=NotifyOn.FAILED), change(notify_on=NotifyOn.FINISHED)


@pytest.mark.parametrize(
    ("before", "wanted", "kept"),
    [
        (None, ON, ON),
        (None, FAILED, FAILED),
        (FAILED, ON, change(notify_enable=True, notify_on=NotifyOn.FAILED)),
        (ON, FAILED, change(notify_enable=True, notify_on=NotifyOn.FAILED)),
        (FAILED, change(notify_on=NotifyOn.CHANGE), change(notify_on=NotifyOn.CHANGE)),
        (ON, OFF, None),
        (None, OFF, None),
        (FAILED, FINISHED, None),
        (change(notify_enable=True, notify_on=NotifyOn.FAILED), OFF, FAILED),
        (change(notify_enable=True, notify_on=NotifyOn.FAILED), FINISHED, ON),
    ],
)
def test_what_equals_the_own_setting_of_a_schedule_is_no_change(
    before: NotifyChange | None, wanted: NotifyChange, kept: NotifyChange | None
) -> None:
    assert notification(before, wanted) == kept


def test_what_equals_the_own_setting_is_a_change_where_a_destination_has_another() -> None:
    differs, alike = RecipientOptions(to=GROUP, notify_on=NotifyOn.ALWAYS), RecipientOptions(to=GROUP)
    assert notification(None, FINISHED, recipient_options=(alike, differs)) == FINISHED
    assert notification(None, FINISHED, recipient_options=(alike,)) is None


CARE = Acknowledgement(by=WHO, at=NOW, until=NOW + HOUR, run_id="r1")


@pytest.mark.parametrize(("minutes", "covered"), [(-1, False), (0, True), (59, True), (60, False)])
def test_whoever_takes_care_does_so_for_what_fails_until_then(minutes: int, covered: bool) -> None:
    run = replace(make_ended_run(error=1), end_time=NOW + timedelta(minutes=minutes))
    assert acknowledgement_of(make_override(acknowledgement=CARE), run) == (CARE if covered else None)


def test_whoever_takes_care_does_so_for_the_run_itself_and_for_no_success() -> None:
    override = make_override(acknowledgement=CARE)
    before = replace(make_ended_run(error=1), id="r1", end_time=NOW - HOUR)
    assert acknowledgement_of(override, before) == CARE
    assert acknowledgement_of(override, replace(before, end_time=None)) == CARE
    assert acknowledgement_of(override, replace(make_ended_run(), id="r1")) is None
    assert acknowledgement_of(make_override(), before) is None
    assert acknowledgement_of(None, before) is None


@pytest.mark.parametrize(("hours", "until"), [(0, 0), (1, 1), (2, 2), (3, 2)])
def test_a_mute_that_somebody_ends_is_kept_with_its_end(hours: int, until: int) -> None:
    ended = end_mute(TWO_HOURS, "msg1", NOW + hours * HOUR)
    assert ended == make_override(mute=Mute(by=WHO, at=NOW, until=NOW + until * HOUR, ended_by="msg1"))
    assert active_mute(ended, NOW + hours * HOUR) is None


def test_a_mute_ends_once_and_one_of_the_next_run_ends_now() -> None:
    ended = end_mute(NEXT, "msg1", NOW + HOUR)
    assert ended.mute == Mute(by=WHO, at=NOW, until=NOW + HOUR, ended_by="msg1")
    assert end_mute(ended, "msg2", NOW + 2 * HOUR) is ended
    assert end_mute(make_override(), "msg1", NOW) == make_override()
