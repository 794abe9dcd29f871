"""A report on what ARL found, from ARL to the finished workbook: memory stays flat, whichever way it is read.

`python -m benchmarks.arl_reads [--most 100000]` makes reports of 10,000 rows and more, with the largest case
of 1,000,000 rows by `--most 1000000` (ten minutes). Each case runs in a process of its own, beside a stand-in
for ARL that makes its documents up as they are asked for: in no order, with icons and heads of sites.

- ARL's way: all documents merged in dictionaries, then an in-memory workbook. Written anew from a description
  of the fork's merged export; its reading is free here. It stops at 200,000 rows, most of a gigabyte.
- database: our engine over a cursor, which gives the fields that are asked for; sorted here, passed to the
  child process that writes. `--mongo URI` also reads the same from a real MongoDB, up to 10,000 rows.
- API: the same over HTTP, page by page, as where the database cannot be reached.
- + diff: also compared with a run before, which is read as well.

`ours` is the service that reads and sorts, `child` the process that writes: the most memory that each ever
held, in MiB. `busy` is the processor time of the longest turn of the service's event loop.
"""

import argparse
import asyncio
import json
import resource
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import aiohttp
from rich.console import Console
from rich.table import Table

from benchmarks.arl_export import merged_export
from benchmarks.arl_standin import BEFORE, NOW, Cursor, Found
from benchmarks.export import Watch, peak, story
from benchmarks.finds import KINDS, TASKS
from bot.assets.values import Document
from bot.engines.arl.api_reader import ApiReader
from bot.engines.arl.client import ArlClient
from bot.engines.arl.engine import ArlEngine, ArlOptions
from bot.engines.arl.mongo_reader import MongoReader
from bot.engines.arl.reader import ArlReader
from bot.exporters.local.exporter import LocalExporter
from bot.models import Task, TaskStatus
from bot.mongo import Mongo
from bot.ports import ReportInput

SIZES = (10_000, 100_000, 1_000_000)  # rows
SHEETS = 4  # rows that come of one thing: site, address, service, domain
REFERENCE, ARL_MOST = "ARL's way", 200_000
MONGO, MONGO_MOST = "MongoDB", 10_000
WAYS = ("database", "database + diff", "API", "API + diff")
ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one case took."""

    rows: int
    seconds: float
    cpu: float
    ours: float
    child: float = 0.0
    busy: float = 0.0  # ms


def told(way: str) -> ReportInput:
    """The story of a run with the tasks that the stand-in has."""
    made = story(compared=way.endswith("diff"))
    earlier = tuple(replace(each, task_ids=BEFORE) for each in made.earlier)
    return replace(made, run=replace(made.run, task_ids=NOW), earlier=earlier)


class EndedTasks(ArlEngine):
    """The engine, over a stand-in that keeps no tasks: all ended well, one for each target."""

    async def tasks(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        return {
            id_: Task(id=id_, run_id="", target=f"{int(id_, 16) % TASKS}.example", status=TaskStatus.DONE)
            for id_ in task_ids
        }


@asynccontextmanager
async def build_reader(way: str, assets: int, where: str, wire: ArlClient) -> AsyncIterator[ArlReader]:
    if way.startswith("API"):
        yield ApiReader(wire, clock=lambda: datetime.now(UTC))
    elif way == MONGO:
        mongo = Mongo(where)
        await fill(mongo, Found(assets))
        yield MongoReader(mongo)
        await mongo.drop()
        await mongo.close()
    else:
        yield MongoReader(cast(Mongo, Cursor(Found(assets))))


async def fill(mongo: Mongo, found: Found) -> None:
    for kind in KINDS:
        for task_id in NOW:
            documents = found.documents(kind, task_id)
            while some := [{**each, "task_id": task_id} for each in islice(documents, 500)]:
                await mongo.collection(kind).insert_new(some)


async def export(way: str, assets: int, where: str, path: Path) -> Outcome:
    async with aiohttp.ClientSession() as session:
        wire = ArlClient(session, url=where if way.startswith("API") else "http://127.0.0.1", api_key="none")
        async with build_reader(way, assets, where, wire) as reads:
            ways = ArlOptions(with_recipients=lambda each: each, zone=ZONE, task_limit=timedelta(hours=72))
            engine = EndedTasks(wire, reads, options=ways, clock=lambda: datetime.now(UTC))
            exporter = LocalExporter(engine, zone=str(ZONE), lang="zh-CN")
            watch, started = Watch(), time.perf_counter()
            watching = asyncio.create_task(watch.look())
            findings = await exporter.export(told(way), path)
            seconds = time.perf_counter() - started
            watching.cancel()
    busy = watch.busy * 1000
    return Outcome(rows=findings.rows, seconds=seconds, cpu=0, ours=peak("self"), child=watch.peak, busy=busy)


def arls_way(assets: int, path: Path) -> Outcome:
    found, started = Found(assets), time.perf_counter()

    def documents(kind: str) -> Iterator[Document]:
        return (document for task_id in NOW for document in found.documents(kind, task_id))

    rows = merged_export(path, {kind: documents(kind) for kind in KINDS})
    return Outcome(rows=rows, seconds=time.perf_counter() - started, cpu=0, ours=peak("self"))


def measure(way: str, rows: int, where: str) -> Outcome:
    """One case, in this process."""
    assets = -(-rows // SHEETS * 11 // 10)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.xlsx"
        if way == REFERENCE:
            outcome = arls_way(assets, path)
        else:
            outcome = asyncio.run(export(way, assets, where, path))
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return replace(outcome, cpu=sum(each.ru_utime + each.ru_stime for each in used))


async def in_a_process(way: str, rows: int, where: str) -> Outcome:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.arl_reads", "--case", way, str(rows), where),
        stdout=asyncio.subprocess.PIPE,
    )
    answer, _ = await child.communicate()
    return Outcome(**json.loads(answer))


@asynccontextmanager
async def standin(rows: int) -> AsyncIterator[str]:
    """The address of an ARL that found so much, in a process of its own."""
    assets = -(-rows // SHEETS * 11 // 10)
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.arl_standin", str(assets)), stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None  # noqa: S101 - it was asked for
    port = int(await server.stdout.readline())
    yield f"http://127.0.0.1:{port}"
    server.kill()
    await server.wait()


def row_of(way: str, outcome: Outcome, reference: Outcome | None) -> list[str]:
    """A line of the table; a ratio is that of rows per second, in brackets that of rows per CPU second."""
    rate, thrift = outcome.rows / outcome.seconds, outcome.rows / outcome.cpu
    ratio = memory = ""
    if reference:
        per = reference.rows / reference.seconds, reference.rows / reference.cpu
        ratio = f"{rate / per[0]:.1f} ({thrift / per[1]:.1f})"
        memory = f"1/{reference.ours / max(outcome.ours, outcome.child):.1f}"
    times = [f"{outcome.seconds:.1f}", f"{outcome.cpu:.1f}", f"{rate:,.0f}", ratio]
    sizes = [f"{outcome.ours:.0f}", f"{outcome.child:.0f}", memory, f"{outcome.busy:.0f}"]
    return [f"{outcome.rows:,}", way, *times, *sizes]


async def compare(most: int, mongo: str) -> None:
    table = Table("rows", "way", "s", "CPU s", "rows/s", "/ ARL", "ours", "child", "/ ARL", "busy ms")
    for rows in [size for size in SIZES if size <= most]:
        reference = await in_a_process(REFERENCE, rows, "") if rows <= ARL_MOST else None
        if reference:
            table.add_row(*row_of(REFERENCE, reference, reference))
        async with standin(rows) as url:
            for way in WAYS:
                table.add_row(*row_of(way, await in_a_process(way, rows, url), reference))
        if mongo and rows <= MONGO_MOST:
            address = f"{mongo.rstrip('/')}/benchmark_{secrets.token_hex(4)}"
            table.add_row(*row_of(MONGO, await in_a_process(MONGO, rows, address), reference))
        table.add_section()
    console = Console()
    console.width = max(console.width, 120)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.arl_reads", description="See the docstring.")
    parser.add_argument("--most", type=int, default=100_000, help="the largest case, in rows")
    parser.add_argument("--mongo", default="", metavar="URI", help="a server to read from as well")
    parser.add_argument("--case", nargs=3, metavar=("WAY", "ROWS", "WHERE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.case:
        way, rows, where = asked.case
        sys.stdout.write(json.dumps(measure(way, int(rows), where).__dict__))
    else:
        asyncio.run(compare(asked.most, asked.mongo))


if __name__ == "__main__":
    main()
