"""Start the child processes of exports, one of them ahead of time.

Most of a small export is the start of Python and its imports. While an export is expected, a spare child has
them done and waits for its request, without using the CPU. It is a process of about 40 MB.
"""

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

MAX_RESPONSE_BYTES = 1024 * 1024
NICENESS = 5  # more than this process, because on a busy machine the chat comes first
MAX_NICENESS = 19
KEEP_SECONDS = 300.0  # of a spare, after an export was expected last
RETRY_SECONDS = 60.0  # until a spare that died by itself is replaced


async def start_child() -> Process:
    """Start a child, which reads its request from a pipe. Raises `OSError`."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.exporters.local.child"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        limit=MAX_RESPONSE_BYTES,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    with suppress(OSError):  # it has ended already, which its pipes tell, or the machine does not allow it
        own = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, child.pid, min(own + NICENESS, MAX_NICENESS))
    return child


async def end_child(child: Process) -> None:
    """Kill a child that is still running."""
    if child.stdin:
        child.stdin.close()
    if child.returncode is None:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()


class ChildProcesses:
    """Starts children, and keeps at most one spare while exports are expected."""

    def __init__(
        self,
        *,
        start: Callable[[], Awaitable[Process]] = start_child,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep nothing yet. `now` is a clock in seconds."""
        self._start = start
        self._now = now
        self._changing = asyncio.Lock()
        self._spare: Process | None = None
        self._wanted_until = 0.0
        self._blocked_until = 0.0

    async def prepare(self, *, expected: bool) -> None:
        """Start a spare if an export is expected. End it if none was for `KEEP_SECONDS`."""
        if expected:
            self._wanted_until = self._now() + KEEP_SECONDS
        if self._now() < self._wanted_until:
            await self.replenish()
        elif self._spare:
            await self.close()

    async def replenish(self) -> None:
        """Start a spare if exports are expected and none waits. Without one, an export is only slower."""
        async with self._changing:
            if self._spare and self._spare.returncode is not None:
                self._spare, self._blocked_until = None, self._now() + RETRY_SECONDS
            if self._spare is None and self._blocked_until <= self._now() < self._wanted_until:
                with suppress(OSError, RuntimeError):  # too many processes, or threads, which wait for them
                    self._spare = await self._start()

    async def take(self) -> Process:
        """Return the spare, or a new child. Raises `OSError`."""
        spare, self._spare = self._spare, None
        return spare if spare and spare.returncode is None else await self._start()

    async def close(self) -> None:
        """End the spare, and keep none until an export is expected again."""
        self._wanted_until = self._now()
        async with self._changing:
            spare, self._spare = self._spare, None
            if spare:
                await end_child(spare)
