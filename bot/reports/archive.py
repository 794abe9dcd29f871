"""Where reports lie for all bots together; the folder of each is the nearest copy."""

import asyncio
import hashlib
import logging
import os
import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from bot.errors import PermanentError, TemporaryError
from bot.files import make_private_folder, private_opener
from bot.models import Report

log = logging.getLogger(__name__)

UNFINISHED = ".part"  # how the name of a file ends that is still being written
_PATH = re.compile(r"\d{4}-\d{2}-\d{2}/(?!\.\.?$)[^/\0]+")


class ReportArchive(Protocol):
    """Keeps whole files by the path of their report, `day/name`. Memory does not grow with a file."""

    async def put(self, path: str, file: Path) -> None:
        """Keep a copy of this file. Repeatable."""

    async def exists(self, path: str) -> bool:
        """Whether there is one."""

    def read(self, path: str) -> AsyncIterator[bytes]:
        """The file in pieces. Raises `PermanentError` when there is none."""

    async def remove(self, path: str) -> None:
        """Forget this file; nothing happens when there is none."""

    async def purge(self, day: str) -> int:
        """Remove the files of all days before this one; how many."""


async def fetch(archive: ReportArchive, report: Report, folder: Path) -> bool:
    """Bring the file of a report into the folder, whole or not at all.

    False when the archive has none, or another than was recorded.
    """
    if not _PATH.fullmatch(report.path):
        raise PermanentError(f"{report.path} is no path of a report")
    if not await archive.exists(report.path):
        return False
    final = folder / report.path
    part = final.with_name(f"{final.name}.{secrets.token_hex(4)}{UNFINISHED}")
    try:
        await asyncio.to_thread(make_private_folder, final.parent)
        return await _bring(archive, report, part, final)
    except OSError as error:
        raise TemporaryError(f"reports.dir cannot be written: {error.strerror}") from error


async def _bring(archive: ReportArchive, report: Report, part: Path, final: Path) -> bool:
    try:
        digest = await write_pieces(archive.read(report.path), part)
        if digest != report.sha256:
            log.error("report %s is another in the store than was recorded", report.path)
            return False
        await asyncio.to_thread(part.replace, final)
    finally:
        await asyncio.to_thread(part.unlink, missing_ok=True)
    log.info("report %s fetched from the store", report.path)
    return True


async def write_pieces(pieces: AsyncIterator[bytes], part: Path) -> str:
    """Write the pieces to disk; their digest."""
    digest = hashlib.sha256()
    file = await asyncio.to_thread(open, part, "xb", opener=private_opener)
    try:
        async for piece in pieces:
            digest.update(piece)
            await asyncio.to_thread(file.write, piece)
        await asyncio.to_thread(file.flush)
        await asyncio.to_thread(os.fsync, file.fileno())
    finally:
        await asyncio.to_thread(file.close)
    return digest.hexdigest()
