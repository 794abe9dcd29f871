"""How long answers about the past take: in a store of 1,000 past runs, and in one of 1,000,000.

`python -m benchmarks.history` asks each command through the service's own handlers, and what the service asks
by itself again and again, and prints the slowest of twenty times as a ratio to the small store. Each past run
has its report, a job and a task; there are ten schedules. An answer is to be found within 50 ms.
"""

import asyncio
import hashlib
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bot.chat.access_control import AccessControl
from bot.chat.requests import CommandRequest
from bot.models import (
    ExportStatus,
    Job,
    JobState,
    PushStatus,
    Report,
    Run,
    RunStatus,
    Schedule,
    Task,
    TaskCounts,
    TaskStatus,
    Trigger,
)
from bot.stores.sqlite.rows import JOBS, REPORTS, RUNS, TASKS, Rows
from bot.stores.sqlite.store import SqliteStore
from bot.stores.sqlite.tasks import SqliteTaskStore
from handlers import router
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_message
from tests.fakes import FakeClock

SIZES = (1_000, 1_000_000)
TIMES = 20
GOAL = 0.050  # seconds
FILE = b"a report"
START = datetime(2020, 1, 1, tzinfo=UTC)
SCHEDULES = [
    Schedule(id=f"s{number}", name=f"计划{number}", cron="0 3 * * *", targets=("192.0.2.1",),
             notify_enable=True, send_to=(GROUP,))
    for number in range(10)
]  # fmt: skip
COMMANDS = (
    *("状态", "状态 计划3", "历史", "历史 计划3", "计划"),
    *("最近报告", "最近报告 计划3", "报告列表", "报告列表 计划3"),
)
NUMBERS = "with recursive numbers (n) as (select 0 union all select n + 1 from numbers where n < :runs - 1)"
TIME = "strftime('%Y-%m-%dT%H:%M:%f', '2020-01-01', '+' || n || ' minutes') || '000+00:00'"

Ask = Callable[[], Awaitable[object]]


def past_run(schedule: Schedule) -> Run:
    return Run(
        id="r", idempotency_key="c", schedule=schedule, trigger=Trigger.CRON, start_time=START,
        end_time=START, task_ids=("t",), status=RunStatus.FINISHED, push_status=PushStatus.SUCCESS,
        export_status=ExportStatus.SUCCESS, task_counts=TaskCounts(total=1, done=1, found={"site": 2}),
    )  # fmt: skip


def past(schedule: Schedule) -> Mapping[str, tuple[Rows[Any], Any]]:
    """What is left of a run in each table, the same for every run but for its number and time."""
    report = Report(
        run_id="r", schedule_id=schedule.id, schedule_name=schedule.name, path="p", name="n.xlsx",
        size=len(FILE), sha256=hashlib.sha256(FILE).hexdigest(), made_at=START, rows=3,
    )  # fmt: skip
    job = Job(id="j", kind="card", created_at=START, due_at=START, ended_at=START, state=JobState.DONE)
    task = Task(id="t", run_id="r", target="192.0.2.1", status=TaskStatus.DONE, end_time=START)
    return {
        "runs": (RUNS, past_run(schedule)),
        "reports": (REPORTS, report),
        "jobs": (JOBS, job),
        "tasks": (TASKS, task),
    }


OWN = {
    "runs": {"id": "'r' || n", "idempotency_key": "'c' || n", "start_time": TIME, "end_time": TIME},
    "reports": {"run_id": "'r' || n", "made_at": TIME, "path": "'r' || n || '.xlsx'"},
    "jobs": {"id": "'card:r' || n", "run_id": "'r' || n", "created_at": TIME, "due_at": TIME},
    "tasks": {"id": "'r' || n || '-001'", "run_id": "'r' || n"},
}


async def fill(store: SqliteStore, runs: int) -> None:
    """Past runs, one a minute, their schedules in turn; SQLite makes them itself."""
    async with store.transaction():
        for number, schedule in enumerate(SCHEDULES):
            for table, (rows, noun) in past(schedule).items():
                row = rows.row(noun)
                values = ", ".join(OWN[table].get(name, f":{name}") for name in row)
                sql = (
                    f"{NUMBERS} insert into {table} ({', '.join(row)}) select {values} from numbers"  # noqa: S608
                    f" where n % {len(SCHEDULES)} = {number} order by n"
                )
                await store.rows(sql, row | {"runs": runs})


async def some_files(desk: CoreHarness, runs: int) -> None:
    """The files of the newest reports, as each is looked for before it is listed."""
    desk.folder.mkdir()
    for number in range(max(0, runs - 500), runs):
        (desk.folder / f"r{number}.xlsx").write_bytes(FILE)


async def slowest(ask: Ask) -> float:
    """Of so many times; the first one, which warms up, does not count."""
    await ask()
    took = []
    for _ in range(TIMES):
        started = time.perf_counter()
        await ask()
        took.append(time.perf_counter() - started)
    return max(took)


def command(desk: CoreHarness, text: str) -> Ask:
    word, _, rest = text.partition(" ")
    does = router.find(word)
    if does is None:
        raise ValueError(text)
    message = make_message(text)
    control = AccessControl(desk.context, desk.access_policy)

    async def ask() -> object:
        access = await control.of_message(message, does.permission)
        return await does.handler(desk.context, CommandRequest(message=message, access=access, argument=rest))

    return ask


def own_questions(desk: CoreHarness) -> Mapping[str, Ask]:
    """What the service asks by itself, again and again."""
    store, now = desk.store, desk.clock()
    return {
        "(the open run of a schedule)": lambda: desk.runs.find_running("s3"),
        "(a tick of the watcher)": desk.watcher.tick,
        "(a claim, nothing to do)": lambda: store.claim_job(["card", "file"], "me", now, now),
        "(a task's claim, nothing to do)": lambda: SqliteTaskStore(store).claim_task("me", now, now),
        "(what is in trouble)": desk.context.delivery.resender.undelivered,
        "(a minute's housekeeping)": desk.reconciler.run,
    }


async def times(folder: Path, runs: int) -> Mapping[str, float]:
    store = SqliteStore(folder / f"{runs}.db")
    await store.open()
    try:
        await fill(store, runs)
        clock = FakeClock(START + timedelta(minutes=runs))
        desk = CoreHarness(store=store, clock=clock, folder=folder / f"reports{runs}")
        desk.engine.known[:] = SCHEDULES
        await some_files(desk, runs)
        asks = {**{text: command(desk, text) for text in COMMANDS}, **own_questions(desk)}
        return {text: await slowest(ask) for text, ask in asks.items()}
    finally:
        await store.close()


async def main() -> int:
    small, large = SIZES
    columns = (f"ms, {large:,} runs", f"ms, {small:,} runs")
    table = Table("asked", *columns, "ratio", f"under {GOAL * 1000:.0f} ms")
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        found = {runs: await times(Path(folder), runs) for runs in SIZES}
        size = (Path(folder) / f"{large}.db").stat().st_size / 1024**2
    for text, took in found[large].items():
        before = found[small][text]
        shown = (f"{took * 1000:.1f}", f"{before * 1000:.1f}", f"{took / before:.2f}")
        table.add_row(text, *shown, "yes" if took < GOAL else "NO")
    Console().print(table)
    Console().print(f"{size:.0f} MiB, all in {time.perf_counter() - started:.0f} s")
    return 0 if all(took < GOAL for took in found[large].values()) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
