"""A year of an installation with 200 runs a day: `python -m benchmarks.year [--days 365] [--sample 10]`.

The clock is compressed, the store is SQLite, retention has its defaults, and DingTalk and the exporter are
fakes. Of the runs only every tenth is simulated (`--sample`), so the size of the database is multiplied by
ten. Each schedule runs once a day. A run has three tasks with ten assets each, and somebody says something
after every second one. The table shows each twelfth of the time: memory, handles, size, and the slowest tick
and sweep in it.
"""

import asyncio
import gc
import logging
import os
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks.startup import resident
from bot.models import Run, Task, TaskStatus
from bot.stores.sqlite.store import SqliteStore
from bot.stores.sqlite.tasks import SqliteTaskStore
from tests.conftest import CoreHarness
from tests.factories import make_schedule
from tests.fakes import FakeClock, FakeEngine

RUNS_PER_DAY = 200
ASSETS_PER_TASK = 10
PARTS = 12
TALK = 2  # runs per thing that a person says
LEASE = timedelta(minutes=5)
ASSET = {"site": "https://www.example.com/", "title": "页面" * 30, "headers": "x" * 600, "status": 200}
HEADINGS = (
    "day",
    "runs kept",
    "memory (MiB)",
    "handles",
    "database (MiB)",
    "slowest tick (ms)",
    "slowest sweep (ms)",
)


class StoredEngine(FakeEngine):
    """Keeps its tasks and assets in the store, as the embedded engine does, and finds the same each time."""

    def __init__(self, tasks: SqliteTaskStore) -> None:
        super().__init__()
        self._tasks = tasks

    async def submit(self, run: Run) -> Sequence[str]:
        tasks = [
            Task(id=f"{run.id}-{number:03}", run_id=run.id, target=target)
            for number, target in enumerate(run.schedule.targets, 1)
        ]
        await self._tasks.add_tasks(tasks)
        return [task.id for task in tasks]

    async def tasks(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        return {task.id: task for task in await self._tasks.find_tasks(ids=task_ids)}

    async def work(self, clock: FakeClock) -> None:
        """Run all tasks."""
        assets: dict[str, dict[str, Any]] = {
            str(number): ASSET | {"number": number} for number in range(ASSETS_PER_TASK)
        }
        while task := await self._tasks.claim_task("me", clock(), clock() + LEASE):
            await self._tasks.save_assets(task.id, "site", assets)
            ended = replace(task, status=TaskStatus.DONE, end_time=clock(), found={"site": ASSETS_PER_TASK})
            await self._tasks.end_task(ended, "me")


@dataclass
class Slowest:
    """The longest time of each kind of step since the last look."""

    seconds: dict[str, float] = field(default_factory=dict)

    async def measure(self, name: str, step: Callable[[], Awaitable[object]]) -> None:
        started = time.perf_counter()
        await step()
        self.seconds[name] = max(self.seconds.get(name, 0.0), time.perf_counter() - started)


class Year:
    """An installation, and what it does in a day."""

    def __init__(self, store: SqliteStore, folder: Path, runs_per_day: int) -> None:
        self.store, self.clock, self.slowest = store, FakeClock(), Slowest()
        self.engine = StoredEngine(SqliteTaskStore(store))
        self.core = CoreHarness(store, self.clock, folder / "reports", engine=self.engine)
        self._schedules = [
            make_schedule(id=f"s{number}", notify_enable=True) for number in range(runs_per_day)
        ]
        self._schedules = [replace(each, send_to=self.core.schedule.send_to) for each in self._schedules]
        self._runs_per_day = runs_per_day
        self._number = 0

    async def day(self) -> None:
        for _ in range(self._runs_per_day):
            await self._run()
            await self._keep_house()
            self.clock.turn(seconds=86_400 / self._runs_per_day)
        self._forget()

    async def _run(self) -> None:
        self._number += 1
        schedule = self._schedules[self._number % self._runs_per_day]
        await self.core.trigger(schedule, cause=f"cron:{self._number}")
        await self.engine.work(self.clock)
        await self.slowest.measure("tick", self.core.watcher.tick)
        await self.core.do_jobs()
        if self._number % TALK == 0:
            await self.core.say("状态", id=f"m{self._number}")

    async def _keep_house(self) -> None:
        services = self.core.services
        await self.slowest.measure("sweep", services.run_retention.sweep)
        for step in (
            self.core.reconciler.run,
            services.audit_log.purge_expired,
            services.payload_retention.sweep,
            self.core.reports.purge_expired,
        ):
            await step()

    def _forget(self) -> None:
        """Empty what the fakes keep."""
        messenger, exporter = self.core.messenger, self.core.exporter
        for kept in (messenger.sent, messenger.mentioned, messenger.answers, exporter.made, exporter.told):
            kept.clear()
        messenger.cards.clear()


def used_bytes(path: Path) -> int:
    """Return the bytes of a database without its free pages."""
    with closing(sqlite3.connect(path)) as db:
        ((pages,), (free,), (size,)) = (
            db.execute(f"pragma {name}").fetchone() for name in ("page_count", "freelist_count", "page_size")
        )
    return int((pages - free) * size)


async def live(folder: Path, days: int, sample: int) -> Table:
    table = Table(*HEADINGS, title=f"{RUNS_PER_DAY} runs a day, every {sample}th simulated")
    path = folder / "year.db"
    store = SqliteStore(path)
    await store.open()
    await store.rows("pragma synchronous=off")  # the disk is not what is measured
    year = Year(store, folder, RUNS_PER_DAY // sample)
    for day in range(1, days + 1):
        await year.day()
        if day % (days // PARTS) == 0:
            ((kept,),) = await store.rows("select count(*) from runs")
            gc.collect()
            memory, handles = resident(os.getpid()), len(os.listdir("/proc/self/fd"))
            size = await asyncio.to_thread(used_bytes, path) * sample / 2**20
            times = [f"{year.slowest.seconds[name] * 1000:.0f}" for name in ("tick", "sweep")]
            table.add_row(
                str(day), f"{kept * sample:,}", f"{memory:.0f}", str(handles), f"{size:.0f}", *times
            )
            year.slowest = Slowest()
    await store.close()
    return table


@click.command()
@click.option("--days", default=365, show_default=True, type=click.IntRange(min=PARTS))
@click.option(
    "--sample",
    default=10,
    show_default=True,
    type=click.IntRange(1, RUNS_PER_DAY),
    help="Simulate one run of so many.",
)
def main(days: int, sample: int) -> None:
    """Live through a year."""
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        Console().print(asyncio.run(live(Path(folder), days, sample)))


if __name__ == "__main__":
    main()
