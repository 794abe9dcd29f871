"""Kill the real service at every system call from a due run to the file in the group.

    python -m evidence.syscalls [--calls pwrite64,…] [--every N] [--fault KILL] [--results FILE] [--minutes M]

One calm case under strace counts the calls. Then there is a case for each: at the k-th call of that name in
one of the threads, the service, or the child that writes the report, is killed. It is started again as a
supervisor would, and goes on until nothing is left to do. Then the judge reads what people saw and what the
service claims.

`--fault` also takes an error that the call fails with (EIO, ENOSPC), or `delay`, half a second, in the first
thread that comes to it. With `--results`, a campaign goes on where an earlier one ended. Its cases come in an
order of which any part is an even sample.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Self

from evidence.history import Record, write_history
from evidence.judge import PROMISED, Judgement, judge
from evidence.later_threads import later_thread_killer
from evidence.recorder import is_settled, record
from evidence.results import Result, append_result, read_results, summary
from evidence.tracer import (
    CALLS,
    DISK_CALLS,
    FAULTS,
    Point,
    Tracer,
    count_by_thread,
    counter,
    injector,
    of_busiest,
    points,
    spread,
)
from evidence.world import Stage, World, copied, prepared, until

SETTLED_SECONDS = 180.0
HIT_SECONDS = 10.0  # from a death until strace has written it down
MAX_RESTARTS = 3


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """The outcome of a case."""

    point: Point | None
    hit: bool  # the fault happened
    died: int  # how often the service died
    judgements: Sequence[Judgement]
    history: Sequence[Record]
    error: str = ""
    seconds: float = 0.0
    rescues: Mapping[str, float] = field(default_factory=dict)  # of the service that lived to the end

    @property
    def kept(self) -> bool:
        """Return whether every promise was kept."""
        return not self.wrong

    @property
    def wrong(self) -> str:
        """Say what broke a promise."""
        broken = [found for found in self.judgements if found.verdict not in PROMISED]
        return self.error or "; ".join(f"{found.key.act} {found.verdict}: {found.why}" for found in broken)

    def as_result(self, fault: str) -> Result:
        """Return what is kept of it in a file."""
        return Result(
            fault=fault,
            point=str(self.point),
            hit=self.hit,
            died=self.died,
            verdicts=[found.verdict.value for found in self.judgements],
            wrong=self.wrong,
            seconds=round(self.seconds, 1),
            rescues=self.rescues,
        )


@dataclass(kw_only=True)
class Campaign:
    """Cases that begin from one prepared database, as many at a time as there are stages."""

    folder: Path
    fault: str = "KILL"
    worlds: int = 1
    prepared: Path = field(init=False)
    _stages: SimpleQueue[Stage] = field(default_factory=SimpleQueue, init=False)
    _stack: ExitStack = field(default_factory=ExitStack, init=False)

    def __enter__(self) -> Self:
        with self._stack:
            for number in range(self.worlds):
                stage = self.stage(self.folder / f"stage-{number}")
                self._stages.put(self._stack.enter_context(stage))
            stage = self._stages.get()
            self.prepared = prepared(self.folder / "prepared", stage)
            self._stages.put(stage)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def stage(self, folder: Path) -> Stage:
        """Return a stage for the cases."""
        return Stage(folder=folder)

    def world(self, folder: Path, stage: Stage) -> World:
        """Return the world of a case."""
        return World(folder=folder, stage=stage)

    def count_calls(self, calls: Sequence[str]) -> Mapping[str, Sequence[int]]:
        """Return how often each thread makes each call in a calm case, the busiest thread first."""
        trace = self.folder / "trace.txt"
        calm = self._case(None, counter(trace, calls))
        if not calm.kept:
            raise RuntimeError(f"the calm case fails: {calm.wrong}")
        return count_by_thread(trace.read_text(encoding="utf-8", errors="replace"), calls)

    def run(self, point: Point) -> CaseResult:
        """Go through one case. A case that breaks down is a result too."""
        trace = self.folder / f"{point}.trace"
        first = point.thread == 1
        return self._case(
            point, injector(trace, point, self.fault) if first else later_thread_killer(trace, point)
        )

    def _case(self, point: Point | None, tracer: Tracer) -> CaseResult:
        folder, began = self.folder / str(point or "calm"), time.monotonic()
        died, error, history = 0, "", list[Record]()
        rescues: Mapping[str, float] = {}
        stage = self._stages.get()
        try:
            with copied(self.prepared, self.world(folder, stage)) as world:
                world.start(tracer.prefix)
                if world.traced:
                    tracer.watch(world.traced.pid)
                died, history, rescues = self._observe(world, tracer)
        except (OSError, RuntimeError, LookupError, subprocess.TimeoutExpired) as failure:
            error = f"{type(failure).__name__}: {failure}"
        finally:
            self._stages.put(stage)
        return CaseResult(
            point=point,
            hit=tracer.has_hit(),
            died=died,
            judgements=judge(history),
            history=history,
            error=error,
            seconds=time.monotonic() - began,
            rescues=rescues,
        )

    def _observe(self, world: World, tracer: Tracer) -> tuple[int, list[Record], Mapping[str, float]]:
        """Return how often the service died, the history, and the rescues, once nothing is left to do.

        A fault may come as late as in the answers that are asked of it for that: it dies, or says that its
        disk failed. So it is asked once more.
        """
        died = settle(world, tracer, self.on_hit)
        try:
            return died, record(world), world.rescues()
        except OSError:
            until(world.is_dead, HIT_SECONDS)  # its connections end before it does
        died += settle(world, tracer, self.on_hit)
        return died, record(world), world.rescues()

    def on_hit(self, world: World, tracer: Tracer) -> None:
        """Let the service go on, if it lives, without strace."""
        if world.traced:
            tracer.detach(world.traced.pid)

    def clean(self, point: Point) -> None:
        """Remove what a case left."""
        shutil.rmtree(self.folder / str(point), ignore_errors=True)
        (self.folder / f"{point}.trace").unlink(missing_ok=True)


def settle(world: World, tracer: Tracer, on_hit: Callable[[World, Tracer], None]) -> int:
    """Restart the service when it dies, until nothing is left to do. Returns how often it died.

    `on_hit` is called once, after the fault has happened.

    Raises `TimeoutError` if that takes longer than 180 s, and `RuntimeError` if it keeps dying.
    """
    died, traced, deadline = 0, True, time.monotonic() + SETTLED_SECONDS
    while time.monotonic() < deadline:
        dead = world.is_dead()
        if traced and (tracer.has_hit() or (dead and until(tracer.has_hit, HIT_SECONDS))):
            on_hit(world, tracer)
            traced = False
        if dead or world.is_dead():
            died += 1
            if died > MAX_RESTARTS:
                raise RuntimeError(f"the service died {died} times; see {world.folder}/log.txt")
            world.restart()
        if is_settled(world) and world.is_connected():
            return died
        time.sleep(0.1)
    raise TimeoutError(f"not settled within {SETTLED_SECONDS:g} s; see {world.folder}/log.txt")


def go_through(
    campaign: Campaign, chosen: Sequence[Point], *, keep: Path | None = None, minutes: float = 0.0
) -> Iterator[CaseResult]:
    """Yield the result of each case. What kept the promises is removed. `minutes` is when no more begins."""
    end = time.monotonic() + minutes * 60 if minutes else float("inf")

    def run(point: Point) -> CaseResult | None:
        return campaign.run(point) if time.monotonic() < end else None

    with ThreadPoolExecutor(campaign.worlds) as pool:
        for result in pool.map(run, chosen):
            if result is None:
                continue
            if keep:
                keep.mkdir(parents=True, exist_ok=True)
                write_history(keep / f"{campaign.fault}-{result.point}.jsonl", result.history)
            if result.kept and result.point:
                campaign.clean(result.point)
            yield result


def main(argv: Sequence[str] | None = None) -> int:
    """Go through the cases, and print the counts and what broke a promise. Return 1 if anything did."""
    options = parse_options("evidence.syscalls", __doc__, argv)
    folder = Path(tempfile.mkdtemp(prefix="evidence-"))
    with Campaign(folder=folder, fault=options.fault, worlds=options.worlds) as campaign:
        broken = go_through_all(campaign, options.fault, options)
    if not broken:
        shutil.rmtree(folder)
    return 1 if broken else 0


def go_through_all(campaign: Campaign, name: str, options: argparse.Namespace) -> int:
    """Go through the cases that have not been done, print what they came to, and return how many broke.

    `name` is that of the fault in the results.
    """
    results = options.results or campaign.folder / "results.jsonl"
    done = {result.point for result in read_results(results) if result.fault == name and result.kept}
    default = CALLS if options.fault in {"KILL", "delay"} else DISK_CALLS
    counts = campaign.count_calls(options.calls.split(",") if options.calls else default)
    counts = counts if options.fault == "KILL" else of_busiest(counts)
    chosen = [each for each in spread(list(points(counts, options.every))) if str(each) not in done]
    numbers = ", ".join(f"{sum(by_thread)} {call}" for call, by_thread in counts.items())
    say(f"{sum(map(sum, counts.values()))} points ({numbers}), {len(chosen)} cases, {len(done)} done before")
    for result in go_through(campaign, chosen, keep=options.keep, minutes=options.minutes):
        append_result(results, result.as_result(name))
        if not result.kept:
            say(f"{result.point}: {result.wrong} (see {campaign.folder}/{result.point})")
    found = [result for result in read_results(results) if result.fault == name]
    for line in summary(found):
        say(line)
    return sum(not result.kept for result in found)


def parse_options(program: str, description: str, argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    parser.add_argument("--calls", help="default: all for KILL and delay, those of the disk for errors")
    parser.add_argument("--every", type=int, default=1, help="each N-th call only")
    parser.add_argument("--fault", choices=FAULTS, default="KILL")
    parser.add_argument("--worlds", type=int, default=4, help="cases at a time")
    parser.add_argument("--keep", type=Path, help="folder for the histories")
    parser.add_argument("--results", type=Path, help="file of results: what it has is not repeated")
    parser.add_argument("--minutes", type=float, default=0.0, help="begin no case after so long")
    return parser.parse_args(argv)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
