"""Export the report of a run: the job, its retries, and how far exports lag behind the runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.errors import PermanentError, TemporaryError, UserError
from bot.jobs.queue import Claim, JobKind, Jobs, Postpone, Result
from bot.models import ExportStatus, Job, JobState, Run, RunStatus, new_job
from bot.ports import Exporter, Store
from bot.reports.attachments import Attachments
from bot.reports.comparison import load_report_input
from bot.reports.repository import Reports
from bot.telemetry.logging import redacted

log = logging.getLogger(__name__)

KIND = "export"
LEASE = timedelta(seconds=20)
RUN_NOT_ENDED_DELAY = timedelta(seconds=1)  # the job is written before the status of its run
STALLED_AFTER = timedelta(minutes=10)
MAX_EXPORTS_PER_RUN = 100
MAX_BACKLOG_COUNTED = 10_000  # exports
OPEN_STATES = frozenset({JobState.TODO, JobState.DOING})


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """Exports that have not ended: their number and the age of the oldest."""

    waiting: int = 0
    lag: timedelta = timedelta()


class ReportExports:
    """Exports reports as jobs. Each retry is a job of its own, so that the audit trail shows it."""

    def __init__(
        self, store: Store, jobs: Jobs, exporter: Exporter, reports: Reports, attachments: Attachments
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._exporter = exporter
        self._reports = reports
        self._attachments = attachments
        self._clock = jobs.clock

    def kinds(self, on_settled: Callable[[Job], Awaitable[None]]) -> Mapping[str, JobKind]:
        """Return the job kind `export`. `on_settled` is called when a report exists, or never will."""

        async def finish(job: Job) -> None:
            if job.state is not JobState.DONE:
                failure = {"export_status": ExportStatus.ERROR, "export_error": job.error}
                await self._store.update_run(job.run_id, failure)
            await on_settled(job)

        return {KIND: JobKind(run=self.export, on_finished=finish, lease=LEASE)}

    async def export(self, claim: Claim) -> Result:
        """Export the report of an ended run, unless there is one. Postponed while the run is running."""
        run = await self._store.find_run(claim.job.run_id)
        if run is None:
            raise PermanentError(f"run {claim.job.run_id} is not in the store")
        if run.status is RunStatus.RUNNING:
            raise Postpone(self._clock() + RUN_NOT_ENDED_DELAY)
        if claim.job.payload.get("late") or not await self._reports.find(run_id=run.id):
            await self._export_run(claim, run)
        await self._store.update_run(run.id, {"export_status": ExportStatus.SUCCESS, "export_error": ""})
        return {}

    async def _export_run(self, claim: Claim, run: Run) -> None:
        """Write the report and store the reason with the run when that has to be repeated later."""
        await self._store.update_run(run.id, {"export_status": ExportStatus.RUNNING})
        try:
            await self._write(claim, run)
        except TemporaryError as error:
            await self._store.update_run(run.id, {"export_error": redacted(str(error))})
            raise

    async def _write(self, claim: Claim, run: Run) -> None:
        """Write the file, then record it: a report in the store always has its file."""
        path = await self._reports.reserve_path(run)
        started = self._clock()
        try:
            findings = await self._exporter.export(await load_report_input(self._store, run), path)
            files = await self._attachments.find(run)
            if files:
                await self._attachments.write(files, path)
            if not await claim.extend():
                raise TemporaryError("another process took over this export")
            report = await self._reports.commit(
                run, path, rows=findings.rows, name=self._attachments.name(run, files)
            )
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)
        await self._store.update_run(run.id, {"findings": findings})
        await self._store.save_report(report)
        seconds = (self._clock() - started).total_seconds()
        log.info(
            "report of run %s exported: %d rows, %d bytes in %.1f s",
            run.id,
            report.rows,
            report.size,
            seconds,
        )

    async def ensure_retryable(self, run: Run) -> None:
        """Raise `UserError` when there is nothing to export, a report exists or an export is under way."""
        if run.status is not RunStatus.FINISHED:
            raise UserError("nothing_to_report", running=run.status is RunStatus.RUNNING)
        if not run.schedule.export:
            raise UserError("regenerate_unwanted")
        if run.assets_deleted:
            raise UserError("assets_deleted")
        if await self._reports.find(run_id=run.id):
            raise UserError("report_is_there", run=run.id)
        if any(not job.state.ended for job in await self._exports(run)):
            raise UserError("regenerate_running")

    async def retry(self, run: Run, *, by: str, cause: str) -> None:
        """Export the report of a run again. Idempotent by `cause`. Raises `UserError`."""
        if await self.asked_by(run, cause):
            return
        await self.ensure_retryable(run)
        exports = await self._exports(run)
        number, now = len(exports) + 1, self._clock()
        await self._store.update_run(run.id, {"export_status": ExportStatus.PENDING, "export_error": ""})
        payload = {"by": by, "cause": cause}
        await self._jobs.add(new_job(KIND, f"{run.id}~{number}", now, run_id=run.id, payload=payload))

    async def asked_by(self, run: Run, cause: str) -> bool:
        """Return whether this cause has already led to an export."""
        return any(job.payload.get("cause") == cause for job in await self._exports(run))

    async def count(self, run: Run) -> int:
        """Return the number of exports of a run, retries among them."""
        return len(await self._exports(run))

    async def _exports(self, run: Run) -> Sequence[Job]:
        return await self._store.find_jobs(run_id=run.id, kind=KIND, limit=MAX_EXPORTS_PER_RUN)

    def progress(self, run: Run) -> int | None:
        """Return the number of assets read so far. None when this process exports no report of the run."""
        return self._exporter.progress(run.id)

    async def stalled_exports(self) -> Sequence[Job]:
        """Return open exports older than `STALLED_AFTER` that failed or wait for a worker, oldest first."""
        exports = await self._store.find_jobs(kind=KIND, states=OPEN_STATES)
        return [job for job in exports if job.error and self._clock() - job.created_at >= STALLED_AFTER]

    async def backlog(self) -> Backlog:
        """Count the open exports and measure the age of the oldest."""
        exports = await self._store.find_jobs(kind=KIND, states=OPEN_STATES, limit=MAX_BACKLOG_COUNTED)
        if not exports:
            return Backlog()
        return Backlog(waiting=len(exports), lag=max(timedelta(), self._clock() - exports[0].created_at))
