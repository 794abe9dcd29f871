"""How fast a report is written, and in how much memory: ours beside two references, as ratios.

`python -m benchmarks.export [--most 50000]` makes a report of so many sites, addresses (with a service
each) and domains, found by ten tasks, a tenth of them twice. Each case runs in a process of its own;
documents are made as they are asked for, as a database would give them. With `--most 250000` the largest
case is there as well (some minutes); ARL's way stops at 50,000, where it takes most of a gigabyte.

- ARL's way: all documents merged in dictionaries, then an in-memory workbook, with the style it paints on
  every sheet. Written anew from a description of the fork's merged export.
- bare openpyxl: the finished rows, appended to a write-only workbook and saved. The limit of the library.
- workbook: our documents to our file, in one process.
- export: the same through the pipe to the child process, as the service does it. `stall` is the longest the
  service's event loop stood still meanwhile, `busy` how much of its longest turn it was working: on a machine
  that does other things as well, the rest is waiting for a processor.
- export + diff: also compared with a run before, in which a tenth was different.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from rich.console import Console
from rich.table import Table

from benchmarks.arl_export import merged_export
from benchmarks.finds import KINDS, TASKS, documents, finished_rows
from bot.assets.values import Document
from bot.exporters.local.exporter import LocalExporter
from bot.models import Run, RunStatus, Schedule, Task, TaskCounts, TaskStatus, Trigger
from bot.ports import Engine, ReportedKind, ReportInput
from bot.workbook.builder import write_workbook
from bot.workbook.cells import WorkbookOptions
from bot.workbook.diff import AssetSides, Side
from bot.workbook.sheets import DOMAIN, IP, SERVICE, SITE

SIZES = (1_000, 10_000, 50_000, 250_000)
REFERENCES = ("ARL's way", "bare openpyxl")
ARL_MOST = 50_000
WIDTH = 132  # of the table


@dataclass
class Outcome:
    """What one case took; `peak` is the resident memory of the process that writes, in MiB."""

    rows: int
    seconds: float
    peak: float
    stall: float | None = None  # the event loop's longest, in ms
    busy: float | None = None  # processor time of its longest turn, in ms
    size: float = 0.0  # of the file, in MiB
    cpu: float = 0.0  # seconds, of all processes


def bare_openpyxl(path: Path, assets: int) -> int:
    book = Workbook(write_only=True)
    sheets = {plan.title: book.create_sheet(plan.title) for plan in (SITE, IP, SERVICE, DOMAIN)}
    rows = 0
    for title, row in finished_rows(assets):
        sheets[title].append(row)
        rows += 1
    book.save(path)
    return rows


def arls_way(path: Path, assets: int) -> int:
    return merged_export(path, {kind: documents(kind, assets) for kind in KINDS})


def workbook(path: Path, assets: int) -> int:
    finds = (AssetSides(kind=kind, sides={Side.CURRENT: documents(kind, assets)}) for kind in KINDS)
    return write_workbook(path, story(), finds, options=WorkbookOptions(zone=ZoneInfo("Asia/Shanghai"))).rows


def story(*, compared: bool = False) -> ReportInput:
    start = datetime(2026, 11, 24, tzinfo=UTC)
    run = Run(
        id="rnow", idempotency_key="benchmark", schedule=Schedule(id="s", name="benchmark"),
        trigger=Trigger.CRON,
        start_time=start, end_time=start + timedelta(hours=1), status=RunStatus.FINISHED,
        task_ids=("now",), task_counts=TaskCounts(total=TASKS, done=TASKS),
    )  # fmt: skip
    before = Run(
        id="rbefore", idempotency_key="before", schedule=run.schedule, trigger=run.trigger,
        task_ids=("before",),
        start_time=start - timedelta(days=1), end_time=start, status=RunStatus.FINISHED,
        task_counts=TaskCounts(total=TASKS, done=TASKS),
    )  # fmt: skip
    return ReportInput(run=run, earlier=(before,) if compared else ())


class MadeUp:
    """An engine that makes its documents up as they are asked for; `assets` is all an export asks for."""

    def __init__(self, assets: int) -> None:
        self._assets = assets

    async def tasks(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        return {id_: Task(id=id_, run_id="r", target="a", status=TaskStatus.DONE) for id_ in task_ids}

    async def asset_kinds(self, run: Run) -> Sequence[ReportedKind]:
        return ()

    async def iter_assets(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Document]:
        if kind not in KINDS:
            return
        for number, document in enumerate(documents(kind, self._assets, before="before" in task_ids)):
            if number % 500 == 0:  # as often as a store is asked
                await asyncio.sleep(0)
            yield document


def export(*, compared: bool) -> Callable[[Path, int], Coroutine[Any, Any, Outcome]]:
    async def run(path: Path, assets: int) -> Outcome:
        exporter = LocalExporter(cast(Engine, MadeUp(assets)), zone="Asia/Shanghai", lang="zh-CN")
        watch, started = Watch(), time.perf_counter()
        watching = asyncio.create_task(watch.look())
        findings = await exporter.export(story(compared=compared), path)
        seconds = time.perf_counter() - started
        watching.cancel()
        stall, busy = watch.stall * 1000, watch.busy * 1000
        return Outcome(rows=findings.rows, seconds=seconds, peak=watch.peak, stall=stall, busy=busy)

    return run


class Watch:
    """Looks every few milliseconds how long the loop stood still, and how large the child is."""

    def __init__(self) -> None:
        self.stall = 0.0
        self.busy = 0.0
        self.peak = 0.0

    async def look(self) -> None:
        while True:
            before, used = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.002)
            self.stall = max(self.stall, time.perf_counter() - before - 0.002)
            self.busy = max(self.busy, time.thread_time() - used)
            self.peak = max([self.peak, *map(peak, children())])


def children() -> list[str]:
    return Path("/proc/thread-self/children").read_text(encoding="ascii").split()


def peak(pid: str) -> float:
    """The most a process ever held in memory, in MiB; 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    return int((status.partition("VmHWM:")[2].split() or ["0"])[0]) / 1024


WRITERS: dict[str, Callable[[Path, int], int]] = {
    "ARL's way": arls_way,
    "bare openpyxl": bare_openpyxl,
    "workbook": workbook,
}
EXPORTS = {"export": export(compared=False), "export + diff": export(compared=True)}


def measure(way: str, assets: int) -> Outcome:
    """One case, in this process."""
    with tempfile.TemporaryDirectory() as folder:
        path, started = Path(folder) / "report.xlsx", time.perf_counter()
        if way.startswith("export"):
            outcome = asyncio.run(EXPORTS[way](path, assets))
        else:
            rows = WRITERS[way](path, assets)
            outcome = Outcome(rows=rows, seconds=time.perf_counter() - started, peak=peak("self"))
        outcome.size = path.stat().st_size / (1 << 20)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    outcome.cpu = sum(each.ru_utime + each.ru_stime for each in used)
    return outcome


async def in_a_process(way: str, assets: int) -> Outcome:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.export", "--case", way, str(assets), stdout=asyncio.subprocess.PIPE
    )
    answer, _ = await child.communicate()
    return Outcome(**json.loads(answer))


def row_of(assets: int, way: str, outcome: Outcome, rates: dict[str, tuple[float, float]]) -> list[str]:
    """A line of the table; a ratio is that of rows per second, in brackets that of rows per CPU second."""
    rate, thrift = rates[way]
    ratios = [
        f"{rate / rates[name][0]:.1f} ({thrift / rates[name][1]:.1f})" if name in rates else ""
        for name in REFERENCES
    ]
    lags = ["" if lag is None else f"{lag:.0f}" for lag in (outcome.stall, outcome.busy)]
    times = [f"{outcome.seconds:.1f}", f"{outcome.cpu:.1f}", f"{rate:,.0f}"]
    sizes = [f"{outcome.peak:.0f}", f"{outcome.size:.1f}"]
    return [f"{assets:,}", way, f"{outcome.rows:,}", *times, *ratios, *sizes, *lags]


async def compare(most: int) -> None:
    table = Table(
        *("assets", "way", "rows", "s", "CPU s", "rows/s", "/ ARL", "/ bare"),
        *("peak MiB", "file MiB", "stall ms", "busy ms"),
    )
    for assets in [size for size in SIZES if size <= most]:
        rates: dict[str, tuple[float, float]] = {}
        for way in (*WRITERS, *EXPORTS):
            if way == REFERENCES[0] and assets > ARL_MOST:
                continue
            outcome = await in_a_process(way, assets)
            rates[way] = outcome.rows / outcome.seconds, outcome.rows / outcome.cpu
            table.add_row(*row_of(assets, way, outcome, rates))
        table.add_section()
    console = Console()
    console.width = max(console.width, WIDTH)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description="See the docstring.")
    parser.add_argument("--most", type=int, default=50_000, help="the largest case, in assets of each kind")
    parser.add_argument("--case", nargs=2, metavar=("WAY", "ASSETS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.case:
        way, assets = asked.case
        sys.stdout.write(json.dumps(measure(way, int(assets)).__dict__))
    else:
        asyncio.run(compare(asked.most))


if __name__ == "__main__":
    main()
