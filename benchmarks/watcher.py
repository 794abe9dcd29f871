"""What a tick of the watcher costs while 100, 1,000 and 10,000 runs of ten tasks are open.

`python -m benchmarks.watcher` prints the questions a tick asks, its time, and how long the event loop stood
still in it, beside the loop of the ARL fork (for every open run, at every tick: its tasks, its document, and
the whole document written back) over the same file. Nothing ends, as at most ticks; in the last line of each
size a hundredth of the runs does. The fork's loop is timed on at most 1,000 runs and counted up from there.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bot.delivery.policy.overrides import Overrides
from bot.engines.embedded.engine import EmbeddedEngine
from bot.engines.embedded.probes import ProbeLimits
from bot.exporters.local.exporter import LocalExporter
from bot.jobs.queue import Jobs
from bot.models import Run, Schedule, Task, Trigger
from bot.runs.decisions import NotificationDecisions
from bot.runs.lifecycle import Runs
from bot.runs.watcher import Watcher
from bot.stores.sqlite.lapses import SqliteLapses
from bot.stores.sqlite.overrides import SqliteOverrides
from bot.stores.sqlite.rows import RUNS, TASKS
from bot.stores.sqlite.sql import array, insert
from bot.stores.sqlite.store import SqliteStore
from bot.stores.sqlite.tasks import SqliteTaskStore

SIZES = (100, 1_000, 10_000)
TASKS_PER_RUN = 10
MEASURED = 1_000  # runs of the fork's loop
ENDING = 100  # one run of so many ends
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
SCHEDULE = Schedule(id="s1", name="每日巡检", cron="0 3 * * *", targets=("192.0.2.1",) * TASKS_PER_RUN)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one tick took."""

    questions: int
    seconds: float
    stall: float = 0.0


class CountedStore(SqliteStore):
    """Counts its statements."""

    questions = 0

    async def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> list[Any]:
        self.questions += 1
        return await super().rows(sql, values)


def open_run(number: int) -> Run:
    id_ = f"r{number:06}"
    ids = tuple(f"{id_}-{task:03}" for task in range(TASKS_PER_RUN))
    return Run(
        id=id_, idempotency_key=id_, schedule=SCHEDULE, trigger=Trigger.CRON, start_time=NOW, task_ids=ids
    )


def tasks_of(run: Run) -> Sequence[Task]:
    return [Task(id=id_, run_id=run.id, target="192.0.2.1") for id_ in run.task_ids]


async def fill(store: SqliteStore, runs: int) -> None:
    """Open runs with their tasks, in one transaction."""
    async with store.transaction():
        for number in range(runs):
            run = open_run(number)
            await store.rows(insert("runs", RUNS.columns), RUNS.row(run))
            for task in tasks_of(run):
                await store.rows(insert("tasks", TASKS.columns), TASKS.row(task))


async def measure(store: CountedStore, tick: Callable[[], Awaitable[object]]) -> Cost:
    """One tick, with the longest time that the event loop stood still meanwhile."""
    loop, stall = asyncio.get_running_loop(), 0.0

    async def feel() -> None:
        nonlocal stall
        while True:
            before = loop.time()
            await asyncio.sleep(0.001)
            stall = max(stall, loop.time() - before - 0.001)

    feeling = asyncio.create_task(feel())
    await asyncio.sleep(0.01)
    before, started = store.questions, time.perf_counter()
    await tick()
    seconds = time.perf_counter() - started
    await asyncio.sleep(0.01)
    feeling.cancel()
    return Cost(questions=store.questions - before, seconds=seconds, stall=stall)


async def forks_loop(store: SqliteStore, runs: int) -> None:
    """For every open run: its tasks, its document as it is now, and the whole of it written back."""
    for row in await store.rows("select id from runs where status = 'running' limit :runs", {"runs": runs}):
        run = await store.find_run(row["id"])
        if run is None:
            continue
        sql = "select status from tasks where id in (select value from json_each(:ids))"
        await store.rows(sql, {"ids": array(run.task_ids)})
        await store.rows(insert("runs", RUNS.columns, over=True), RUNS.row(run))


async def costs(folder: Path, runs: int) -> Mapping[str, Cost]:
    store = CountedStore(folder / f"{runs}.db")
    await store.open()
    try:
        await fill(store, runs)
        engine = EmbeddedEngine(
            (), SqliteTaskStore(store), limits=ProbeLimits(), clock=lambda: NOW, owner="bench"
        )
        jobs = Jobs(store, clock=lambda: NOW, owner="bench")
        overrides = Overrides(SqliteOverrides(store))
        decisions = NotificationDecisions(store, overrides, clock=lambda: NOW)
        runs_of_bot = Runs(store, engine, jobs, decisions=decisions, lapses=SqliteLapses(store))
        exporter = LocalExporter(engine, zone="UTC", lang="zh-CN")
        watcher = Watcher(store, engine, runs_of_bot, exporter, clock=lambda: NOW)
        await watcher.tick()
        nothing_ends = await measure(store, watcher.tick)
        fork = await measure(store, lambda: forks_loop(store, min(runs, MEASURED)))
        times = max(1, runs // MEASURED)
        fork = replace(fork, questions=(fork.questions - 1) * times + 1, seconds=fork.seconds * times)
        await engine.stop([id_ for number in range(0, runs, ENDING) for id_ in open_run(number).task_ids])
        return {
            "the fork's loop": fork,
            "DingRun": nothing_ends,
            f"DingRun, {runs // ENDING} end": await measure(store, watcher.tick),
        }
    finally:
        await store.close()


async def main() -> None:
    table = Table("open runs", "loop", "questions", "ms", "time / fork", "µs per run", "loop stalled (ms)")
    with tempfile.TemporaryDirectory() as folder:
        for runs in SIZES:
            found = await costs(Path(folder), runs)
            fork = found["the fork's loop"].seconds
            for name, cost in found.items():
                ratio, each = f"{cost.seconds / fork:.3f}", f"{cost.seconds / runs * 1e6:.0f}"
                took, stalled = f"{cost.seconds * 1000:.1f}", f"{cost.stall * 1000:.0f}"
                table.add_row(f"{runs:,}", name, f"{cost.questions:,}", took, ratio, each, stalled)
            table.add_section()
    Console().print(table)


if __name__ == "__main__":
    asyncio.run(main())
