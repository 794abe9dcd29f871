"""Dump of a SQLite store."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from sqlite3 import Row
from typing import Any

from bot.downloads import DownloadLink
from bot.stores.dump import Asset, BlockedLimit, Entry, KeyValue, TaskRecord, UsageRecord
from bot.stores.sqlite.documents import COLUMNS, document_from_row, document_row
from bot.stores.sqlite.rows import (
    AUDIT,
    DOWNLOADS,
    JOBS,
    LAPSES,
    LINKS,
    OVERRIDES,
    REPORTS,
    RUNS,
    TASKS,
    WATCHES,
    Rows,
    stamp,
)
from bot.stores.sqlite.store import SqliteStore

Values = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Table of a kind of records. `number` is the column of the insertion order."""

    name: str
    columns: Sequence[str]
    record: Callable[[Row], Any]
    row: Callable[[Any], Mapping[str, Any]]
    number: str = ""


def _model_table(rows: Rows[Any], name: str) -> Table:
    return Table(name=name, columns=rows.columns, record=rows.model, row=rows.row, number="rowid")


def _record_table(kind: type[Any], name: str) -> Table:
    columns = tuple(kind.__dataclass_fields__)

    def record(row: Row) -> Any:
        return kind(**{column: row[column] for column in columns})

    return Table(name=name, columns=columns, record=record, row=asdict)


def _task_record(row: Row) -> TaskRecord:
    until = row["lease_until"]
    lease = datetime.fromisoformat(until) if until else None
    return TaskRecord(task=TASKS.model(row), owner=row["owner"], lease_until=lease)


def _task_row(record: TaskRecord) -> Values:
    lease = stamp(record.lease_until) if record.lease_until else None
    return TASKS.row(record.task) | {"owner": record.owner, "lease_until": lease}


LINK_COLUMNS = tuple(name for name in LINKS.columns if name != "downloads")  # counted from its downloads


def _link(row: Row) -> DownloadLink:
    return LINKS.model({"downloads": 0, **dict(row)})


TABLES: Mapping[str, Table] = {
    "runs": _model_table(RUNS, "runs"),
    "jobs": _model_table(JOBS, "jobs"),
    "reports": _model_table(REPORTS, "reports"),
    "facts": _record_table(KeyValue, "facts"),
    "tasks": Table(
        name="tasks",
        columns=(*TASKS.columns, "owner", "lease_until"),
        record=_task_record,
        row=_task_row,
        number="number",
    ),
    "assets": _record_table(Asset, "assets"),
    "links": Table(
        name="links",
        columns=LINK_COLUMNS,
        record=_link,
        row=lambda link: {name: LINKS.row(link)[name] for name in LINK_COLUMNS},
        number="rowid",
    ),
    "downloads": Table(
        name="downloads",
        columns=DOWNLOADS.columns,
        record=DOWNLOADS.model,
        row=DOWNLOADS.row,
        number="number",
    ),
    "audit": Table(name="audit", columns=AUDIT.columns, record=AUDIT.model, row=AUDIT.row, number="number"),
    "overrides": Table(
        name="overrides", columns=OVERRIDES.columns, record=OVERRIDES.model, row=OVERRIDES.row
    ),
    "watches": Table(name="watches", columns=WATCHES.columns, record=WATCHES.model, row=WATCHES.row),
    "lapses": _model_table(LAPSES, "lapses"),
    "documents": Table(
        name="documents", columns=COLUMNS, record=document_from_row, row=document_row, number="number"
    ),
    "booked": Table(
        name="booked",
        columns=("month", "bucket", "calls"),
        record=lambda row: UsageRecord(month=row["month"], kind=row["bucket"], calls=row["calls"]),
        row=lambda usage: {"month": usage.month, "bucket": usage.kind, "calls": usage.calls},
    ),
    "gates": Table(
        name="gates",
        columns=("gate", "until"),
        record=lambda row: BlockedLimit(limiter=row["gate"], until=datetime.fromisoformat(row["until"])),
        row=lambda block: {"gate": block.limiter, "until": stamp(block.until)},
    ),
}


class SqliteDump:
    """Dumpable on the file of a `SqliteStore`, which opens and closes it."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def count(self, kind: str) -> int:
        table = TABLES[kind]
        (row,) = await self._store.rows(f"select count(*) from {table.name}")  # noqa: S608
        return int(row[0])

    async def read(self, kind: str) -> AsyncIterator[Entry]:
        table = TABLES[kind]
        sql = f"select *, {table.number or 0} as insertion_number from {table.name}"  # noqa: S608
        async for row in self._store.stream(sql):
            yield Entry(number=row["insertion_number"], record=table.record(row))

    async def write(self, kind: str, entries: Sequence[Entry]) -> None:
        table = TABLES[kind]
        places = [table.number] if table.number else []
        rows = [{**table.row(entry.record)} | dict.fromkeys(places, entry.number) for entry in entries]
        await self._store.insert_many(table.name, (*table.columns, *places), rows)
