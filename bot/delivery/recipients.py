"""Choose who is notified of an ended run, and who is mentioned. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from bot.models import (
    CHANNEL_KINDS,
    NULL_DESTINATION,
    Channel,
    Destination,
    ExportStatus,
    FileMode,
    NotifyOn,
    RecipientOptions,
    Run,
    RunStatus,
    Schedule,
)
from cards.trend import failed_differently, list_changes


def has_failures(run: Run) -> bool:
    """Return whether anything in an ended run failed: the run itself or one of its tasks."""
    return run.status is RunStatus.ERROR or bool(run.task_counts and run.task_counts.failed)


def recipients(run: Run) -> tuple[Destination, ...]:
    """Return the destinations that are notified of an ended run.

    - With `notify_enable`, every destination whose `notify_on` (or else the schedule's) matches the outcome.
      A run that never started matches each of them. While the report is exported, `change` may still match,
      so it counts as matching.
    - The conversation that asked for a run which ended in error, whatever the schedule says.
    - Of a muted run, and of a failure that is tolerated, only the conversation that asked for it.
    """
    found = _notified_or_asking(run)
    silenced = run.muted or is_tolerated(run)
    return tuple(to for to in found if _asked_for(run, to)) if silenced else found


def is_tolerated(run: Run) -> bool:
    """Return whether a run failed, and so few runs before it that the schedule tolerates it."""
    streak = run.trend.streak if run.trend else None
    return run.well is False and streak is not None and streak <= run.schedule.expect.tolerance


def lapse_recipients(schedule: Schedule, run: Run | None) -> tuple[Destination, ...]:
    """Return the destinations that are told what a schedule, or an open run of it, did not do.

    These are all that a summary may go to, whatever their `notify_on` is.
    """
    if not schedule.notify_enable:
        return ()
    return all_recipients(replace(run, schedule=schedule)) if run else _reached(schedule, schedule.send_to)


def _asked_for(run: Run, destination: Destination) -> bool:
    return run.asked_in is not None and destination in {run.asked_in, run.asked_in.as_work_notification()}


def _notified_or_asking(run: Run) -> tuple[Destination, ...]:
    notified = _notified(run) if run.schedule.notify_enable else ()
    if run.status is not RunStatus.ERROR or run.asked_in is None:
        return notified
    if notified and _may_be_same_group(run):
        return notified
    return tuple(dict.fromkeys([*notified, run.asked_in]))


def _notified(run: Run) -> tuple[Destination, ...]:
    return tuple(
        destination for destination in all_recipients(run) if is_notified(run, destination) is not False
    )


def is_notified(run: Run, destination: Destination) -> bool | None:
    """Return whether `notify_on` of a destination matches an ended run, or None while that is not known yet.

    `change` matches a run that failed or found something else than the run before (`cards.trend`), and any
    run that was asked for at this destination. What was found is known once the report is exported.
    """
    if wants_changes(run, destination):
        if destination == run.asked_in or failed_differently(run):
            return True
        return None if _is_exporting(run) else bool(list_changes(run))
    matches = {
        NotifyOn.ALWAYS: True,
        NotifyOn.FINISHED: True,
        NotifyOn.FAILED: has_failures(run),
    }
    return matches[_notify_on(run, destination)]


def wants_changes(run: Run, destination: Destination) -> bool:
    """Return whether a destination is notified of changes only."""
    return _notify_on(run, destination) is NotifyOn.CHANGE


def _notify_on(run: Run, destination: Destination) -> NotifyOn:
    return options_for(run.schedule, destination).notify_on or run.schedule.notify_on


def _is_exporting(run: Run) -> bool:
    exported = run.schedule.export and run.status is RunStatus.FINISHED and run.findings is None
    return exported and run.export_status in {ExportStatus.PENDING, ExportStatus.RUNNING}


def mentions(run: Run, destination: Destination) -> tuple[str, ...]:
    """Return whom the summary mentions at a destination: staffIds, mobile numbers or `all`."""
    options = options_for(run.schedule, destination)
    return () if options.only_failed and not has_failures(run) else options.mention


def sends_file(run: Run, destination: Destination) -> bool:
    """Return whether the report of an ended run is sent to a destination without a request."""
    mode = options_for(run.schedule, destination).file
    return mode is FileMode.ALWAYS or (mode is FileMode.FAILED and has_failures(run))


def refuses_report(run: Run, destination: Destination) -> bool:
    """Return whether a destination never gets the report, not even on request."""
    return options_for(run.schedule, destination).file is FileMode.NEVER


def options_for(schedule: Schedule, destination: Destination) -> RecipientOptions:
    """Return the options of a destination, which a person has for their work notifications as well."""
    found = (
        options
        for options in schedule.recipient_options
        if destination in {options.to, options.to.as_work_notification()}
    )
    return next(found, RecipientOptions(to=destination))


def all_recipients(run: Run) -> tuple[Destination, ...]:
    """Return every destination that a summary of the run may go to, each once.

    These are the destinations of the schedule that its channel reaches, and the conversation that asked for
    the run. Where there is none, it is `NULL_DESTINATION`.
    """
    asked_in = [run.asked_in] if run.asked_in and not _may_be_same_group(run) else []
    return _reached(run.schedule, [*run.schedule.send_to, *asked_in])


def _reached(schedule: Schedule, everyone: Sequence[Destination]) -> tuple[Destination, ...]:
    """Return the destinations that the channel of a schedule reaches, or `NULL_DESTINATION`."""
    channel = schedule.notify_channel
    if channel is Channel.WORK_NOTICE:
        everyone = [destination.as_work_notification() for destination in everyone]
    reached = [destination for destination in everyone if destination.kind in CHANNEL_KINDS[channel]]
    return tuple(dict.fromkeys(reached)) or (NULL_DESTINATION,)


def _may_be_same_group(run: Run) -> bool:
    """Return whether the run was asked for in a group, and the schedule names a group by its old chatId.

    Nothing tells whether the two are the same group.
    """
    groups = [to for to in run.schedule.send_to if to.is_group]
    asked_in_group = run.asked_in is not None and run.asked_in.is_group
    return asked_in_group and any(group.id.startswith("chat") for group in groups)


def told_if_failed(schedule: Schedule) -> Schedule:
    """Return the schedule of a run that people are told of only if it fails."""
    options = tuple(replace(each, notify_on=None) for each in schedule.recipient_options)
    return replace(schedule, notify_on=NotifyOn.FAILED, recipient_options=options, start_notice=False)
