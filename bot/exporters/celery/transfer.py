"""How a workbook comes from the worker that wrote it to the bot: by a shared folder, or the archive."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

from bot.errors import PermanentError, TemporaryError
from bot.files import UNFINISHED_SUFFIX, close_to_others, make_private_folder, write_chunks
from bot.ports import ReportArchive
from bot.scratch import scratch_folder


class FileTransfer(Protocol):
    """Passes on a file under a place, `day/name`, that the bot chose and nobody else has."""

    def writer(self, place: str) -> AbstractAsyncContextManager[Path]:
        """Where the worker writes the file; it is handed over when the block ends well."""

    async def exists(self, place: str) -> bool:
        """Whether it is handed over and not taken yet."""

    async def receive(self, place: str, path: Path) -> None:
        """Move it to the bot's own path. Raises `TemporaryError` when it cannot be had."""


class SharedFolder:
    """Bots and workers see one folder, on one machine or through a network file system."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @asynccontextmanager
    async def writer(self, place: str) -> AsyncIterator[Path]:
        path = self._folder / place
        try:
            await asyncio.to_thread(_make_day, path.parent)
            await asyncio.to_thread(close_to_others, self._folder)
        except OSError as error:
            raise TemporaryError(f"the worker cannot write reports.dir: {error.strerror}") from error
        yield path

    async def exists(self, place: str) -> bool:
        return await asyncio.to_thread((self._folder / place).is_file)

    async def receive(self, place: str, path: Path) -> None:
        try:
            await asyncio.to_thread((self._folder / place).replace, path)
        except FileNotFoundError as error:
            raise TemporaryError(
                "what the worker wrote is not here: is reports.dir the same folder?"
            ) from error
        except OSError as error:
            raise TemporaryError(f"reports.dir cannot be written: {error.strerror}") from error


def _make_day(folder: Path) -> None:
    make_private_folder(folder)
    if folder.is_symlink():
        raise PermanentError(f"reports.dir: {folder.name} is a link that leads elsewhere; remove it")


class ArchiveTransfer:
    """Bots and workers share no folder: the file passes through the archive, and is removed from there."""

    def __init__(self, archive: ReportArchive) -> None:
        self._archive = archive

    @asynccontextmanager
    async def writer(self, place: str) -> AsyncIterator[Path]:
        async with scratch_folder() as folder:
            path = folder / "report"
            yield path
            await self._archive.put(place, path)

    async def exists(self, place: str) -> bool:
        return await self._archive.exists(place)

    async def receive(self, place: str, path: Path) -> None:
        try:
            await self._bring(place, path)
        except PermanentError as error:  # it can be made again
            raise TemporaryError(str(error)) from error
        except OSError as error:
            raise TemporaryError(f"reports.dir cannot be written: {error.strerror}") from error
        await self._archive.remove(place)

    async def _bring(self, place: str, path: Path) -> None:
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}{UNFINISHED_SUFFIX}")
        try:
            await write_chunks(self._archive.read(place), part)
            await asyncio.to_thread(part.replace, path)
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)
