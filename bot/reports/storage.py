"""Store report files in a folder: completely or not at all, and never outside of it.

Everything here blocks. `bot.reports.repository` calls it in threads.
"""

import errno
import hashlib
import logging
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BufferedRandom, BufferedReader
from pathlib import Path, PurePosixPath
from typing import Protocol
from zoneinfo import ZoneInfo

from bot.errors import DingRunError, PermanentError, TemporaryError
from bot.files import (
    PRIVATE_FILE,
    UNFINISHED_SUFFIX,
    close_to_others,
    make_private_folder,
    sync_folder,
)
from bot.ports import ReportArchive
from bot.telemetry.rescues import Rescue, count_rescue

log = logging.getLogger(__name__)

UNFINISHED_MAX_AGE = timedelta(hours=12)  # longer than any export takes, so its process has died

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY
_FILE = os.O_RDONLY | os.O_NONBLOCK  # so that a named pipe does not block


class StoredFile(Protocol):
    """Record of a file in the reports folder, by which it is verified."""

    @property
    def path(self) -> str:
        """Return the path within the folder."""

    @property
    def size(self) -> int: ...

    @property
    def sha256(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class FileDigest:
    """Size and digest of a file, by which it is recognized."""

    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ReportStorage:
    """The reports folder of this bot. With an archive, reports are shared by all bots on the store."""

    folder: Path
    keep: timedelta
    zone: ZoneInfo
    archive: ReportArchive | None = None

    def reserve_path(self, day: str, stem: str) -> Path:
        """Return a unique path for a file that is still being written.

        Raises `TemporaryError` when the folder cannot be written.
        """
        folder = self.folder / day
        try:
            make_private_folder(folder)
            close_to_others(self.folder)
        except OSError as error:
            raise _storage_error(error) from error
        if folder.is_symlink():
            raise PermanentError(f"reports.dir: {day} is a symbolic link; remove it")
        return folder / f"{stem}.{secrets.token_hex(4)}{UNFINISHED_SUFFIX}"

    def commit(self, written: Path, stem: str, extension: str = ".xlsx") -> tuple[str, FileDigest]:
        """Move a finished file to its final path. Returns that path within the folder, and the digest.

        The name contains the digest, so that two writers of one run never share a file.
        """
        try:
            with suppress(PermissionError):  # a worker of another user wrote it; the folder is private
                written.chmod(PRIVATE_FILE)
            with written.open("rb+") as file:
                os.fsync(file.fileno())
                digest = digest_file(file)
            final = written.with_name(f"{stem}_{digest.sha256[:8]}{extension}")
            written.replace(final)
            sync_folder(final.parent)
            sync_folder(self.folder)  # another bot may just have made the folder of the day
        except OSError as error:
            raise _storage_error(error) from error
        return f"{final.parent.name}/{final.name}", digest

    def open(self, report: StoredFile) -> BufferedReader:
        """Open the file of a report. Raises `PermanentError` when it is gone or differs from its record."""
        file = self._inside(report.path)
        if file is None:
            raise PermanentError(f"the report {report.path} is gone")
        if digest_file(file) != FileDigest(size=report.size, sha256=report.sha256):
            file.close()
            log.error("report %s changed on disk and is not served", report.path)
            count_rescue(Rescue.REPORT_CHANGED)
            raise PermanentError(f"the report {report.path} changed on disk after it was made")
        file.seek(0)
        return file

    def exists(self, report: StoredFile) -> bool:
        """Return whether the file exists as it was recorded."""
        try:
            self.open(report).close()
        except PermanentError:
            return False
        return True

    def remove(self, path: str) -> None:
        """Remove a file below the folder. Does nothing when there is none."""
        file = self._inside(path)
        if file is not None:
            file.close()
            (self.folder / path).unlink(missing_ok=True)

    def _inside(self, path: str) -> BufferedReader | None:
        """Open a regular file below the folder. Returns None for `..`, symbolic links and anything else."""
        parts = PurePosixPath(path).parts
        if not parts or "\0" in path or not all(map(_is_plain, parts)):
            return None
        try:
            return _open(self.folder, parts)
        except OSError:
            return None

    def first_kept_day(self, now: datetime) -> str:
        """Return the oldest day whose reports are kept, as `YYYY-MM-DD`."""
        return f"{(now - self.keep).astimezone(self.zone):%Y-%m-%d}"

    def purge_expired(self, now: datetime) -> int:
        """Remove expired days and the leftovers of dead exports. Returns the number of days."""
        first_kept = self.first_kept_day(now)
        old = [day for day in self._days() if day.name < first_kept]
        for day in old:
            shutil.rmtree(day)
            log.info("reports of %s removed after %d days", day.name, self.keep.days)
        for day in self._days():
            _purge_unfinished(day, now - UNFINISHED_MAX_AGE)
        return len(old)

    def _days(self) -> Iterator[Path]:
        for day in sorted(self.folder.iterdir()) if self.folder.is_dir() else ():
            if _DAY.fullmatch(day.name) and day.is_dir() and not day.is_symlink():
                yield day


def digest_file(file: BufferedReader | BufferedRandom) -> FileDigest:
    """Read an open file from its start and return its size and digest."""
    file.seek(0)
    return FileDigest(
        size=os.fstat(file.fileno()).st_size, sha256=hashlib.file_digest(file, "sha256").hexdigest()
    )


def _is_plain(part: str) -> bool:
    return part not in {"..", ".", "/", "//"} and "/" not in part


def _open(folder: Path, parts: tuple[str, ...]) -> BufferedReader:
    """Open a file step by step, following no symbolic link."""
    directory = os.open(folder, _FOLDER)
    try:
        for part in parts[:-1]:
            child = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=directory)
            os.close(directory)
            directory = child
        found = os.open(parts[-1], _FILE | os.O_NOFOLLOW, dir_fd=directory)
    finally:
        os.close(directory)
    file = os.fdopen(found, "rb")
    if not stat.S_ISREG(os.fstat(found).st_mode):
        file.close()
        raise FileNotFoundError(errno.ENOENT, "not a file")
    return file


def _purge_unfinished(day: Path, before: datetime) -> None:
    for part in day.glob(f"*{UNFINISHED_SUFFIX}"):
        if datetime.fromtimestamp(part.lstat().st_mtime, UTC) < before:
            part.unlink()
            count_rescue(Rescue.UNFINISHED_REMOVED)
            log.info("%s removed, its export died", part.name)


def _storage_error(error: OSError) -> DingRunError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return TemporaryError("the disk is full: reports.dir")
    return TemporaryError(f"reports.dir cannot be written: {error.strerror}")
