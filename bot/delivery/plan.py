"""Derive the jobs that follow from the end of a run, their ids, and the push status. Pure."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.delivery.payload import DeliveryPayload, DeliveryResult
from bot.delivery.recipients import recipients, sends_file
from bot.models import (
    NULL_DESTINATION,
    Destination,
    Job,
    JobState,
    PushStatus,
    Run,
    RunStatus,
    deterministic_id,
    new_job,
)

MAX_EXPORT_WAIT = timedelta(seconds=60)  # of a summary, after the end of the run


def jobs_for_finished_run(run: Run, now: datetime, started: Sequence[Destination] = ()) -> Sequence[Job]:
    """Return the jobs that follow from the end of a run, in the order in which they run.

    `started` are the destinations whose cards show that the run is running, and must be updated.

    The summary is sent once, in its final state. With an export it is due after `MAX_EXPORT_WAIT`, or when
    the export ends, whichever comes first.
    """
    export = run.schedule.export and run.status is RunStatus.FINISHED
    jobs = [_job("export", run, now)] if export else []
    due = now + MAX_EXPORT_WAIT if export else now
    for destination in recipients(run):
        kind = "card" if destination.takes_cards else "note"
        jobs.append(_job(kind, run, now, destination=destination, due=due))
        takes_files = destination.takes_files and destination != NULL_DESTINATION
        if export and takes_files and sends_file(run, destination):
            jobs.append(_job("file", run, now, destination=destination, due=due))
    missing = [each for each in started if each not in recipients(run)]
    jobs += [_job("card", run, now, destination=destination, due=due) for destination in missing]
    return jobs


def job_id(kind: str, run_id: str, destination: Destination) -> str:
    """Return the id of the delivery job that follows from the end of a run."""
    return f"{kind}:{run_id}:{destination}"


def delivery_job(kind: str, run_id: str, payload: DeliveryPayload, now: datetime, *, cause: str = "") -> Job:
    """Build a delivery job. Without a cause, it is the one that follows from the end of the run."""
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
    """Return the outTrackId of the card of a run at a destination. It contains the run id."""
    return deterministic_id(f"{run_id}-", run_id, str(destination), length=16)


def run_of_card(card: str) -> str | None:
    """Return the id of the run of a card, or None if the card is not one of DingRun's."""
    match = re.fullmatch(r"(r[a-z2-7]{10})-[a-z2-7]{16}", card)
    return match and match.group(1)


def push_status_of(jobs: Sequence[Job]) -> PushStatus:
    """Derive the push status of a run from its `card` and `note` jobs.

    It is `success` when each destination has one successful job. A card that fell back to a message does not
    count: the message does.
    """
    by_destination: dict[Destination, list[Job]] = {}
    for job in jobs:
        by_destination.setdefault(DeliveryPayload.of(job).destination, []).append(job)
    found = {_destination_status(group) for group in by_destination.values()}
    precedence = [PushStatus.PENDING, PushStatus.ERROR, PushStatus.SUCCESS]
    return next((status for status in precedence if status in found), PushStatus.SKIPPED)


def _destination_status(jobs: Sequence[Job]) -> PushStatus:
    results = [DeliveryResult.of(job) for job in jobs if job.state is JobState.DONE]
    done = [result for result in results if not result.fallback_reason]
    if done:
        unsent = all(result.silent or result.skipped for result in done)
        return PushStatus.SKIPPED if unsent else PushStatus.SUCCESS
    return PushStatus.ERROR if all(job.state.ended for job in jobs) else PushStatus.PENDING
