"""Who is told of an ended run, and the jobs that follow from its end. Pure."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.delivery.payload import DeliveryPayload, DeliveryResult
from bot.models import (
    Channel,
    Destination,
    DestinationKind,
    Job,
    JobState,
    NotifyOn,
    PushStatus,
    RecipientOptions,
    Run,
    RunStatus,
    Schedule,
    deterministic_id,
    new_job,
)

MAX_EXPORT_WAIT = timedelta(seconds=60)  # how long the card waits for the report

NULL_DESTINATION = Destination(kind=DestinationKind.GROUP, id="nobody")
"""Stands in where no destination is configured: what would have been pushed is logged."""

CARD_KINDS = frozenset({DestinationKind.GROUP, DestinationKind.USER})
FILE_KINDS = CARD_KINDS | {DestinationKind.WORK}
REACH = {
    Channel.DINGDING: frozenset(DestinationKind),
    Channel.OPENAPI: CARD_KINDS,
    Channel.WEBHOOK: frozenset({DestinationKind.WEBHOOK}),
    Channel.WORK_NOTICE: frozenset({DestinationKind.WORK}),
}


def has_failures(run: Run) -> bool:
    """Whether an ended run has anything that did not end well."""
    return run.status is RunStatus.ERROR or bool(run.task_counts and run.task_counts.failed)


def recipients(run: Run) -> tuple[Destination, ...]:
    """Who is told of this ended run: `notify_enable`, and the `notify_on` of schedule and destination.

    Whoever asked for a run that came to nothing is told where they asked, whatever the schedule says.
    """
    places = _wanting(run) if run.schedule.notify_enable else ()
    refused = run.status is RunStatus.ERROR and run.asked_in is not None
    if not refused or (places and _old_group(run)):
        return places
    return tuple(dict.fromkeys([*places, *([run.asked_in] if run.asked_in else [])]))


def _wanting(run: Run) -> tuple[Destination, ...]:
    wanted = {
        NotifyOn.ALWAYS: True,
        NotifyOn.FINISHED: run.status is RunStatus.FINISHED,
        NotifyOn.FAILED: has_failures(run),
    }
    asked = {place: options_for(run.schedule, place).notify_on for place in all_recipients(run)}
    return tuple(place for place, notify_on in asked.items() if wanted[notify_on or run.schedule.notify_on])


def mentions(run: Run, destination: Destination) -> tuple[str, ...]:
    """For whom the summary of an ended run rings at a destination: staffIds, mobile numbers or `all`."""
    manner = options_for(run.schedule, destination)
    return () if manner.only_failed and not has_failures(run) else manner.mention


def options_for(schedule: Schedule, destination: Destination) -> RecipientOptions:
    """How the schedule tells this destination."""
    mine = (each for each in schedule.recipient_options if destination in {each.to, _as_work(each.to)})
    return next(mine, RecipientOptions(to=destination))


def all_recipients(run: Run) -> tuple[Destination, ...]:
    """Where a summary may go, each once: the schedule's destinations that its channel reaches, and where it
    was asked for."""
    everyone = [*run.schedule.send_to, *([run.asked_in] if run.asked_in and not _old_group(run) else [])]
    channel = run.schedule.notify_channel
    if channel is Channel.WORK_NOTICE:
        everyone = [_as_work(destination) for destination in everyone]
    reached = [destination for destination in everyone if destination.kind in REACH[channel]]
    return tuple(dict.fromkeys(reached)) or (NULL_DESTINATION,)


def _old_group(run: Run) -> bool:
    """Whether it was asked for in a group while one is told by its old chatId: they may be the same."""
    groups = [place.id for place in run.schedule.send_to if place.kind is DestinationKind.GROUP]
    asked_in_group = run.asked_in is not None and run.asked_in.kind is DestinationKind.GROUP
    return asked_in_group and any(id_.startswith("chat") for id_ in groups)


def _as_work(destination: Destination) -> Destination:
    if destination.kind is DestinationKind.USER:
        return replace(destination, kind=DestinationKind.WORK)
    return destination


def jobs_for_finished_run(run: Run, now: datetime) -> Sequence[Job]:
    """What must follow from the end of a run, in the order of their acts.

    The summary is sent once, in its final state: with a report to come it is due when patience ends, and
    the end of
    the export advances it.
    """
    export = run.schedule.export and run.status is RunStatus.FINISHED
    jobs = [_job("export", run, now)] if export else []
    due = now + MAX_EXPORT_WAIT if export else now
    for destination in recipients(run):
        kind = "card" if destination.kind in CARD_KINDS else "note"
        jobs.append(_job(kind, run, now, destination=destination, due=due))
        if export and destination.kind in FILE_KINDS and destination != NULL_DESTINATION:
            jobs.append(_job("file", run, now, destination=destination, due=due))
    return jobs


def job_id(kind: str, run_id: str, destination: Destination) -> str:
    return f"{kind}:{run_id}:{destination}"


def delivery_job(kind: str, run_id: str, payload: DeliveryPayload, now: datetime, *, cause: str = "") -> Job:
    """Make the job of a delivery; without a cause, the one that follows from the end of the run."""
    key = ":".join(filter(None, [run_id, str(payload.destination), cause]))
    return new_job(kind, key, now, run_id=run_id, payload=payload.as_json())


def _job(
    kind: str, run: Run, now: datetime, *, destination: Destination | None = None, due: datetime | None = None
) -> Job:
    if destination is None:
        job = new_job(kind, run.id, now, run_id=run.id)
    else:
        job = delivery_job(kind, run.id, DeliveryPayload(destination=destination), now)
    return replace(job, due_at=due or now)


def card_id(run_id: str, destination: Destination) -> str:
    """The outTrackId of the one card of this run at this destination; it tells the run."""
    return deterministic_id(f"{run_id}-", run_id, str(destination), length=16)


def run_of_card(card: str) -> str | None:
    """The run whose card this is, or None for a card that is not of DingRun."""
    known = re.fullmatch(r"(r[a-z2-7]{10})-[a-z2-7]{16}", card)
    return known and known.group(1)


def push_status_of(jobs: Sequence[Job]) -> PushStatus:
    """What the `card` and `note` jobs of a run say of its push: one success per destination is a success.

    A card that fell is no success by itself: the message that went instead is.
    """
    by_place: dict[Destination, list[Job]] = {}
    for job in jobs:
        by_place.setdefault(DeliveryPayload.of(job).destination, []).append(job)
    verdicts = {_verdict(mine) for mine in by_place.values()}
    order = [PushStatus.PENDING, PushStatus.ERROR, PushStatus.SUCCESS]
    return next((verdict for verdict in order if verdict in verdicts), PushStatus.SKIPPED)


def _verdict(jobs: Sequence[Job]) -> PushStatus:
    results = [DeliveryResult.of(job) for job in jobs if job.state is JobState.DONE]
    done = [result for result in results if not result.fallback_reason]
    if done:
        return PushStatus.SKIPPED if all(result.silent for result in done) else PushStatus.SUCCESS
    return PushStatus.ERROR if all(job.state.ended for job in jobs) else PushStatus.PENDING
