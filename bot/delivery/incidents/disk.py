"""Notice a disk that is nearly full, before anything fails on it."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bot.files import nearest_existing

MIN_FREE_BYTES = 1024**3
MIN_FREE_SHARE = 0.05  # of a small disk, and of the files that a disk can have
CLOSED_FACTOR = 1.5  # as much more must be free until the disk is no longer nearly full

Stat = Callable[[Path], os.statvfs_result]


class DiskProbe:
    """Probes the disks of some folders. A folder that is missing counts as the one it will be created in."""

    def __init__(self, folders: Sequence[Path], *, stat: Stat = os.statvfs) -> None:
        self._folders = folders
        self._stat = stat

    async def check(self, is_open: bool) -> Mapping[str, object] | None:
        """Return the fullest disk that is nearly full, or None."""
        factor = CLOSED_FACTOR if is_open else 1.0
        return await asyncio.to_thread(self._find_full, factor)

    def _find_full(self, factor: float) -> Mapping[str, object] | None:
        for folder in self._folders:
            try:
                disk = self._stat(nearest_existing(folder))
            except OSError as error:
                return {"folder": str(folder), "free_mb": 0, "percent": 0, "why": error.strerror or "no disk"}
            free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
            files = disk.f_favail / disk.f_files if disk.f_files else 1.0  # some do not count them
            if free < min(MIN_FREE_BYTES, total * MIN_FREE_SHARE) * factor or files < MIN_FREE_SHARE * factor:
                share = min(free / total if total else 0.0, files)
                why = f"{folder}: {free // 1024**2} MB free, {share:.1%}"
                return {
                    "folder": str(folder),
                    "free_mb": free // 1024**2,
                    "percent": round(share * 100),
                    "why": why,
                }
        return None
