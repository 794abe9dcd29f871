"""The folder of reports: a file gets its place there whole or not at all; nothing outside is ever touched.

Everything here blocks; `bot.reports.repository` calls it in threads.
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
from zoneinfo import ZoneInfo

from bot.errors import DingRunError, PermanentError, TemporaryError
from bot.files import PRIVATE_FILE, UNFINISHED_SUFFIX, close_to_others, make_private_folder
from bot.models import Report
from bot.ports import ReportArchive

log = logging.getLogger(__name__)

UNFINISHED_MAX_AGE = timedelta(hours=12)  # no export takes so long: whoever wrote it is dead

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY
_FILE = os.O_RDONLY | os.O_NONBLOCK  # a pipe that somebody put there does not hold us up


@dataclass(frozen=True, kw_only=True)
class FileDigest:
    """What a file is known by."""

    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ReportStorage:
    """Where reports lie and for how long; with an archive, for all bots on the store together."""

    folder: Path
    keep: timedelta
    zone: ZoneInfo
    archive: ReportArchive | None = None

    def reserve_path(self, day: str, stem: str) -> Path:
        """A place for a file that is still being written; nobody else gets the same.

        Raises `TemporaryError`.
        """
        folder = self.folder / day
        try:
            make_private_folder(folder)
            close_to_others(self.folder)
        except OSError as error:
            raise storage_error(error) from error
        if folder.is_symlink():
            raise PermanentError(f"reports.dir: {day} is a link that leads elsewhere; remove it")
        return folder / f"{stem}.{secrets.token_hex(4)}{UNFINISHED_SUFFIX}"

    def commit(self, written: Path, stem: str) -> tuple[str, FileDigest]:
        """Give a finished file its name, for good; where it lies in the folder, and its measure.

        The name tells its content, so that two writers of one run never share a file.
        """
        try:
            with suppress(PermissionError):  # a worker of another user wrote it; the folder is closed as well
                written.chmod(PRIVATE_FILE)
            with written.open("rb+") as file:
                os.fsync(file.fileno())
                measure = digest_file(file)
            final = written.with_name(f"{stem}_{measure.sha256[:8]}.xlsx")
            written.replace(final)
            _sync(final.parent)
        except OSError as error:
            raise storage_error(error) from error
        return f"{final.parent.name}/{final.name}", measure

    def open(self, report: Report) -> BufferedReader:
        """The file of a report as it was recorded, at its start. Raises `PermanentError` for any other."""
        file = self._inside(report.path)
        if file is None:
            raise PermanentError(f"the report {report.path} is gone")
        if digest_file(file) != FileDigest(size=report.size, sha256=report.sha256):
            file.close()
            log.error("report %s changed on disk and is not handed out", report.path)
            raise PermanentError(f"the report {report.path} changed on disk after it was made")
        file.seek(0)
        return file

    def exists(self, report: Report) -> bool:
        """Whether the file is there as it was recorded."""
        try:
            self.open(report).close()
        except PermanentError:
            return False
        return True

    def _inside(self, path: str) -> BufferedReader | None:
        """Open a file below the folder, whatever the path says: no `..`, no links, nothing but a file."""
        parts = PurePosixPath(path).parts
        if not parts or "\0" in path or not all(map(_is_plain, parts)):
            return None
        try:
            return _open(self.folder, parts)
        except OSError:
            return None

    def first_kept_day(self, now: datetime) -> str:
        """The oldest day whose reports are kept."""
        return f"{(now - self.keep).astimezone(self.zone):%Y-%m-%d}"

    def purge_expired(self, now: datetime) -> int:
        """Remove days that are over `keep`, and what dead exports left behind; how many days."""
        border = self.first_kept_day(now)
        old = [day for day in self._days() if day.name < border]
        for day in old:
            shutil.rmtree(day)
            log.info("reports of %s removed, their time is over", day.name)
        for day in self._days():
            _purge_unfinished(day, now - UNFINISHED_MAX_AGE)
        return len(old)

    def _days(self) -> Iterator[Path]:
        for day in sorted(self.folder.iterdir()) if self.folder.is_dir() else ():
            if _DAY.fullmatch(day.name) and day.is_dir() and not day.is_symlink():
                yield day


def digest_file(file: BufferedReader | BufferedRandom) -> FileDigest:
    """Size and digest of an open file, whole."""
    file.seek(0)
    return FileDigest(
        size=os.fstat(file.fileno()).st_size, sha256=hashlib.file_digest(file, "sha256").hexdigest()
    )


def _is_plain(part: str) -> bool:
    return part not in {"..", ".", "/", "//"} and "/" not in part


def _open(folder: Path, parts: tuple[str, ...]) -> BufferedReader:
    """Each step is taken from the one before, and none of them is a link."""
    here = os.open(folder, _FOLDER)
    try:
        for part in parts[:-1]:
            below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = below
        found = os.open(parts[-1], _FILE | os.O_NOFOLLOW, dir_fd=here)
    finally:
        os.close(here)
    file = os.fdopen(found, "rb")
    if not stat.S_ISREG(os.fstat(found).st_mode):
        file.close()
        raise FileNotFoundError(errno.ENOENT, "not a file")
    return file


def _sync(folder: Path) -> None:
    """A new name in a folder survives a pulled plug only once the folder is written."""
    opened = os.open(folder, _FOLDER)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _purge_unfinished(day: Path, before: datetime) -> None:
    for part in day.glob(f"*{UNFINISHED_SUFFIX}"):
        if datetime.fromtimestamp(part.lstat().st_mtime, UTC) < before:
            part.unlink()
            log.info("%s removed, its export died", part.name)


def storage_error(error: OSError) -> DingRunError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return TemporaryError("the disk is full (磁盘满了): reports.dir")
    return TemporaryError(f"reports.dir cannot be written: {error.strerror}")
