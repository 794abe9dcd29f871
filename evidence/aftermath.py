"""Check what a power cut left on a disk, after each change of a recorded trace. Nothing is started for it."""

import hashlib
import random
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from evidence.disk import Change, Disk, Kind, restore
from evidence.disk_trace import TraceReader
from evidence.history import Act, Effect

SEEDS = 2  # choices of what reached the disk, for each change
ENDED = frozenset({"done", "unconfirmed"})  # states of a job whose file was sent, or may have been


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A power cut after a change."""

    number: int  # of the change
    change: Change
    seed: int  # of what reached the disk though it was not synced; 0 is nothing
    wrong: str = ""

    def __str__(self) -> str:
        after = f"{self.change.kind} of {self.change.path}"
        return f"cut after change {self.number}, {after}, seed {self.seed}: {self.wrong}"


def replay(
    disk: Disk, trace: Path, root: Path, *, seen: Sequence[Effect] = (), seeds: int = SEEDS
) -> Iterator[Cut]:
    """Follow a trace, and yield what each power cut comes to. `seen` is what people saw, at its time.

    What a cut leaves without anything that was not synced changes with a sync only, or with what people saw.
    """
    with trace.open(encoding="ascii", errors="replace") as lines, tempfile.TemporaryDirectory() as left:
        for number, change in enumerate(TraceReader(root).changes(lines), 1):
            disk.apply(change)
            before = [effect for effect in seen if effect.at.timestamp() <= change.at]
            for seed in range(0 if change.kind is Kind.SYNC or before else 1, seeds + 1):
                choice = random.Random(number * SEEDS + seed) if seed else None  # noqa: S311 - repeatable
                restore(disk.cut(choice), root, Path(left))
                wrong = "; ".join(problems(Path(left), before))
                yield Cut(number=number, change=change, seed=seed, wrong=wrong)


def problems(folder: Path, seen: Sequence[Effect] = ()) -> Iterator[str]:
    """Yield what is wrong with the files that a power cut left.

    `seen` is what people saw before it: the database must know of it, or it would be sent again.
    """
    database = folder / "data/dingrun.db"
    if not database.exists():
        yield from (f"the database is gone, and people saw {effect.id}" for effect in seen)
        return
    with closing(sqlite3.connect(database)) as connection:
        try:
            found = connection.execute("pragma integrity_check").fetchall()
            if found != [("ok",)]:
                yield f"the database is damaged: {found[:3]}"
                return
            if _has_tables(connection):
                yield from _wrong_reports(connection, folder / "reports")
            yield from _forgotten(connection, seen)
        except sqlite3.DatabaseError as error:
            yield f"the database cannot be read: {error}"


def _has_tables(connection: sqlite3.Connection) -> bool:
    """Return whether the store was made. Before that, nothing is claimed."""
    query = "select count(*) from sqlite_master where name in ('reports', 'runs', 'jobs')"
    (found,) = connection.execute(query).fetchone()
    return bool(found == 3)  # noqa: PLR2004


def _wrong_reports(connection: sqlite3.Connection, reports: Path) -> Iterator[str]:
    recorded = connection.execute("select run_id, path, sha256 from reports").fetchall()
    for run, path, digest in recorded:
        file = reports / path
        if not file.exists():
            yield f"the report of {run} is recorded, and gone"
        elif hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            yield f"the report of {run} is not what is recorded"
    claimed = connection.execute("select id from runs where export_status = 'success'").fetchall()
    for (run,) in claimed:
        if run not in {each for each, _, _ in recorded}:
            yield f"the export of {run} is claimed, and no report recorded"


def _forgotten(connection: sqlite3.Connection, seen: Sequence[Effect]) -> Iterator[str]:
    """Yield what people saw and would see again. A card that comes again is recognized by its id."""
    query = "select kind, state, send_attempted from jobs"
    jobs = connection.execute(query).fetchall() if seen else []
    for effect in seen:
        if effect.act is Act.FILE:
            known = any(kind == "file" and (state in ENDED or attempted) for kind, state, attempted in jobs)
        else:
            known = any(kind == "card" for kind, _, _ in jobs)
        if not known:
            yield f"people saw the {effect.act}, and it would be sent again"
