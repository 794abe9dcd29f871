"""Write files and folders that only their owner may read, completely or not at all.

Reports hold findings, passwords among them. The command line sets the umask for everything a process writes.
The functions here do not depend on it, and close what an earlier version left open to everybody.
"""

import asyncio
import hashlib
import logging
import os
import stat
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

PRIVATE_UMASK = 0o077
PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
UNFINISHED_SUFFIX = ".part"  # of a file that is still being written


def make_private_folder(folder: Path) -> None:
    """Create a folder and its missing parents for their owner alone. An existing folder is left as it is.

    The new folders survive a power failure.
    """
    for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        missing.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        with suppress(PermissionError):  # a folder above that this user may not read
            sync_folder(missing.parent)
    folder.mkdir(exist_ok=True)  # raises the right error when it is not a folder


def sync_folder(folder: Path) -> None:
    """Sync a folder to disk: only then does a new name in it survive a power failure."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def make_private_file(path: Path) -> None:
    """Create an empty file for its owner alone. An existing file is closed to others."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE))
    close_to_others(path)


def private_opener(path: str, flags: int) -> int:
    """Create files for their owner alone: `path.open("xb", opener=private_opener)`."""
    return os.open(path, flags, PRIVATE_FILE)


def close_to_others(path: Path) -> None:
    """Remove the permissions that everybody has on a file or folder. Its group keeps its own."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & stat.S_IRWXO:
            path.chmod(mode & ~stat.S_IRWXO)
    except FileNotFoundError:
        return
    except PermissionError:
        log.warning("%s can be read by everybody and belongs to another user: change its mode", path)


def nearest_existing(path: Path) -> Path:
    """Return the path, or the nearest folder above it that is there and that this user may see."""
    absolute = path.absolute()
    return next(each for each in (absolute, *absolute.parents) if os.path.exists(each))


def folder_problem(folder: Path) -> str:
    """Return why nothing can be created in this folder, or "". Nothing is created to find out.

    The folder itself may be missing yet.
    """
    existing = nearest_existing(folder)
    if not existing.is_dir():
        return f"{existing} is not a folder"
    return "" if os.access(existing, os.W_OK | os.X_OK) else f"{existing} cannot be written"


async def write_chunks(chunks: AsyncIterator[bytes], path: Path) -> str:
    """Write the chunks to a new file, sync it to disk and return the SHA-256 of its content.

    Raises `OSError`, `FileExistsError` among it.
    """
    digest = hashlib.sha256()
    file = await asyncio.to_thread(open, path, "xb", opener=private_opener)
    try:
        async for chunk in chunks:
            digest.update(chunk)
            await asyncio.to_thread(file.write, chunk)
        await asyncio.to_thread(file.flush)
        await asyncio.to_thread(os.fsync, file.fileno())
    finally:
        await asyncio.to_thread(file.close)
    return digest.hexdigest()
