"""Make the consequences of finished jobs follow, and repair them after a crash.

Every consequence is computed from the jobs of a run (`bot.delivery.consequences`). It is computed when a job
finishes, and again by the reconciler for all jobs that finished recently, in whatever process. Both are
idempotent.

| finished job | consequence |
|---|---|
| card given up | a plain message is sent instead |
| card, message | `push_status` of the run |
| export given up | `export_status` of the run |
| export that finished after the card was rendered | the card is updated |
| file that is unconfirmed, confirmed later, or sent as a link | the card is updated |
| job that replaces an undelivered one | the undelivered one no longer counts |
| digest, submission, reply given up | the `on_finished` of its kind is repeated |
"""

import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from bot.delivery.consequences import DELIVERY_KINDS, MAX_JOBS_OF_RUN, derive_consequences
from bot.delivery.payload import destination_of, was_sent_alone
from bot.delivery.plan import job_id
from bot.jobs.queue import Jobs
from bot.models import Job, JobState, PushStatus, Run, RunStatus
from bot.ports import Store
from bot.telemetry.rescues import Rescue, count_rescue

log = logging.getLogger(__name__)

RUN_KINDS = DELIVERY_KINDS | {"export"}  # their consequences are derived from the run
REPEATED_KINDS = frozenset({"digest", "submit"})  # their `on_finished` is repeated
REPLY_KINDS = frozenset({"message"})  # repeated only for the dead ones, as there are many
FIRST_LOOKBACK = timedelta(days=1)
OVERLAP = timedelta(minutes=2)  # clocks differ, and a job is stored a little after it ends
WATERMARK = "reconciled"
MIN_RECENT_RUNS = 50
RECENT_RUNS_WINDOW = timedelta(hours=1)


class Reconciler:
    """Repairs what a crash left between a finished job and its consequences."""

    def __init__(
        self, store: Store, jobs: Jobs, *, on_visible: Callable[[float], None] | None = None
    ) -> None:
        """Make a reconciler. `on_visible` gets the seconds from the end of a run to its card or message."""
        self._store = store
        self._jobs = jobs
        self._on_visible = on_visible

    async def run(self) -> None:
        """Repair the pending runs, and the runs with a job that finished since any bot did this last."""
        now = self._jobs.clock()
        for run in await self._recent_runs():
            if run.status is not RunStatus.RUNNING and run.push_status is PushStatus.PENDING:
                await self._repair(run.id)
        since = await self._watermark(now)
        ended = await self._store.find_ended(RUN_KINDS, since)
        for run_id in dict.fromkeys(job.run_id for job in ended):
            await self._repair(run_id)
        await self._repeat(REPEATED_KINDS, since)
        await self._repeat(REPLY_KINDS, since, {JobState.DEAD})
        await self._store.set_value(WATERMARK, now.isoformat())

    async def _repair(self, run_id: str) -> None:
        if await self.settle(run_id):
            count_rescue(Rescue.CONSEQUENCES_REPAIRED)

    async def on_export_finished(self, export: Job) -> None:
        """Release the summaries and files that wait for the report, and update the cards already sent."""
        jobs = await self._store.find_jobs(run_id=export.run_id)
        await self._jobs.make_due([job.id for job in jobs if job.kind in {"card", "note", "file"}])
        await self.settle(export.run_id)

    async def on_summary_finished(self, summary: Job) -> None:
        """Release the file that waits for its card or message."""
        await self._jobs.make_due([job_id("file", summary.run_id, destination_of(summary))])
        await self.settle(summary.run_id)
        await self._measure(summary)

    async def _measure(self, summary: Job) -> None:
        """Measure how long a summary took, unless it waited on purpose (in a digest) or for a person."""
        run = await self._store.find_run(summary.run_id)
        sent = summary.state is JobState.DONE and was_sent_alone(summary)
        if self._on_visible and sent and run and run.end_time and summary.ended_at:
            self._on_visible(max((summary.ended_at - run.end_time).total_seconds(), 0.0))

    async def on_delivery_finished(self, job: Job) -> None:
        """Derive what follows from a file or an update."""
        await self.settle(job.run_id)

    async def settle(self, run_id: str) -> bool:
        """Make everything follow from the jobs of one run. Returns whether anything was missing.

        A job that cannot be read, such as one edited in the store, blocks its own run only.
        """
        try:
            return await self._settle(run_id)
        except (KeyError, TypeError, ValueError):
            log.exception("deliveries of run %s cannot be read", run_id)
            return False

    async def _settle(self, run_id: str) -> bool:
        run = await self._store.find_run(run_id)
        if run is None or run.status is RunStatus.RUNNING:
            return False
        jobs = await self._store.find_jobs(run_id=run_id, limit=MAX_JOBS_OF_RUN)
        found = derive_consequences(run, jobs, self._jobs.clock())
        for message in found.messages:
            log.error("card for %s given up, sending a plain message instead", destination_of(message))
            count_rescue(Rescue.MESSAGE_FOR_CARD)
            await self._jobs.add(message)
        for undelivered, replacement in found.replacements.items():
            await self._store.mark_replaced(undelivered, replacement)
        if found.changes:
            await self._store.update_run(run.id, found.changes)
        for update in found.updates:
            await self._jobs.add(update)
        return bool(found.messages or found.replacements or found.changes or found.updates)

    async def _recent_runs(self) -> Sequence[Run]:
        """Find the newest runs: at least `MIN_RECENT_RUNS`, and all that started in `RECENT_RUNS_WINDOW`."""
        limit = MIN_RECENT_RUNS
        while True:
            runs = await self._store.find_runs(limit=limit)
            if len(runs) < limit or self._jobs.clock() - runs[-1].start_time > RECENT_RUNS_WINDOW:
                return runs
            limit *= 4

    async def _repeat(
        self, kinds: Collection[str], since: datetime, states: Collection[JobState] = ()
    ) -> None:
        for job in await self._store.find_ended(kinds, since, states):
            await self._jobs.settle(job)

    async def _watermark(self, now: datetime) -> datetime:
        stored = await self._store.find_value(WATERMARK)
        return (datetime.fromisoformat(stored) if stored else now - FIRST_LOOKBACK) - OVERLAP
