"""The whole fault campaign with its counts: `python -m benchmarks.campaign [--seeds 40] [--every N]`.

At the end it sums up the rescues, those of the tests that provoke one path each among them.
"""

import asyncio
import json
import logging
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from bot.telemetry.rescues import Rescue, counting_rescues
from tests import ROOT
from tests.conftest import RESCUES_FILE
from tests.scenarios.fault_injection import (
    deaths,
    go_through,
    lost_answers,
    other_answers,
    points_of,
    run_case,
)
from tests.scenarios.faults import Fault

RUNS, BOTS = 4, 2
KINDS = ("lost", "doubled", "stuck")
Wrong = Mapping[str, Sequence[str]]


async def by_chance(folder: Path, seeds: int) -> tuple[Wrong, int]:
    """Two bots that die by chance over several runs, once per seed; what is wrong, and how often one died."""
    wrong, died = {}, 0
    for seed in range(seeds):
        fault = Fault(chance=random.Random(seed))  # noqa: S311 - the seed is printed
        found = await run_case(folder / f"seed {seed}", fault, bots=BOTS, asked=RUNS, seed=seed)
        died += fault.deaths
        if found:
            wrong[f"seed {seed}"] = found
    return wrong, died


def row(name: str, cases: int, wrong: Wrong) -> list[str]:
    words = Counter(text.partition(":")[0] for texts in wrong.values() for text in texts)
    other = words.total() - sum(words[kind] for kind in KINDS)
    return [name, str(cases), *(str(words[kind]) for kind in KINDS), str(other)]


async def campaign(folder: Path, seeds: int, every: int) -> tuple[Table, Wrong]:
    points = await points_of(folder / "calm")
    plans = {"a death": deaths, "a lost answer": lost_answers, "another answer": other_answers}
    table, all_wrong = Table(title=f"{len(points)} points"), dict[str, Sequence[str]]()
    for heading in ("at a point", "cases", *KINDS, "else wrong"):
        table.add_column(heading)
    for name, plan in plans.items():
        faults = plan(points)[::every]
        wrong = await go_through(folder / name, faults)
        table.add_row(*row(name, len(faults), wrong))
        all_wrong |= wrong
    wrong_by_chance, died = await by_chance(folder, seeds)
    title = f"{died} deaths by chance, {BOTS} bots, {RUNS} runs, seeds 0 to {seeds - 1}"
    table.add_row(*row(title, seeds, wrong_by_chance))
    return table, {**all_wrong, **wrong_by_chance}


def targeted(folder: Path) -> Counter[str]:
    """Run the tests that provoke one rescue each, and return what they took."""
    marked = [
        path for path in (ROOT / "tests").rglob("test_*.py") if "mark.rescue(Rescue" in path.read_text()
    ]
    counts = folder / "rescues.jsonl"
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-m", "rescue", *map(str, marked)]
    subprocess.run(  # noqa: S603 - our own tests
        command, cwd=ROOT, env=os.environ | {RESCUES_FILE: str(counts)}, check=True, stdout=subprocess.DEVNULL
    )
    return sum((Counter(json.loads(line)) for line in counts.read_text().splitlines()), Counter[str]())


def rescue_table(found: Counter[str], provoked: Counter[str]) -> Table:
    table = Table(title="rescues")
    for heading in ("path", "campaign", "targeted", ""):
        table.add_column(heading)
    for path in Rescue:
        counts = found[path.value], provoked[path.value]
        table.add_row(path.value, *map(str, counts), "" if any(counts) else "never")
    return table


@click.command()
@click.option("--seeds", default=40, show_default=True)
@click.option("--every", default=1, show_default=True, help="Each N-th case only.")
def main(seeds: int, every: int) -> None:
    """Go through all cases and print what was lost, doubled or stuck."""
    logging.disable(logging.CRITICAL)
    console, rescues = Console(), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        with counting_rescues(lambda path: rescues.update([path.value])):
            table, wrong = asyncio.run(campaign(Path(folder), seeds, every))
        console.print(table)
        console.print(rescue_table(rescues, targeted(Path(folder))))
    for case, found in wrong.items():
        console.print(f"{case}: {found}")


if __name__ == "__main__":
    main()
