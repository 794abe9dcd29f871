"""The reports: made once per run, kept under their day, found again."""

import asyncio
import hashlib
import logging
import re
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.archive import Archive, fetch
from bot.errors import Permanent, Temporary
from bot.jobs import Claim, JobKind, NotYet, Result
from bot.models import Clock, ExportStatus, Job, JobState, Report, Run, RunStatus
from bot.ports import Exporter, Store
from bot.story import story_of

log = logging.getLogger(__name__)

NAME_BYTES = 120  # of the schedule's part of a file name; file systems take 255 for the whole


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """Where reports lie and for how long; with an archive, for all bots on the store together."""

    folder: Path
    keep: timedelta
    zone: ZoneInfo
    archive: Archive | None = None


class Reports:
    """Makes the report of a run as a job, and finds reports."""

    def __init__(self, store: Store, exporter: Exporter, shelf: Shelf, *, clock: Clock) -> None:
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

        return {"export": JobKind(act=self._export, settled=ended, lease=timedelta(seconds=20))}

    async def find(self, *, run_id: str = "", schedule_id: str = "") -> Report | None:
        """The newest report of a run or a schedule whose file is still there."""
        for report in await self._store.find_reports(run_id=run_id, schedule_id=schedule_id, limit=1):
            if await self._near(report):
                return report
        return None

    async def _near(self, report: Report) -> bool:
        """Whether the file is in our folder; one that another bot made is brought here."""
        if await asyncio.to_thread(self.path(report).is_file):
            return True
        archive = self._shelf.archive
        return archive is not None and await fetch(archive, report, self._shelf.folder)

    def progress(self, run: Run) -> int | None:
        """How many assets a report under way has taken so far; None when none is being made here."""
        return self._exporter.progress(run.id)

    def path(self, report: Report) -> Path:
        return self._shelf.folder / report.path

    async def _export(self, claim: Claim) -> Result:
        run = await self._store.find_run(claim.job.run_id)
        if run is None:
            raise Permanent(f"run {claim.job.run_id} is not in the store")
        if run.status is RunStatus.RUNNING:  # jobs are written before the status
            raise NotYet(self._clock() + timedelta(seconds=1))
        if not await self.find(run_id=run.id):
            await self._store.update_run(run.id, {"export_status": ExportStatus.RUNNING, "export_error": ""})
            await self._make(run)
        await self._store.update_run(run.id, {"export_status": ExportStatus.SUCCESS, "export_error": ""})
        return {}

    async def _make(self, run: Run) -> None:
        name = file_name(run, self._shelf.zone)
        relative = f"{run.start_time.astimezone(self._shelf.zone):%Y-%m-%d}/{name}"
        path = self._shelf.folder / relative
        try:
            await asyncio.to_thread(_make_room, path)
        except OSError as error:
            raise Temporary(f"reports.dir cannot be written: {error.strerror}") from error
        started = self._clock()
        rows = await self._exporter.export(await story_of(self._store, run), path)
        size, digest = await asyncio.to_thread(_measure, path)
        if self._shelf.archive:
            await self._shelf.archive.put(relative, path)
        await self._store.save_report(
            Report(
                run_id=run.id,
                schedule_id=run.schedule_id,
                schedule_name=run.schedule_name,
                path=relative,
                name=name,
                size=size,
                sha256=digest,
                made_at=self._clock(),
                rows=rows,
            )
        )
        seconds = (self._clock() - started).total_seconds()
        log.info("report of run %s made: %d rows, %d bytes in %.1f s", run.id, rows, size, seconds)

    async def sweep(self) -> int:
        """Remove the folders of days that are over `keep`; how many."""
        last = (self._clock() - self._shelf.keep).astimezone(self._shelf.zone)
        if self._shelf.archive:
            await self._shelf.archive.sweep(f"{last:%Y-%m-%d}")
        return await asyncio.to_thread(_sweep, self._shelf.folder, last)


def file_name(run: Run, zone: ZoneInfo) -> str:
    """A name that every file system and DingTalk take, whatever the schedule is called."""
    plain = re.sub(r"[^\w.-]+", "_", run.schedule_name).strip("._") or "report"
    plain = plain.encode()[:NAME_BYTES].decode(errors="ignore")
    return f"{plain}_{run.start_time.astimezone(zone):%Y%m%d-%H%M%S}_{run.id}.xlsx"


def _make_room(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # of an export that was not recorded any more


def _measure(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _sweep(folder: Path, last: datetime) -> int:
    old = [
        day
        for day in (folder.iterdir() if folder.is_dir() else ())
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", day.name) and day.name < f"{last:%Y-%m-%d}" and day.is_dir()
    ]
    for day in old:
        if not day.is_symlink():
            shutil.rmtree(day)
            log.info("reports of %s removed, their time is over", day.name)
    return len(old)
