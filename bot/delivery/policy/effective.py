"""Apply what people changed in the chat to a schedule and to a run that ends. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import takewhile

from bot.delivery.recipients import has_failures
from bot.models import Acknowledgement, Mute, NotifyChange, Run, Schedule, ScheduleOverride


def effective_schedule(schedule: Schedule, override: ScheduleOverride | None) -> Schedule:
    """Return the schedule with the changes of its override.

    A changed `notify_on` counts for every destination, also for one with a `notify_on` of its own.
    """
    change = override.notify if override else None
    if change is None:
        return schedule
    if change.notify_enable is not None:
        schedule = replace(schedule, notify_enable=change.notify_enable)
    if change.notify_on is None:
        return schedule
    options = tuple(replace(each, notify_on=None) for each in schedule.recipient_options)
    return replace(schedule, notify_on=change.notify_on, recipient_options=options)


def active_mute(override: ScheduleOverride | None, now: datetime) -> Mute | None:
    """Return the mute that is in force now, or None."""
    mute = override.mute if override else None
    return mute if mute and mute.covers(now) else None


def end_mute(override: ScheduleOverride, cause: str, now: datetime) -> ScheduleOverride:
    """End the mute of a schedule. It is kept, so that the same cause may ask again."""
    mute = override.mute
    if mute is None or mute.ended_by:
        return override
    return replace(override, mute=replace(mute, until=min(mute.until or now, now), ended_by=cause))


def mute_of_run(override: ScheduleOverride, run: Run, end: datetime, now: datetime) -> Mute | None:
    """Return the mute that silences a run, or None.

    It is in force at the end of the run, or when the end is noticed. A mute of the next run does not count
    for a run that a person asked for, who waits for the answer.
    """
    mute = override.mute
    if mute is None:
        return None
    if mute.until is None:
        return mute if run.asked_in is None and mute.run_id in {"", run.id} else None
    return mute if mute.covers(end) or mute.covers(now) else None


def count_muted_before(run: Run, earlier: Sequence[Run]) -> int:
    """Count the muted runs right before a run. The oldest of them knows how many were before it.

    `earlier` are the newest runs of its schedule, newest first. There may be more muted ones.
    """
    ended = [each for each in earlier if each.end_time and each.start_time < run.start_time]
    muted = list(takewhile(lambda each: each.muted is not None, ended))
    return len(muted) + (muted[-1].muted_before if muted else 0)


def use_up_mute(override: ScheduleOverride, run_id: str) -> ScheduleOverride:
    """Let a run use up a mute of the next run, unless another run has."""
    mute = override.mute
    if mute is None or mute.until is not None or mute.run_id:
        return override
    return replace(override, mute=replace(mute, run_id=run_id))


def acknowledgement_of(override: ScheduleOverride | None, run: Run) -> Acknowledgement | None:
    """Return who takes care of a failed run: of itself, or of an earlier one at the time it ended."""
    stated = override.acknowledgement if override else None
    if stated is None or not has_failures(run):
        return None
    covers = run.end_time is not None and stated.at <= run.end_time < stated.until
    return stated if covers or stated.run_id == run.id else None


def change_notification(
    schedule: Schedule, override: ScheduleOverride, wanted: NotifyChange
) -> ScheduleOverride:
    """Change what a schedule notifies of. What equals its own setting is not kept as a difference.

    What `wanted` leaves as it is keeps an earlier change.
    """
    before = override.notify
    enable, on = wanted.notify_enable, wanted.notify_on
    if before:
        enable = before.notify_enable if enable is None else enable
        on = on or before.notify_on
    if enable is schedule.notify_enable:
        enable = None
    if on is schedule.notify_on and not any(each.notify_on for each in schedule.recipient_options):
        on = None
    changed = enable is not None or on is not None
    change = replace(wanted, notify_enable=enable, notify_on=on) if changed else None
    return replace(override, notify=change)
