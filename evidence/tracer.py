"""strace beside the service: count its system calls, and let one of them fail or kill it."""

import os
import re
import signal
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CALLS = (
    "pwrite64", "fdatasync", "fsync", "rename", "unlink", "ftruncate", "write", "sendto", "connect",
)  # fmt: skip
DISK_CALLS = CALLS[:-2]  # a socket pair, by which threads wake the loop, gives no such errors
FAULTS = {"KILL": "signal=KILL", "EIO": "error=EIO", "ENOSPC": "error=ENOSPC", "delay": "delay_enter=500000"}
GOLDEN_RATIO = 0.618034

_CALL = re.compile(r"(\d+)\s+(?:\d+\.\d+ )?(\w+)\(")
_HIT = re.compile(rb"\(INJECTED\)|\(DELAYED\)|killed by SIGKILL")


@dataclass(frozen=True, kw_only=True)
class Point:
    """The k-th call of a name in one thread of the service."""

    call: str
    number: int
    thread: int = 1  # of those that come to it, in their order

    def __str__(self) -> str:
        return f"{self.call}-{self.number}" + (f"-{self.thread}" if self.thread > 1 else "")


@dataclass(frozen=True, kw_only=True)
class Tracer:
    """strace beside the service. A fault happens once: the tracer leaves the service alone after it."""

    trace: Path
    options: Sequence[str]

    @property
    def prefix(self) -> Sequence[str]:
        """The command under which the service is started. It stays our child, and strace is its own."""
        return ["strace", "-D", "-f", "-qq", "-o", str(self.trace), *self.options]

    def watch(self, pid: int) -> None:
        """Begin to look at the service. Nothing to do: strace does it all."""

    def has_hit(self) -> bool:
        """Return whether the fault has happened, in the service or in a child of it."""
        try:
            return bool(_HIT.search(self.trace.read_bytes()))
        except FileNotFoundError:
            return False

    def detach(self, pid: int) -> None:
        """Let the service run on without strace. Otherwise each new child would meet the fault again."""
        try:
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
            if tracer := int(status.partition("TracerPid:")[2].split()[0]):
                os.kill(tracer, signal.SIGKILL)  # after SIGTERM it can wait forever for what has just died
        except (FileNotFoundError, IndexError, ProcessLookupError):
            pass  # the service is dead, and its tracer with it


def counter(trace: Path, calls: Sequence[str]) -> Tracer:
    """Return a tracer that counts calls."""
    return Tracer(trace=trace, options=["--seccomp-bpf", "-e", f"trace={','.join(calls)}"])


def injector(trace: Path, point: Point, fault: str) -> Tracer:
    """Return a tracer that lets a fault of `FAULTS` happen at a point. --seccomp-bpf loses such signals."""
    inject = f"inject={point.call}:{FAULTS[fault]}:when={point.number}"
    return Tracer(trace=trace, options=["-e", f"trace={point.call}", "-e", inject])


def count_by_thread(trace: str, calls: Sequence[str]) -> Mapping[str, Sequence[int]]:
    """Return how often each thread of a trace of strace makes each call, the busiest thread first."""
    by_thread = defaultdict[str, Counter[str]](Counter)
    for line in trace.splitlines():
        if match := _CALL.match(line):
            by_thread[match[2]][match[1]] += 1
    return {call: sorted(by_thread[call].values(), reverse=True) for call in calls}


def of_busiest(counts: Mapping[str, Sequence[int]]) -> Mapping[str, Sequence[int]]:
    """Return the counts of the busiest thread only."""
    return {call: numbers[:1] for call, numbers in counts.items()}


def points(counts: Mapping[str, Sequence[int]], every: int = 1) -> Iterator[Point]:
    """Yield each N-th call of each name, and the first one of each. `counts` are by call and thread."""
    for call, numbers in counts.items():
        every_call = [
            Point(call=call, number=number, thread=thread)
            for number in range(1, max(numbers, default=0) + 1)
            for thread in range(1, sum(most >= number for most in numbers) + 1)
        ]
        yield from every_call[::every]


def spread(chosen: Sequence[Point]) -> Sequence[Point]:
    """Return points in an order of which any beginning is an even sample of them all."""
    numbered = sorted(enumerate(chosen), key=lambda each: each[0] * GOLDEN_RATIO % 1)
    return [point for _, point in numbered]
