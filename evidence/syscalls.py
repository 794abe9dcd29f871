"""Kill the real service at every system call from a due run to the file in the group.

    python -m evidence.syscalls [--calls pwrite64,…] [--every N] [--fault KILL] [--worlds 4] [--keep DIR]

One calm case under strace counts the calls. Then there is a case for each: at the k-th call of that name
(strace counts those of each thread by itself), the service, or the child that writes the report, is killed.
It is started again as a supervisor would, and goes on until nothing is left to do. Then the judge reads
what people saw and what the service claims.

`--fault` also takes an error that the call fails with once (EIO, ENOSPC), or `delay`, half a second.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from evidence.history import Record, write_history
from evidence.judge import PROMISED, Judgement, Verdict, judge
from evidence.recorder import is_settled, record
from evidence.world import World, copied, prepared

CALLS = (
    "pwrite64", "fdatasync", "fsync", "rename", "unlink", "ftruncate", "write", "sendto", "connect",
)  # fmt: skip
DISK_CALLS = CALLS[:-2]  # a socket pair, by which threads wake the loop, gives no such errors
FAULTS = {"KILL": "signal=KILL", "EIO": "error=EIO", "ENOSPC": "error=ENOSPC", "delay": "delay_enter=500000"}
SETTLED_SECONDS = 180.0
MAX_RESTARTS = 3

_CALL = re.compile(r"(\d+)\s+(\w+)\(")
_HIT = re.compile(rb"\(INJECTED\)|\(DELAYED\)|killed by SIGKILL")


@dataclass(frozen=True, kw_only=True)
class Point:
    """The k-th call of a name in any thread of the service."""

    call: str
    number: int

    def __str__(self) -> str:
        return f"{self.call}-{self.number}"


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """The outcome of a case."""

    point: Point | None
    hit: bool  # the fault happened
    died: int  # how often the service died
    judgements: Sequence[Judgement]
    history: Sequence[Record]
    error: str = ""

    @property
    def kept(self) -> bool:
        """Return whether every promise was kept."""
        return not self.error and all(found.verdict in PROMISED for found in self.judgements)

    @property
    def wrong(self) -> str:
        """Say what broke a promise."""
        broken = [found for found in self.judgements if found.verdict not in PROMISED]
        return self.error or "; ".join(f"{found.key.act} {found.verdict}: {found.why}" for found in broken)


@dataclass(frozen=True, kw_only=True)
class Tracer:
    """strace beside the service. A fault happens once: the tracer leaves the service alone after it."""

    trace: Path
    options: Sequence[str]

    @property
    def prefix(self) -> Sequence[str]:
        """The command under which the service is started. It stays our child, and strace is its own."""
        return ["strace", "-D", "-f", "-qq", "-o", str(self.trace), *self.options]

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


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """Cases that begin from one prepared database."""

    prepared: Path
    folder: Path
    fault: str = "KILL"

    def count_calls(self, calls: Sequence[str]) -> Mapping[str, int]:
        """Return how often each call is made at most by one thread, in a calm case."""
        trace = self.folder / "trace.txt"
        options = ["--seccomp-bpf", "-e", f"trace={','.join(calls)}"]
        calm = self._case(None, Tracer(trace=trace, options=options))
        if not calm.kept:
            raise RuntimeError(f"the calm case fails: {calm.wrong}")
        return most_by_thread(trace.read_text(encoding="utf-8", errors="replace"), calls)

    def run(self, point: Point) -> CaseResult:
        """Go through one case. A case that breaks down is a result too."""
        inject = f"inject={point.call}:{FAULTS[self.fault]}:when={point.number}"
        options = ["-e", f"trace={point.call}", "-e", inject]  # --seccomp-bpf loses injected signals
        return self._case(point, Tracer(trace=self.folder / f"{point}.trace", options=options))

    def _case(self, point: Point | None, tracer: Tracer) -> CaseResult:
        folder = self.folder / str(point or "calm")
        died, error, history = 0, "", list[Record]()
        try:
            with copied(self.prepared, folder) as world:
                world.start(tracer.prefix)
                died = settle(world, tracer)
                history = record(world)
        except (OSError, RuntimeError, LookupError, subprocess.TimeoutExpired) as failure:
            error = f"{type(failure).__name__}: {failure}"
        return CaseResult(
            point=point,
            hit=tracer.has_hit(),
            died=died,
            judgements=judge(history),
            history=history,
            error=error,
        )


def settle(world: World, tracer: Tracer) -> int:
    """Restart the service when it dies, until nothing is left to do. Returns how often it died.

    Raises `TimeoutError` if that takes longer than 180 s, and `RuntimeError` if it keeps dying.
    """
    died, traced, deadline = 0, True, time.monotonic() + SETTLED_SECONDS
    while time.monotonic() < deadline:
        if traced and world.service and tracer.has_hit():
            tracer.detach(world.service.pid)
            traced = False
        if world.is_dead():
            died += 1
            if died > MAX_RESTARTS:
                raise RuntimeError(f"the service died {died} times; see {world.folder}/log.txt")
            world.restart()
        if is_settled(world) and world.is_connected():
            return died
        time.sleep(0.1)
    raise TimeoutError(f"not settled within {SETTLED_SECONDS:g} s; see {world.folder}/log.txt")


def most_by_thread(trace: str, calls: Sequence[str]) -> Mapping[str, int]:
    """Return the largest number of each call by one thread of a trace of strace."""
    by_thread = defaultdict[str, Counter[str]](Counter)
    for line in trace.splitlines():
        if match := _CALL.match(line):
            by_thread[match[2]][match[1]] += 1
    return {call: max(by_thread[call].values(), default=0) for call in calls}


def points(counts: Mapping[str, int], every: int = 1) -> Iterator[Point]:
    """Yield each N-th call of each name, and the first one of each."""
    for call, count in counts.items():
        for number in range(1, count + 1, every):
            yield Point(call=call, number=number)


def go_through(
    campaign: Campaign, chosen: Sequence[Point], *, worlds: int, keep: Path | None
) -> Iterator[CaseResult]:
    """Yield the result of each case, `worlds` at a time. What kept the promises is removed."""
    with ThreadPoolExecutor(worlds) as pool:
        for result in pool.map(campaign.run, chosen):
            if keep:
                keep.mkdir(parents=True, exist_ok=True)
                write_history(keep / f"{campaign.fault}-{result.point}.jsonl", result.history)
            if result.kept:
                shutil.rmtree(campaign.folder / str(result.point), ignore_errors=True)
            yield result


def main(argv: Sequence[str] | None = None) -> int:
    """Go through the cases, and print the counts and what broke a promise. Return 1 if anything did."""
    parser = argparse.ArgumentParser(prog="python -m evidence.syscalls", description=__doc__)
    parser.add_argument("--calls", help="default: all for KILL and delay, those of the disk for errors")
    parser.add_argument("--every", type=int, default=1, help="each N-th call only")
    parser.add_argument("--fault", choices=FAULTS, default="KILL")
    parser.add_argument("--worlds", type=int, default=4, help="cases at a time")
    parser.add_argument("--keep", type=Path, help="folder for the histories")
    options = parser.parse_args(argv)
    folder = Path(tempfile.mkdtemp(prefix="evidence-"))
    campaign = Campaign(prepared=prepared(folder / "prepared"), folder=folder, fault=options.fault)
    default = CALLS if options.fault in {"KILL", "delay"} else DISK_CALLS
    counts = campaign.count_calls(options.calls.split(",") if options.calls else default)
    chosen = list(points(counts, options.every))
    numbers = ", ".join(f"{number} {call}" for call, number in counts.items())
    say(f"{sum(counts.values())} points ({numbers}), {len(chosen)} cases")
    verdicts, hits, died, broken = Counter[Verdict](), 0, 0, 0
    for result in go_through(campaign, chosen, worlds=options.worlds, keep=options.keep):
        verdicts.update(found.verdict for found in result.judgements)
        hits += result.hit
        died += result.died
        if not result.kept:
            broken += 1
            say(f"{result.point}: {result.wrong} (see {folder}/{result.point})")
    say(
        f"{options.fault}: {len(chosen)} cases, {hits} hit, {died} deaths of the service, {broken} broken; "
        + ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in Verdict)
    )
    if not broken:
        shutil.rmtree(folder)
    return 1 if broken else 0


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
