"""Temporary folders that are removed even if their process is killed.

Each folder contains a file that its process keeps locked. The next process that creates a folder removes
those whose lock is free, because the kernel releases the locks of a dead process.
"""

import asyncio
import fcntl
import logging
import os
import shutil
import stat
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

PREFIX = "dingrun-scratch-"
LOCK = ".lock"
YOUNG_SECONDS = 60.0  # minimum age of a folder without a lock, which may just be being created


@asynccontextmanager
async def scratch_folder() -> AsyncIterator[Path]:
    """Create a temporary folder and remove it afterwards. Folders of dead processes are removed first."""
    folder, lock = await asyncio.to_thread(_make)
    try:
        yield folder
    finally:
        lock.close()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _make() -> tuple[Path, IO[bytes]]:
    sweep_scratch()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    lock = (folder / LOCK).open("wb")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return folder, lock


def sweep_scratch() -> int:
    """Remove folders that dead processes of this user left behind. Returns their number."""
    left = [folder for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*") if _is_left_behind(folder)]
    for folder in left:
        shutil.rmtree(folder, ignore_errors=True)
        log.info("%s removed, because its process died", folder)
    return len(left)


def _is_left_behind(folder: Path) -> bool:
    try:
        made = folder.lstat()
    except OSError:  # its process has just removed it
        return False
    if not stat.S_ISDIR(made.st_mode) or made.st_uid != os.getuid():
        return False
    old = time.time() - made.st_mtime > YOUNG_SECONDS
    return old if not (folder / LOCK).exists() else _is_free(folder / LOCK)


def _is_free(path: Path) -> bool:
    try:
        with path.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # its process is alive, or has just removed it
        return False
    return True
