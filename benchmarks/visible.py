"""Time from the end of a run to its card in the group: `python -m benchmarks.visible [--runs 10]`.

Runs `python -m bot` as a process, connected to the sandbox, and starts a run of another schedule each second
from the chat. Each probes one site, so the runs end a second apart. The time is from the end of the last
task, as the store has it, to the summary card in the group. Of the files, the first one counts for the first
run.
"""

import asyncio
import re
import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks.idle import GROUP, PERSON, running_bot
from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.inbound.speech import Speech

TIMEOUT_SECONDS = 90.0
NAME = "可见性{:02}号"
NAMED = re.compile("可见性\\d+号")
ENDS = """
select json_extract(runs.schedule, '$.name') as name, max(tasks.end_time) as ended
from runs join tasks on tasks.run_id = runs.id group by runs.id
"""
P95 = 0.95


def schedules(runs: int, sandbox: Sandbox) -> list[dict[str, Any]]:
    each = {"cron": "0 3 1 1 *", "targets": ["127.0.0.1"], "ports": [sandbox.port], "notify_enable": True}
    return [each | {"name": NAME.format(number), "export": True} for number in range(runs)]


def ends(database: Path) -> Mapping[str, datetime]:
    """Return when the last task of each run ended, by the name of its schedule."""
    with closing(sqlite3.connect(database)) as db:
        return {name: datetime.fromisoformat(ended) for name, ended in db.execute(ENDS) if ended}


def seen(sandbox: Sandbox, kind: str) -> list[datetime]:
    """Return when each message of a kind came to the group."""
    return [each.at for each in sandbox.state.conversations.messages(GROUP) if each.kind == kind]


async def until(is_done: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not is_done():  # noqa: ASYNC110 - another process works
            await asyncio.sleep(0.02)


async def start_runs(sandbox: Sandbox, runs: int) -> None:
    started = time.perf_counter()
    for number in range(runs):
        await asyncio.sleep(max(0.0, started + number - time.perf_counter()))
        text = f"@DingRun 重跑 {NAME.format(number)}"
        await sandbox.actions.say(Speech(conversation=GROUP, user=PERSON, text=text))


async def measure(runs: int) -> Mapping[str, Sequence[float]]:
    """Return the seconds from the end of each run to its card, and to its file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with Sandbox() as sandbox:
            extra = {"schedules": schedules(runs, sandbox)}
            async with running_bot(sandbox, f"sqlite:///{name}/d.db", folder, extra):
                await asyncio.sleep(2)
                await start_runs(sandbox, runs)
                await until(lambda: len(seen(sandbox, "file")) >= runs)
            ended = await asyncio.to_thread(ends, folder / "d.db")
            cards = cards_by_schedule(sandbox)
            to_card = sorted((cards[name] - end).total_seconds() for name, end in ended.items())
            files = zip(sorted(ended.values()), sorted(seen(sandbox, "file")), strict=True)
            return {"card": to_card, "file": sorted((at - end).total_seconds() for end, at in files)}


def cards_by_schedule(sandbox: Sandbox) -> Mapping[str, datetime]:
    cards = [each for each in sandbox.state.conversations.messages(GROUP) if each.kind == "card"]
    return {NAMED.findall(str(each.content))[0]: each.at for each in cards}


@click.command()
@click.option("--runs", default=10, show_default=True)
def main(runs: int) -> None:
    """Measure runs that end a second apart, with reports."""
    table = Table("message", "median (s)", "p95 (s)", "slowest (s)")
    for kind, times in asyncio.run(measure(runs)).items():
        chosen = (times[len(times) // 2], times[min(len(times) - 1, int(len(times) * P95))], times[-1])
        table.add_row(kind, *(f"{each:.2f}" for each in chosen))
    Console().print(table)


if __name__ == "__main__":
    main()
