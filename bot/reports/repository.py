"""Find, open and store reports: their records are in the store, their files in the storage."""

import asyncio
import re
from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.external.models import RunFile
from bot.models import Clock, Report, Run
from bot.ports import Store
from bot.reports.archive import fetch
from bot.reports.storage import FileDigest, ReportStorage, StoredFile

EXTENSION = ".xlsx"
MAX_NAME_BYTES = 120  # of the schedule in a file name; file systems allow 255 for the whole name


class Reports:
    """The reports of all runs. A report is found only while its file is as it was recorded."""

    def __init__(self, store: Store, storage: ReportStorage, *, clock: Clock) -> None:
        self._store = store
        self._storage = storage
        self._clock = clock

    async def find(self, *, run_id: str = "", schedule_id: str = "") -> Report | None:
        """Return the newest report of a run or a schedule, or None when its file is gone."""
        for report in await self._store.find_reports(run_id=run_id, schedule_id=schedule_id, limit=1):
            if await self._ensure_local(report):
                return report
        return None

    async def has_expired(self, run_id: str) -> bool:
        """Return whether the newest report of a run was recorded, and its file is gone."""
        record = await self.find_record(run_id)
        return record is not None and not await self._exists(record)

    async def find_record(self, run_id: str) -> Report | None:
        """Return the newest report of a run as it was recorded, even when its file is gone."""
        found = await self._store.find_reports(run_id=run_id, limit=1)
        return found[0] if found else None

    async def newest(self, schedule_id: str = "", *, limit: int = 10) -> Sequence[Report]:
        """Return the newest reports that still have their file, newest first, of one schedule or of all."""
        found = await self._store.find_reports(schedule_id=schedule_id, limit=limit)
        return [report for report in found if await self._exists(report)]

    async def open(self, report: StoredFile) -> BufferedReader:
        """Open the file of a report. Raises `PermanentError` when it is gone or differs from its record."""
        if self._storage.archive:
            await self._ensure_local(report)
        return await asyncio.to_thread(self._storage.open, report)

    async def verified_path(self, report: StoredFile) -> Path:
        """Return the path of the file. Raises `PermanentError` when it is gone or differs from its record."""
        (await self.open(report)).close()
        return self.path(report)

    def path(self, report: StoredFile) -> Path:
        return self._storage.folder / report.path

    async def _ensure_local(self, report: StoredFile) -> bool:
        """Return whether the file is in the folder. One that only the archive has is fetched first."""
        if await asyncio.to_thread(self._storage.exists, report):
            return True
        archive = self._storage.archive
        return archive is not None and await fetch(archive, report, self._storage.folder)

    async def _exists(self, report: Report) -> bool:
        """Return whether the file is in the folder or in the archive, without fetching it."""
        if await asyncio.to_thread(self._storage.exists, report):
            return True
        return self._storage.archive is not None and await self._storage.archive.exists(report.path)

    async def reserve_path(self, run: Run) -> Path:
        """Return a path that is nobody else's, to write the report of a run to. Raises `TemporaryError`."""
        day = f"{run.start_time.astimezone(self._storage.zone):%Y-%m-%d}"
        return await asyncio.to_thread(self._storage.reserve_path, day, self._stem(run))

    async def commit(self, run: Run, written: Path, *, rows: int, name: str = "") -> Report:
        """Move a finished file to its final path, copy it to the archive and return its unsaved record.

        `name` is that of an uploaded file, which is sent instead of a workbook.
        """
        path, digest = await self._commit(run, written, Path(name).suffix or EXTENSION)
        return Report(
            run_id=run.id,
            schedule_id=run.schedule_id,
            schedule_name=run.schedule_name,
            path=path,
            name=name or f"{self._stem(run)}{EXTENSION}",
            size=digest.size,
            sha256=digest.sha256,
            made_at=self._clock(),
            rows=rows,
        )

    async def _commit(self, run: Run, written: Path, extension: str) -> tuple[str, FileDigest]:
        path, digest = await asyncio.to_thread(self._storage.commit, written, self._stem(run), extension)
        if self._storage.archive:
            await self._storage.archive.put(path, self._storage.folder / path)
        return path, digest

    async def commit_upload(self, run: Run, written: Path, name: str) -> RunFile:
        """Move an uploaded file to its final path, and copy it to the archive."""
        path, digest = await self._commit(run, written, f"_upload{Path(name).suffix.lower()}")
        return RunFile(name=name, path=path, size=digest.size, sha256=digest.sha256)

    async def remove(self, path: str) -> None:
        """Remove a file from the folder and the archive. Does nothing when there is none."""
        await asyncio.to_thread(self._storage.remove, path)
        if self._storage.archive:
            await self._storage.archive.remove(path)

    @property
    def zone(self) -> ZoneInfo:
        return self._storage.zone

    def _stem(self, run: Run) -> str:
        return file_name(run, self._storage.zone).removesuffix(EXTENSION)

    async def purge_expired(self) -> int:
        """Remove expired days and the leftovers of dead exports. Returns the number of days."""
        now = self._clock()
        if self._storage.archive:
            await self._storage.archive.purge(self._storage.first_kept_day(now))
        return await asyncio.to_thread(self._storage.purge_expired, now)


def file_name(run: Run, zone: ZoneInfo) -> str:
    """Build a file name that every file system and DingTalk accept, whatever the schedule is called."""
    name = re.sub(r"[^\w.-]+", "_", run.schedule_name).strip("._") or "report"
    name = name.encode()[:MAX_NAME_BYTES].decode(errors="ignore")
    return f"{name}_{run.start_time.astimezone(zone):%Y%m%d-%H%M%S}_{run.id}{EXTENSION}"
