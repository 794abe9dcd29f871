"""Derive the jobs that follow from the end of a run, their ids, and the push status. Pure."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.delivery.payload import DeliveryPayload, DeliveryResult
from bot.delivery.recipients import recipients
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

MAX_EXPORT_WAIT = timedelta(seconds=60)  # how long the card waits for the report


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
        kind = "card" if destination.takes_cards else "note"
        jobs.append(_job(kind, run, now, destination=destination, due=due))
        if export and destination.takes_files and destination != NULL_DESTINATION:
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
