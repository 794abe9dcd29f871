"""A report that could not be made, asked for once more."""

from collections.abc import Sequence

from bot.errors import UserError
from bot.jobs.queue import Jobs
from bot.models import ExportStatus, Job, Run, RunStatus
from bot.ports import Store
from bot.reports.repository import Reports

MAX_EXPORTS = 100  # exports of one run that are looked at


class ReportExports:
    """Exports a run again; each attempt is a job of its own, so that the chain of the run tells of it."""

    def __init__(self, store: Store, jobs: Jobs, reports: Reports) -> None:
        self._store = store
        self._jobs = jobs
        self._reports = reports

    async def ensure_retryable(self, run: Run) -> None:
        """Raises `UserError` when there is nothing to make, or it is being made."""
        if run.status is not RunStatus.FINISHED:
            raise UserError("nothing_to_report", running=run.status is RunStatus.RUNNING)
        if not run.schedule.export:
            raise UserError("regenerate_unwanted")
        if await self._reports.find(run_id=run.id):
            raise UserError("report_is_there", run=run.id)
        if any(not job.state.ended for job in await self._exports(run)):
            raise UserError("regenerate_running")

    async def retry(self, run: Run, *, by: str, cause: str) -> None:
        """Make the report of a run again. The same cause again changes nothing. Raises `UserError`."""
        if await self.asked_by(run, cause):
            return
        await self.ensure_retryable(run)
        exports = await self._exports(run)
        number, now = len(exports) + 1, self._jobs.clock()
        await self._store.update_run(run.id, {"export_status": ExportStatus.PENDING, "export_error": ""})
        job = Job(
            id=f"export:{run.id}~{number}",
            kind="export",
            run_id=run.id,
            payload={"by": by, "cause": cause},
            created_at=now,
            due_at=now,
        )
        await self._jobs.add(job)

    async def asked_by(self, run: Run, cause: str) -> bool:
        """Whether this cause has asked already."""
        return any(job.payload.get("cause") == cause for job in await self._exports(run))

    async def count(self, run: Run) -> int:
        """How often the report was asked for."""
        return len(await self._exports(run))

    async def _exports(self, run: Run) -> Sequence[Job]:
        return await self._store.find_jobs(run_id=run.id, kind="export", limit=MAX_EXPORTS)
