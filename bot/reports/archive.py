"""Fetch reports that another bot made from the archive that all bots share."""

import asyncio
import logging
import re
import secrets
from pathlib import Path

from bot.errors import PermanentError, TemporaryError
from bot.files import UNFINISHED_SUFFIX, make_private_folder, write_chunks
from bot.ports import ReportArchive
from bot.reports.storage import StoredFile

log = logging.getLogger(__name__)

_PATH = re.compile(r"\d{4}-\d{2}-\d{2}/(?!\.\.?$)[^/\0]+")


async def fetch(archive: ReportArchive, report: StoredFile, folder: Path) -> bool:
    """Copy the file of a report into the folder, completely or not at all.

    Returns False when the archive has no such file, or one with another digest than was recorded.
    Raises `PermanentError` for a path outside of the folder, `TemporaryError` when it cannot be written.
    """
    if not _PATH.fullmatch(report.path):
        raise PermanentError(f"{report.path} is not the path of a report")
    if not await archive.exists(report.path):
        return False
    final = folder / report.path
    part = final.with_name(f"{final.name}.{secrets.token_hex(4)}{UNFINISHED_SUFFIX}")
    try:
        await asyncio.to_thread(make_private_folder, final.parent)
        return await _copy(archive, report, part, final)
    except OSError as error:
        raise TemporaryError(f"reports.dir cannot be written: {error.strerror}") from error


async def _copy(archive: ReportArchive, report: StoredFile, part: Path, final: Path) -> bool:
    try:
        if await write_chunks(archive.read(report.path), part) != report.sha256:
            log.error("report %s in the archive differs from its recorded digest", report.path)
            return False
        await asyncio.to_thread(part.replace, final)
    finally:
        await asyncio.to_thread(part.unlink, missing_ok=True)
    log.info("report %s fetched from the archive", report.path)
    return True
