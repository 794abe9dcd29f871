"""A simulated year of two bots, judged from outside.

    python -m evidence.year [--seed N] [--first 2028-01-01] [--days 366] [--store MONGODB_URL]

The simulation is a process of its own (`tests.scenarios.year_simulation`). What was due in these days is
known here by the calendar alone: in Europe/Berlin, with a leap day, a skipped hour and a repeated one.
"""

import argparse
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from evidence.calls import LATE, unexplained
from evidence.history import Calls, Record, Wish, read_history, write_history
from evidence.judge import PROMISED, Judgement, Verdict, judge
from evidence.wishes import Due, expectations
from evidence.world import ROOT

ZONE = ZoneInfo("Europe/Berlin")
FIRST = date(2028, 1, 1)
DAYS = 366
DUE: Mapping[str, tuple[time, Callable[[date], bool]]] = {
    "daily": (time(2, 30), lambda day: True),
    "evening": (time(23, 55), lambda day: True),
    "weekly": (time(8), lambda day: day.weekday() == 0),
    "monthly": (time(0, 5), lambda day: day.day == 1),
    "leap": (time(12), lambda day: (day.month, day.day) == (2, 29)),
}
"""Time and days of each schedule."""


def instant(day: date, at: time) -> datetime:
    """Return a local time in UTC. One that the clocks skip is the end of the skipped hour."""
    local = datetime.combine(day, at, ZONE)
    if local.astimezone(UTC).astimezone(ZONE).replace(tzinfo=None) != local.replace(tzinfo=None):
        local = local.replace(minute=0)  # 02:00 in winter time is 03:00 in summer time
    return local.astimezone(UTC)


def calendar(first: date, days: int) -> Iterator[Due]:
    """Yield the runs that the calendar starts, in the order of days."""
    for day in (first + timedelta(days=number) for number in range(days)):
        for name, (at, is_due) in DUE.items():
            if is_due(day):
                yield Due(run=f"{name}@{day}", schedule=name, at=instant(day, at))


def complete(first: date, days: int, history: Iterable[Record]) -> Sequence[Record]:
    """Return a history with what people were to see, by the calendar and by what they asked for."""
    records = [*history]
    wishes = [record for record in records if isinstance(record, Wish)]
    calls = [record for record in records if isinstance(record, Calls)]
    return [*expectations([*calendar(first, days)], wishes, calls), *records]


def simulate(folder: Path, options: argparse.Namespace) -> tuple[str, Sequence[Record]]:
    """Live through the days. Returns what happened in them, and the history."""
    history = folder / "history.jsonl"
    store = f"sqlite:///{folder}/dingrun.db"
    if options.store != "sqlite":
        store = f"{options.store.rstrip('/')}/dingrun_year_{secrets.token_hex(6)}"
    command = [sys.executable, "-m", "tests.scenarios.year_simulation", "--out", str(history)]
    command += ["--folder", str(folder), "--store", store, "--seed", str(options.seed)]
    command += ["--first", options.first.isoformat(), "--days", str(options.days)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    if done.returncode:
        raise RuntimeError(f"the simulation fails: {done.stderr[-2000:]}")
    return done.stdout.strip(), complete(options.first, options.days, read_history(history))


def report(judgements: Sequence[Judgement]) -> str:
    """Return the counts of all verdicts, and a line for each broken promise."""
    counts = Counter(found.verdict for found in judgements)
    broken = [found for found in judgements if found.verdict not in PROMISED]
    lines = [
        f"{each.verdict}: {each.key.act} of {each.key.run} to {each.key.destination}: {each.why}"
        for each in broken
    ]
    return "\n".join([*lines, ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict)])


def main(argv: Sequence[str] | None = None) -> int:
    """Print what happened and the verdicts. Return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m evidence.year", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=date.fromisoformat, default=FIRST, metavar="DAY")
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--store", default="sqlite", help="sqlite, or the URL of a MongoDB server")
    parser.add_argument("--keep", type=Path, help="file for the history")
    options = parser.parse_args(argv)
    folder = Path(tempfile.mkdtemp(prefix="year-"))
    try:
        happened, history = simulate(folder, options)
    finally:
        shutil.rmtree(folder)
    if options.keep:
        write_history(options.keep, history)
    judgements, wrong = judge(history, late=LATE), [*unexplained(history)]
    sys.stdout.write("\n".join([happened, *wrong, report(judgements), ""]))
    return 1 if wrong or any(found.verdict not in PROMISED for found in judgements) else 0


if __name__ == "__main__":
    sys.exit(main())
