"""Cut the power of the real service, drop what it had not synced, and start it again on what is left.

    python -m evidence.powercuts [--every N] [--worlds 4] [--results FILE] [--minutes M] [--replay-only]

One calm case is recorded by strace, with every byte that it writes. Its disk is cut after each change
(`evidence.disk`), without all that was not synced, and with some of it. What is left must hold: the database
opens and is sound, each report that it names is whole, and it knows of everything that people have seen.

Then the real service is killed at each sync, and at each N-th other change. Its files are replaced by what
the disk would have, it is started again, and the judge says what people saw and what it claims.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from evidence import disk_trace
from evidence.aftermath import replay
from evidence.disk import Disk, read_files, restore
from evidence.disk_trace import TraceReader
from evidence.history import Effect
from evidence.results import append_result, read_results, summary
from evidence.syscalls import Campaign, CaseResult, go_through, say
from evidence.tracer import Point, Tracer, count_by_thread, of_busiest, points, spread
from evidence.world import World

FAULT = "power cut"
SYNCS = ("fdatasync", "fsync")
BETWEEN = ("pwrite64", "write", "rename", "unlink", "ftruncate", "mkdir", "sendto")
TRACED = ",".join(dict.fromkeys((*disk_trace.CALLS, *disk_trace.UNMODELLED, *SYNCS, *BETWEEN)))


class PowerCuts(Campaign):
    """Cases that end in a power cut, and go on with what it left."""

    def recorder(self, trace: Path, point: Point | None = None) -> Tracer:
        """Return a tracer that records all changes of files, and kills the service at a point."""
        options = [*disk_trace.OPTIONS, "-e", f"trace={TRACED}"]
        kill = ["-e", f"inject={point.call}:signal=KILL:when={point.number}"] if point else ["--seccomp-bpf"]
        return Tracer(trace=trace, options=[*options, *kill])

    def record(self) -> tuple[CaseResult, Path]:
        """Go through a calm case, and return its result and its trace."""
        trace = self.folder / "calm.trace"
        return self._case(None, self.recorder(trace)), trace

    def run(self, point: Point) -> CaseResult:
        return self._case(point, self.recorder(self.folder / f"{point}.trace", point))

    def on_hit(self, world: World, tracer: Tracer) -> None:
        """Replace the files of the service by those that a power cut leaves."""
        world.cut_power()
        disk = self.disk_of(world.folder)
        with tracer.trace.open(encoding="ascii", errors="replace") as lines:
            for change in TraceReader(world.folder).changes(lines):
                disk.apply(change)
        restore(disk.cut(), world.folder)

    def disk_of(self, folder: Path) -> Disk:
        """Return the disk with which every case begins, as it is in the folder of one."""
        return Disk(str(folder), dict(read_files(self.prepared / "data", folder / "data")))


def main(argv: Sequence[str] | None = None) -> int:
    """Go through all cuts, and print the counts and what is wrong. Return 1 if anything is."""
    options = parse_options(argv)
    folder = Path(tempfile.mkdtemp(prefix="powercuts-"))
    results = options.results or folder / "results.jsonl"
    with PowerCuts(folder=folder, fault=FAULT, worlds=options.worlds) as campaign:
        calm, trace = campaign.record()
        if not calm.kept:
            raise RuntimeError(f"the calm case fails: {calm.wrong}")
        wrong = try_all(campaign, trace, calm)
        if not options.replay_only:
            wrong += restart_all(campaign, trace, results, options)
    if not wrong:
        shutil.rmtree(folder)
    return 1 if wrong else 0


def try_all(campaign: PowerCuts, trace: Path, calm: CaseResult) -> int:
    """Cut the power after each change of the calm case. Returns how often something was wrong."""
    folder = campaign.folder / "calm"
    seen = [each for each in calm.history if isinstance(each, Effect)]
    cuts = list(replay(campaign.disk_of(folder), trace, folder, seen=seen))
    broken = [cut for cut in cuts if cut.wrong]
    for cut in broken:
        say(str(cut))
    say(f"replay: {cuts[-1].number} changes, {len(cuts)} cuts, {len(broken)} wrong")
    return len(broken)


def restart_all(campaign: PowerCuts, trace: Path, results: Path, options: argparse.Namespace) -> int:
    """Start the real service after each cut. Returns how often a promise was broken."""
    done = {result.point for result in read_results(results) if result.kept}
    text = trace.read_text(encoding="ascii", errors="replace")
    syncs, others = (of_busiest(count_by_thread(text, calls)) for calls in (SYNCS, BETWEEN))
    chosen = [*points(syncs, options.syncs), *points(others, options.every)]
    todo = [point for point in spread(chosen) if str(point) not in done]
    say(f"{len(chosen)} restarts, {len(done)} done before")
    for result in go_through(campaign, todo, minutes=options.minutes):
        append_result(results, result.as_result(FAULT))
        if not result.kept:
            say(f"{result.point}: {result.wrong} (see {campaign.folder}/{result.point})")
    found = list(read_results(results))
    for line in summary(found):
        say(line)
    return sum(not result.kept for result in found)


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m evidence.powercuts", description=__doc__)
    parser.add_argument("--syncs", type=int, default=1, help="each N-th sync only")
    parser.add_argument("--every", type=int, default=12, help="each N-th change between syncs only")
    parser.add_argument("--worlds", type=int, default=4, help="cases at a time")
    parser.add_argument("--results", type=Path, help="file of results: what it has is not repeated")
    parser.add_argument("--minutes", type=float, default=0.0, help="begin no case after so long")
    parser.add_argument("--replay-only", action="store_true", help="start no service again")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
