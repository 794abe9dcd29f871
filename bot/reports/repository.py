"""The reports: made once per run, kept under their day, found again."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from io import BufferedReader
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.errors import PermanentError, TemporaryError
from bot.jobs.queue import Claim, JobKind, Postpone, Result
from bot.models import Clock, ExportStatus, Job, JobState, Report, Run, RunStatus
from bot.ports import Exporter, Store
from bot.reports.archive import fetch
from bot.reports.comparison import load_report_input
from bot.reports.storage import ReportStorage
from bot.telemetry.logging import redacted

__all__ = ["ReportStorage", "Reports", "file_name"]

log = logging.getLogger(__name__)

STALLED_AFTER = timedelta(minutes=10)
MOST_COUNTED = 10_000  # exports that wait
MAX_NAME_BYTES = 120  # of the schedule's part of a file name; file systems take 255 for the whole


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """Reports that are asked for and not made: how many, and how long the oldest has waited."""

    waiting: int = 0
    lag: timedelta = timedelta()


class Reports:
    """Makes the report of a run as a job, and finds reports."""

    def __init__(self, store: Store, exporter: Exporter, shelf: ReportStorage, *, clock: Clock) -> None:
        self._store = store
        self._exporter = exporter
        self._shelf = shelf
        self._clock = clock

    def kinds(self, settled: Callable[[Job], Awaitable[None]]) -> Mapping[str, JobKind]:
        """`settled` is told when a report is there, or will never be."""

        async def ended(job: Job) -> None:
            if job.state is not JobState.DONE:
                why = {"export_status": ExportStatus.ERROR, "export_error": job.error}
                await self._store.update_run(job.run_id, why)
            await settled(job)

        return {"export": JobKind(run=self._export, on_finished=ended, lease=timedelta(seconds=20))}

    async def find(self, *, run_id: str = "", schedule_id: str = "") -> Report | None:
        """The newest report of a run or a schedule whose file is still there."""
        for report in await self._store.find_reports(run_id=run_id, schedule_id=schedule_id, limit=1):
            if await self._ensure_local(report):
                return report
        return None

    async def _ensure_local(self, report: Report) -> bool:
        """Whether the file is in our folder as it was recorded; one that another bot made is brought here."""
        if await asyncio.to_thread(self._shelf.exists, report):
            return True
        archive = self._shelf.archive
        return archive is not None and await fetch(archive, report, self._shelf.folder)

    async def _exists(self, report: Report) -> bool:
        """The same without bringing it here."""
        if await asyncio.to_thread(self._shelf.exists, report):
            return True
        return self._shelf.archive is not None and await self._shelf.archive.exists(report.path)

    def progress(self, run: Run) -> int | None:
        """How many assets a report under way has taken so far; None when none is being made here."""
        return self._exporter.progress(run.id)

    async def find_record(self, run_id: str) -> Report | None:
        """The report of a run as it was recorded, whether or not its file is still there."""
        found = await self._store.find_reports(run_id=run_id, limit=1)
        return found[0] if found else None

    async def newest(self, schedule_id: str = "", *, limit: int = 10) -> Sequence[Report]:
        """The newest reports whose files are still there, of one schedule or of all, newest first."""
        found = await self._store.find_reports(schedule_id=schedule_id, limit=limit)
        return [report for report in found if await self._exists(report)]

    async def open(self, report: Report) -> BufferedReader:
        """The file as it was recorded. Raises `PermanentError` when it is gone or changed on disk since."""
        if self._shelf.archive:
            await self._ensure_local(report)
        return await asyncio.to_thread(self._shelf.open, report)

    async def verified_path(self, report: Report) -> Path:
        """Where the file lies, as it was recorded. Raises `PermanentError` likewise."""
        (await self.open(report)).close()
        return self.path(report)

    def path(self, report: Report) -> Path:
        return self._shelf.folder / report.path

    async def _export(self, claim: Claim) -> Result:
        run = await self._store.find_run(claim.job.run_id)
        if run is None:
            raise PermanentError(f"run {claim.job.run_id} is not in the store")
        if run.status is RunStatus.RUNNING:  # jobs are written before the status
            raise Postpone(self._clock() + timedelta(seconds=1))
        if not await self.find(run_id=run.id):
            await self._try(claim, run)
        await self._store.update_run(run.id, {"export_status": ExportStatus.SUCCESS, "export_error": ""})
        return {}

    async def _try(self, claim: Claim, run: Run) -> None:
        """Make it; why that has to wait stands with the run, for whoever asks where the report is."""
        await self._store.update_run(run.id, {"export_status": ExportStatus.RUNNING})
        try:
            await self._make(claim, run)
        except TemporaryError as error:
            await self._store.update_run(run.id, {"export_error": redacted(str(error))})
            raise

    async def _make(self, claim: Claim, run: Run) -> None:
        """The file is whole and in its place before anything tells of it."""
        name = file_name(run, self._shelf.zone)
        stem, day = name.removesuffix(".xlsx"), f"{run.start_time.astimezone(self._shelf.zone):%Y-%m-%d}"
        written = await asyncio.to_thread(self._shelf.reserve_path, day, stem)
        started = self._clock()
        try:
            findings = await self._exporter.export(await load_report_input(self._store, run), written)
            if not await claim.extend():
                raise TemporaryError("another process has this export now")
            path, measure = await asyncio.to_thread(self._shelf.commit, written, stem)
        finally:
            await asyncio.to_thread(written.unlink, missing_ok=True)
        if self._shelf.archive:
            await self._shelf.archive.put(path, self._shelf.folder / path)
        await self._store.update_run(run.id, {"findings": findings})
        await self._store.save_report(
            Report(
                run_id=run.id,
                schedule_id=run.schedule_id,
                schedule_name=run.schedule_name,
                path=path,
                name=name,
                size=measure.size,
                sha256=measure.sha256,
                made_at=self._clock(),
                rows=findings.rows,
            )
        )
        seconds = (self._clock() - started).total_seconds()
        log.info(
            "report of run %s made: %d rows, %d bytes in %.1f s", run.id, findings.rows, measure.size, seconds
        )

    async def stalled_exports(self) -> Sequence[Job]:
        """Exports that have failed, or waited for a worker, for ten minutes or more, oldest first."""
        begun = await self._store.find_jobs(kind="export", states={JobState.TODO, JobState.DOING})
        return [job for job in begun if job.error and self._clock() - job.created_at >= STALLED_AFTER]

    async def backlog(self) -> Backlog:
        """Tell how far the reports lag behind the runs."""
        states = {JobState.TODO, JobState.DOING}
        exports = await self._store.find_jobs(kind="export", states=states, limit=MOST_COUNTED)
        if not exports:
            return Backlog()
        return Backlog(waiting=len(exports), lag=max(timedelta(), self._clock() - exports[0].created_at))

    async def sweep(self) -> int:
        """Remove the days that are over, and what dead exports left; how many days."""
        now = self._clock()
        if self._shelf.archive:
            await self._shelf.archive.purge(self._shelf.first_kept_day(now))
        return await asyncio.to_thread(self._shelf.purge_expired, now)


def file_name(run: Run, zone: ZoneInfo) -> str:
    """A name that every file system and DingTalk take, whatever the schedule is called."""
    plain = re.sub(r"[^\w.-]+", "_", run.schedule_name).strip("._") or "report"
    plain = plain.encode()[:MAX_NAME_BYTES].decode(errors="ignore")
    return f"{plain}_{run.start_time.astimezone(zone):%Y%m%d-%H%M%S}_{run.id}.xlsx"
