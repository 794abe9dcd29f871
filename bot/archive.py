"""Where reports lie for all bots together; the folder of each is the nearest copy."""

import asyncio
import logging
import os
import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from bot.errors import Permanent, Temporary

log = logging.getLogger(__name__)

UNFINISHED = ".part"  # how the name of a file ends that is still being written
_PATH = re.compile(r"\d{4}-\d{2}-\d{2}/(?!\.\.?$)[^/\0]+")


class Archive(Protocol):
    """Keeps whole files by the path of their report, `day/name`. Memory does not grow with a file."""

    async def put(self, path: str, file: Path) -> None:
        """Keep a copy of this file. Repeatable."""

    async def has(self, path: str) -> bool:
        """Whether there is one."""

    def read(self, path: str) -> AsyncIterator[bytes]:
        """The file in pieces. Raises `Permanent` when there is none."""

    async def sweep(self, day: str) -> int:
        """Remove the files of all days before this one; how many."""


async def fetch(archive: Archive, path: str, folder: Path) -> bool:
    """Bring a file into the folder, whole or not at all. False when the archive has none."""
    if not _PATH.fullmatch(path):
        raise Permanent(f"{path} is no path of a report")
    if not await archive.has(path):
        return False
    final = folder / path
    try:
        await asyncio.to_thread(final.parent.mkdir, parents=True, exist_ok=True)
        await _bring(archive.read(path), final)
    except OSError as error:
        raise Temporary(f"reports.dir cannot be written: {error.strerror}") from error
    log.info("report %s fetched from the store", path)
    return True


async def _bring(pieces: AsyncIterator[bytes], final: Path) -> None:
    part = final.with_name(f"{final.name}.{secrets.token_hex(4)}{UNFINISHED}")
    try:
        await _write(pieces, part)
        await asyncio.to_thread(part.replace, final)
    finally:
        await asyncio.to_thread(part.unlink, missing_ok=True)


async def _write(pieces: AsyncIterator[bytes], part: Path) -> None:
    file = await asyncio.to_thread(part.open, "xb")
    try:
        async for piece in pieces:
            await asyncio.to_thread(file.write, piece)
        await asyncio.to_thread(file.flush)
        await asyncio.to_thread(os.fsync, file.fileno())
    finally:
        await asyncio.to_thread(file.close)
