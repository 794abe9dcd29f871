"""Derive what must follow from the jobs of a run. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.delivery.payload import DeliveryPayload, DeliveryResult, destination_of
from bot.delivery.plan import delivery_job, job_id, push_status_of
from bot.models import UNDELIVERED_STATES, Destination, ExportStatus, Job, JobState, PushStatus, Run

DELIVERY_KINDS = frozenset({"card", "note", "file", "update"})
MAX_JOBS_OF_RUN = 1_000


@dataclass(frozen=True, kw_only=True)
class Consequences:
    """Actions that must follow from the jobs of a run and have not followed yet."""

    messages: Sequence[Job]  # to add, in place of cards that were given up
    replacements: Mapping[str, str]  # ids of undelivered jobs, and of the jobs that replace them
    changes: Mapping[str, object]  # fields of the run to update
    updates: Sequence[Job]  # to add, for cards that show an outdated state


def derive_consequences(run: Run, jobs: Sequence[Job], now: datetime) -> Consequences:
    """Derive what must follow from the jobs of an ended run. Applying it twice changes nothing."""
    messages = fallback_messages(jobs, now)
    jobs = [*jobs, *messages]
    return Consequences(
        messages=messages,
        replacements=replacements(jobs),
        changes=_run_changes(run, jobs),
        updates=due_updates(jobs, now),
    )


def _run_changes(run: Run, jobs: Sequence[Job]) -> Mapping[str, object]:
    changes: dict[str, object] = {}
    push_status = push_status_of([job for job in jobs if job.kind in {"card", "note"}])
    if push_status not in {PushStatus.PENDING, run.push_status}:
        changes["push_status"] = push_status
    exports = [job for job in jobs if job.kind == "export"]
    exporting = run.export_status in {ExportStatus.PENDING, ExportStatus.RUNNING}
    if exporting and exports and exports[-1].state is JobState.DEAD:
        changes |= {"export_status": ExportStatus.ERROR, "export_error": exports[-1].error}
    return changes


def fallback_messages(jobs: Sequence[Job], now: datetime) -> Sequence[Job]:
    """Return the message jobs that are missing for cards that were given up."""
    known = {job.id for job in jobs}
    dead = [destination_of(job) for job in jobs if job.kind == "card" and job.state is JobState.DEAD]
    run_id = jobs[0].run_id if jobs else ""
    messages = [delivery_job("note", run_id, DeliveryPayload(destination=to, via=to), now) for to in dead]
    return [message for message in messages if message.id not in known]


def update_job(card: Job, cause: str, now: datetime) -> Job:
    """Build the job that updates a card. Idempotent by `cause`."""
    payload = DeliveryPayload(destination=destination_of(card))
    return delivery_job("update", card.run_id, payload, now, cause=cause)


def shown_cards(jobs: Sequence[Job]) -> Sequence[Job]:
    """Return the jobs whose cards are visible, one for each destination."""
    done = [job for job in jobs if job.kind == "card" and job.state is JobState.DONE]
    return list({destination_of(job): job for job in done if _is_shown(DeliveryResult.of(job))}.values())


def _is_shown(result: DeliveryResult) -> bool:
    return not (result.silent or result.skipped or result.fallback_reason)


def due_updates(jobs: Sequence[Job], now: datetime) -> Sequence[Job]:
    """Return the update jobs that are missing for the cards of a run."""
    known = {job.id for job in jobs}
    wanted = [update_job(card, cause, now) for card in shown_cards(jobs) for cause in _causes(card, jobs)]
    return [update for update in wanted if update.id not in known]


def _causes(card: Job, jobs: Sequence[Job]) -> Iterator[str]:
    exports = [job.id for job in jobs if job.kind == "export" and job.state.ended]
    rendered = DeliveryResult.of(card).exports  # a digest does not show reports
    if exports and rendered is not None and exports[-1] not in rendered:
        yield exports[-1]
    files = files_at(jobs, destination_of(card))
    for file in files:
        confirmed = _is_delivered(file) and any(
            _replaces(file, other, files) for other in _unconfirmed(files)
        )
        if file.state is JobState.UNCONFIRMED or DeliveryResult.of(file).link or confirmed:
            yield file.id


def files_at(jobs: Sequence[Job], destination: Destination) -> Sequence[Job]:
    """Return the file jobs of a destination, oldest first."""
    return [job for job in jobs if job.kind == "file" and destination_of(job) == destination]


def has_unconfirmed_file(jobs: Sequence[Job], destination: Destination) -> bool:
    """Return whether a file to the destination is unconfirmed and has not been resent successfully."""
    files = files_at(jobs, destination)
    return any(_replacing(job, files) is None for job in _unconfirmed(files))


def replacements(jobs: Sequence[Job]) -> Mapping[str, str]:
    """Return the id of the job that replaces an undelivered one, by the id of the undelivered one."""
    found = {}
    for job in jobs:
        if job.state in UNDELIVERED_STATES and not job.replaced_by:
            later = _replacement(job, jobs)
            if later:
                found[job.id] = later.id
    return found


def _replacement(job: Job, jobs: Sequence[Job]) -> Job | None:
    deliveries = [other for other in jobs if other.kind in DELIVERY_KINDS]
    resend = next((other for other in deliveries if DeliveryPayload.of(other).resend_of == job.id), None)
    if resend:
        return resend
    if job.kind == "card":
        message = job_id("note", job.run_id, destination_of(job))
        return next((other for other in jobs if other.id == message), None)
    if job.kind == "file":
        return _replacing(job, files_at(jobs, destination_of(job)))
    return _later_update(job, jobs) if job.kind == "update" else None


def _later_update(job: Job, jobs: Sequence[Job]) -> Job | None:
    """Return a later update. Each one shows the whole state, so it replaces all before it."""
    same = [each for each in jobs if each.kind == "update" and destination_of(each) == destination_of(job)]
    later = [each for each in same[same.index(job) + 1 :] if each.state is JobState.DONE]
    return next((each for each in later if not DeliveryResult.of(each).skipped), None)


def _unconfirmed(files: Sequence[Job]) -> Sequence[Job]:
    return [job for job in files if job.state is JobState.UNCONFIRMED]


def _replacing(job: Job, files: Sequence[Job]) -> Job | None:
    return next((other for other in files if _is_delivered(other) and _replaces(other, job, files)), None)


def _is_delivered(job: Job) -> bool:
    """Return whether this job itself sent the report or a part of it."""
    result = DeliveryResult.of(job)
    return job.state is JobState.DONE and not (result.skipped or result.parts or result.silent)


def _replaces(later: Job, earlier: Job, files: Sequence[Job]) -> bool:
    """Return whether a later file contains the earlier one: the same part, or the whole report."""
    part, wanted = DeliveryPayload.of(later).part, DeliveryPayload.of(earlier).part
    return files.index(later) > files.index(earlier) and part in {None, wanted}
