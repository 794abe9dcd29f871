"""Transfer a report from the worker that wrote it to the bot: by a shared folder or by the archive."""

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
    """Transfers files under paths, `day/name`, that the bot chooses and nobody else uses."""

    def writer(self, name: str) -> AbstractAsyncContextManager[Path]:
        """Return where the worker writes the file. It is transferred when the block ends without an error."""

    async def exists(self, name: str) -> bool:
        """Return whether the file has been transferred and not received yet."""

    async def receive(self, name: str, path: Path) -> None:
        """Move the file to the bot's own path. Raises `TemporaryError` when that fails."""


class SharedFolder:
    """Bots and workers share one folder, on one machine or through a network file system."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @asynccontextmanager
    async def writer(self, name: str) -> AsyncIterator[Path]:
        path = self._folder / name
        try:
            await asyncio.to_thread(_make_day_folder, path.parent)
            await asyncio.to_thread(close_to_others, self._folder)
        except OSError as error:
            raise TemporaryError(f"the worker cannot write reports.dir: {error.strerror}") from error
        yield path

    async def exists(self, name: str) -> bool:
        return await asyncio.to_thread((self._folder / name).is_file)

    async def receive(self, name: str, path: Path) -> None:
        try:
            await asyncio.to_thread((self._folder / name).replace, path)
        except FileNotFoundError as error:
            raise TemporaryError(
                "the file that the worker wrote is missing: is reports.dir the same folder for both?"
            ) from error
        except OSError as error:
            raise TemporaryError(f"reports.dir cannot be written: {error.strerror}") from error


def _make_day_folder(folder: Path) -> None:
    make_private_folder(folder)
    if folder.is_symlink():
        raise PermanentError(f"reports.dir: {folder.name} is a symbolic link; remove it")


class ArchiveTransfer:
    """Bots and workers share no folder. The file is stored in the archive until the bot has received it."""

    def __init__(self, archive: ReportArchive) -> None:
        self._archive = archive

    @asynccontextmanager
    async def writer(self, name: str) -> AsyncIterator[Path]:
        async with scratch_folder() as folder:
            path = folder / "report"
            yield path
            await self._archive.put(name, path)

    async def exists(self, name: str) -> bool:
        return await self._archive.exists(name)

    async def receive(self, name: str, path: Path) -> None:
        try:
            await self._download(name, path)
        except PermanentError as error:  # the report can be exported again
            raise TemporaryError(str(error)) from error
        except OSError as error:
            raise TemporaryError(f"reports.dir cannot be written: {error.strerror}") from error
        await self._archive.remove(name)

    async def _download(self, name: str, path: Path) -> None:
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}{UNFINISHED_SUFFIX}")
        try:
            await write_chunks(self._archive.read(name), part)
            await asyncio.to_thread(part.replace, path)
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)
