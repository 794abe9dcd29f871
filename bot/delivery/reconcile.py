"""Derive what must follow from the ends of jobs, and repair it where a process died before it followed.

Every consequence is computed from what the jobs of a run say. It is computed when a job ends, and again by
the reconciler for all jobs that ended lately, by whatever process. Doing it twice changes nothing.

| end | consequence |
|---|---|
| card given up | a plain message goes instead |
| card, message | `push_status` of the run |
| export given up | `export_status` of the run |
| export, after the card was rendered | the card is updated |
| file unconfirmed, confirmed after that, or sent as a link | the card is updated |
| a later job that stands for one that did not arrive | the earlier one counts no more |
| a digest, a submission, an answer given up | whatever its kind does in the end is done again |
"""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from bot.delivery.payload import DeliveryPayload, DeliveryResult
from bot.delivery.plan import delivery_job, job_id, push_status_of
from bot.jobs.queue import Jobs
from bot.models import (
    UNDELIVERED_STATES,
    Destination,
    ExportStatus,
    Job,
    JobState,
    PushStatus,
    Run,
    RunStatus,
)
from bot.ports import Store

log = logging.getLogger(__name__)

DELIVERIES = frozenset({"card", "note", "file", "update"})
KINDS = DELIVERIES | {"export"}
OTHER_KINDS = frozenset({"digest", "submit"})
ANSWERS = frozenset({"message"})  # as many as people ask: only those that were given up have a consequence
MAX_JOBS_OF_RUN = 1_000
FIRST_LOOKBACK = timedelta(days=1)
OVERLAP = timedelta(minutes=2)  # clocks differ, and an end is stored a little after its time
WATERMARK = "reconciled"


class Reconciler:
    """Makes the consequences of job ends follow."""

    def __init__(self, store: Store, jobs: Jobs) -> None:
        self._store = store
        self._jobs = jobs

    async def run(self) -> None:
        """Repair the runs of which a job has ended since the last time that any bot did this."""
        now = self._jobs.clock()
        ended = await self._store.find_ended(KINDS, await self._watermark(now))
        for run_id in dict.fromkeys(job.run_id for job in ended):
            await self.settle(run_id)
        await self._repeat(OTHER_KINDS, await self._watermark(now))
        await self._repeat(ANSWERS, await self._watermark(now), {JobState.DEAD})
        await self._store.set_value(WATERMARK, now.isoformat())

    async def settle(self, run_id: str) -> None:
        """Make everything follow that the jobs of one run demand now.

        A job that cannot be read, such as one that somebody changed in the store, holds up its own run alone.
        """
        try:
            await self._settle(run_id)
        except (KeyError, TypeError, ValueError):
            log.exception("what follows from the deliveries of run %s cannot be told", run_id)

    async def _settle(self, run_id: str) -> None:
        run = await self._store.find_run(run_id)
        if run is None or run.status is RunStatus.RUNNING:
            return
        jobs = await self._store.find_jobs(run_id=run_id, limit=MAX_JOBS_OF_RUN)
        jobs = [*jobs, *await self._send_notes_instead(jobs)]
        for job, by in replacements(jobs).items():
            await self._store.mark_replaced(job, by)
        await self._correct_run(run, jobs)
        for update in due_updates(jobs, self._jobs.clock()):
            await self._jobs.add(update)

    async def _repeat(
        self, kinds: Collection[str], since: datetime, states: Collection[JobState] = ()
    ) -> None:
        """Tell kinds of ends once more: each of them may be told twice."""
        for job in await self._store.find_ended(kinds, since, states):
            await self._jobs.settle(job)

    async def _watermark(self, now: datetime) -> datetime:
        kept = await self._store.find_value(WATERMARK)
        return (datetime.fromisoformat(kept) if kept else now - FIRST_LOOKBACK) - OVERLAP

    async def _send_notes_instead(self, jobs: Sequence[Job]) -> Sequence[Job]:
        known, now = {job.id for job in jobs}, self._jobs.clock()
        notes = [
            note_instead_of(job, now) for job in jobs if job.kind == "card" and job.state is JobState.DEAD
        ]
        missing = [note for note in notes if note.id not in known]
        for note in missing:
            log.error("a card for %s was given up, a plain message goes instead", destination_of(note))
            await self._jobs.add(note)
        return missing

    async def _correct_run(self, run: Run, jobs: Sequence[Job]) -> None:
        changes: dict[str, object] = {}
        verdict = push_status_of([job for job in jobs if job.kind in {"card", "note"}])
        if verdict not in {PushStatus.PENDING, run.push_status}:
            changes["push_status"] = verdict
        exports = [job for job in jobs if job.kind == "export"]
        open_export = run.export_status in {ExportStatus.PENDING, ExportStatus.RUNNING}
        if open_export and exports and exports[-1].state is JobState.DEAD:
            changes |= {"export_status": ExportStatus.ERROR, "export_error": exports[-1].error}
        if changes:
            await self._store.update_run(run.id, changes)


def destination_of(job: Job) -> Destination:
    """Return whom a delivery is for."""
    return DeliveryPayload.of(job).destination


def note_instead_of(card: Job, now: datetime, *, via: Destination | None = None) -> Job:
    """Return the job of the message that goes instead of a card."""
    destination = destination_of(card)
    payload = DeliveryPayload(destination=destination, via=via or destination)
    return delivery_job("note", card.run_id, payload, now)


def update_job(card: Job, cause: str, now: datetime, *, rerun_by: str = "") -> Job:
    """Return the job that updates what the job of a card has shown; one for each cause."""
    payload = DeliveryPayload(destination=destination_of(card), rerun_by=rerun_by)
    return delivery_job("update", card.run_id, payload, now, cause=cause)


def shown_cards(jobs: Sequence[Job]) -> Sequence[Job]:
    """Return the jobs whose cards people see, one for each destination."""
    done = [job for job in jobs if job.kind == "card" and job.state is JobState.DONE]
    return list({destination_of(job): job for job in done if _is_shown(DeliveryResult.of(job))}.values())


def _is_shown(result: DeliveryResult) -> bool:
    return not result.silent and not result.fallback_reason


def due_updates(jobs: Sequence[Job], now: datetime) -> Sequence[Job]:
    """Return the updates that the cards of a run need and that nobody has asked for."""
    known = {job.id for job in jobs}
    wanted = [update_job(card, cause, now) for card in shown_cards(jobs) for cause in _causes(card, jobs)]
    return [update for update in wanted if update.id not in known]


def _causes(card: Job, jobs: Sequence[Job]) -> Iterator[str]:
    exports = [job.id for job in jobs if job.kind == "export" and job.state.ended]
    rendered = DeliveryResult.of(card).exports  # a card with several runs says nothing of reports
    if exports and rendered is not None and exports[-1] not in rendered:
        yield exports[-1]
    files = files_at(jobs, destination_of(card))
    for file in files:
        healed = _is_delivered(file) and any(_stands_for(file, other, files) for other in _unconfirmed(files))
        if file.state is JobState.UNCONFIRMED or DeliveryResult.of(file).link or healed:
            yield file.id


def files_at(jobs: Sequence[Job], destination: Destination) -> Sequence[Job]:
    """Return the jobs that send the report to a destination, oldest first."""
    return [job for job in jobs if job.kind == "file" and destination_of(job) == destination]


def has_unconfirmed_file(jobs: Sequence[Job], destination: Destination) -> bool:
    """Return whether nobody knows of a file there, and it was not sent again since with success."""
    files = files_at(jobs, destination)
    return any(_replacing(job, files) is None for job in _unconfirmed(files))


def replacements(jobs: Sequence[Job]) -> Mapping[str, str]:
    """Return the later jobs that stand for jobs which did not arrive, by the ids of these."""
    found = {}
    for job in jobs:
        if job.state in UNDELIVERED_STATES and not job.replaced_by:
            later = _replacement(job, jobs)
            if later:
                found[job.id] = later.id
    return found


def _replacement(job: Job, jobs: Sequence[Job]) -> Job | None:
    again = [
        other for other in jobs if other.kind in DELIVERIES and DeliveryPayload.of(other).resend_of == job.id
    ]
    if again:
        return again[0]
    if job.kind == "card":
        note = job_id("note", job.run_id, destination_of(job))
        return next((other for other in jobs if other.id == note), None)
    if job.kind == "file":
        return _replacing(job, files_at(jobs, destination_of(job)))
    return _later_update(job, jobs) if job.kind == "update" else None


def _later_update(job: Job, jobs: Sequence[Job]) -> Job | None:
    """Each update shows everything, so a later one stands for all before it."""
    same = [each for each in jobs if each.kind == "update" and destination_of(each) == destination_of(job)]
    later = [each for each in same[same.index(job) + 1 :] if each.state is JobState.DONE]
    return next((each for each in later if not DeliveryResult.of(each).skipped), None)


def _unconfirmed(files: Sequence[Job]) -> Sequence[Job]:
    return [job for job in files if job.state is JobState.UNCONFIRMED]


def _replacing(job: Job, files: Sequence[Job]) -> Job | None:
    return next((other for other in files if _is_delivered(other) and _stands_for(other, job, files)), None)


def _is_delivered(job: Job) -> bool:
    """Return whether this very job brought the report, or a part of it."""
    result = DeliveryResult.of(job)
    return job.state is JobState.DONE and not (result.skipped or result.parts or result.silent)


def _stands_for(later: Job, earlier: Job, files: Sequence[Job]) -> bool:
    """Return whether a later file brings what an earlier one was to bring: the same part, or the whole."""
    part, wanted = DeliveryPayload.of(later).part, DeliveryPayload.of(earlier).part
    return files.index(later) > files.index(earlier) and part in {None, wanted}
