"""Kill a process in the k-th call of another thread than the first one that comes to it.

strace counts the calls of each thread by itself, and its fault meets each of them at that number. So it only
delays the call, in every thread, and the process of the thread that is meant is killed from here meanwhile.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from evidence.tracer import Point, Tracer

DELAY_SECONDS = 2.0
POLL_SECONDS = 0.05
DELAYED_POLLS = 5  # strace stops a thread at every call that it looks at, but not for so long
PROC = Path("/proc")


@dataclass(frozen=True, kw_only=True)
class LaterThreadTracer(Tracer):
    """strace beside the service, and a thread of ours that waits for the call."""

    thread: int  # the first thread that comes to the call is 1
    _killed: Event = field(default_factory=Event)

    def watch(self, pid: int) -> None:
        Thread(target=self._wait, args=[pid], daemon=True).start()

    def has_hit(self) -> bool:
        return self._killed.is_set()

    def _wait(self, group: int) -> None:
        """Kill the process whose thread is the one that is meant. Ends with the last process of the group."""
        stopped, delayed = Counter[Path](), list[Path]()
        while processes := list(_processes(group)):
            now = {thread for process in processes for thread in _stopped_threads(process)}
            stopped = Counter({thread: stopped[thread] + 1 for thread in now})
            delayed += [
                thread for thread in stopped if stopped[thread] >= DELAYED_POLLS and thread not in delayed
            ]
            if len(delayed) >= self.thread:
                process = delayed[self.thread - 1].parent.parent
                with suppress(ProcessLookupError):
                    os.kill(int(process.name), signal.SIGKILL)
                self._killed.set()
                return
            time.sleep(POLL_SECONDS)


def later_thread_killer(trace: Path, point: Point) -> LaterThreadTracer:
    """Return a tracer that kills a process at a point."""
    inject = f"inject={point.call}:delay_enter={DELAY_SECONDS * 1_000_000:.0f}:when={point.number}"
    options = ["-e", f"trace={point.call}", "-e", inject]
    return LaterThreadTracer(trace=trace, options=options, thread=point.thread)


def _processes(group: int) -> Iterator[Path]:
    """Yield the processes of a process group."""
    for process in PROC.glob("[0-9]*"):
        if _fields(process)[2:3] == [str(group)]:
            yield process


def _stopped_threads(process: Path) -> Iterator[Path]:
    """Yield the threads that a tracer has stopped."""
    for thread in (process / "task").glob("*"):
        if _fields(thread)[:1] == ["t"]:
            yield thread


def _fields(process: Path) -> list[str]:
    """Return what the kernel says after the name: the state, the parent, the group. Empty if it is gone."""
    try:
        return (process / "stat").read_text(encoding="ascii", errors="replace").rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
