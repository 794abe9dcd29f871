"""How fast 10,000 waiting jobs are done by one, two and four bots on one store.

`python -m benchmarks.jobs` starts the bots as processes of their own, with the queue of the service and an
act that does nothing, and prints jobs per second beside what bounds them: the same number of bare
statements (two per job: claim and outcome) in one process, with and without waiting for the disk.
"""

import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bot.jobs.pool import Pool
from bot.jobs.queue import Claim, JobKind, Jobs, Result
from bot.models import new_job
from bot.stores.sqlite.rows import JOBS
from bot.stores.sqlite.sql import insert
from bot.stores.sqlite.store import SqliteStore

JOBS_WAITING = 10_000
BOTS = (1, 2, 4)
PLACES = 8
BARE = 2_000  # jobs of the bare statements
PATIENCE = 120.0  # seconds


class Bot:
    """One bot: does jobs of the kind `work` until none is left, and counts."""

    def __init__(self, store: SqliteStore, owner: str) -> None:
        self.done, self._store, self._owner = 0, store, owner

    async def act(self, claim: Claim) -> Result:
        self.done += 1
        return {}

    async def work(self) -> None:
        jobs = Jobs(self._store, clock=lambda: datetime.now(UTC), owner=self._owner)
        jobs.register({"work": JobKind(run=self.act)})
        running = asyncio.create_task(jobs.run([Pool(name="work", kinds=("work",), concurrency=PLACES)]))
        while await self._left() and not running.done():  # noqa: ASYNC110 - others work too
            await asyncio.sleep(0.2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    async def _left(self) -> bool:
        sql = "select exists (select 1 from jobs where kind = 'work' and state in ('todo', 'doing')) as left"
        return bool((await self._store.rows(sql))[0]["left"])


async def be_a_bot(path: Path, owner: str) -> None:
    store = SqliteStore(path)
    await store.open()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    bot = Bot(store, owner)
    await bot.work()
    await store.close()
    sys.stdout.write(json.dumps(bot.done) + "\n")


async def fill(path: Path, jobs: int) -> None:
    store = SqliteStore(path)
    await store.open()
    now = datetime.now(UTC)
    async with store.transaction():
        for number in range(jobs):
            job = new_job("work", str(number), now)
            await store.rows(insert("jobs", JOBS.columns), JOBS.row(job))
    await store.close()


async def bots_on(path: Path, bots: int) -> tuple[float, list[int]]:
    """Seconds until nothing is left, and how many each bot did."""
    await fill(path, JOBS_WAITING)
    children = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.jobs", str(path), f"bot{number}"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for number in range(bots)
    ]
    for child in children:
        assert child.stdout  # noqa: S101 - it is a pipe
        await child.stdout.readline()
    started = time.perf_counter()
    async with asyncio.timeout(PATIENCE):
        said = await asyncio.gather(*(child.communicate(b"go\n") for child in children))
    return time.perf_counter() - started, [int(out) for out, _ in said]


def bare(path: Path, synchronous: str) -> float:
    """Jobs per second of two bare statements each, in one process."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(f"pragma synchronous={synchronous}")
    claim = (
        "update jobs set state = 'doing', owner = 'bare' where rowid = (select rowid from jobs"
        " where state = 'todo' and kind = 'work' order by due_at limit 1) returning id"
    )
    started = time.perf_counter()
    for _ in range(BARE):
        ((id_,),) = db.execute(claim).fetchall()
        db.execute("update jobs set state = 'done' where id = ?", (id_,)).fetchall()
    rate = BARE / (time.perf_counter() - started)
    db.close()
    return rate


async def references(folder: Path) -> Mapping[str, float]:
    rates = {}
    for synchronous, what in (("full", "on the disk each"), ("off", "not waiting for the disk")):
        path = folder / f"{synchronous}.db"
        await fill(path, JOBS_WAITING)
        rates[f"bare statements, {what}"] = bare(path, synchronous)
    return rates


async def main() -> None:
    table = Table("who", "jobs / s", "jobs / bare, on the disk", "each bot did", "done twice")
    with tempfile.TemporaryDirectory() as folder:
        rates = await references(Path(folder))
        reference = next(iter(rates.values()))
        for what, rate in rates.items():
            table.add_row(what, f"{rate:.0f}", f"{rate / reference:.2f}", "", "")
        for bots in BOTS:
            seconds, done = await bots_on(Path(folder) / f"{bots}.db", bots)
            rate = JOBS_WAITING / seconds
            shares, twice = ", ".join(f"{each:,}" for each in done), sum(done) - JOBS_WAITING
            table.add_row(f"{bots} bots", f"{rate:.0f}", f"{rate / reference:.2f}", shares, str(twice))
    Console().print(table)


if __name__ == "__main__":
    asyncio.run(be_a_bot(Path(sys.argv[1]), sys.argv[2]) if len(sys.argv) > 1 else main())
