"""The whole history of a SQLite store, to be read or filled up."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from sqlite3 import Row
from typing import Any

from bot.downloads import DownloadLink
from bot.stores.dump import MARKS, Asset, BlockedLimit, Entry, KeyValue, TaskRecord, UsageRecord
from bot.stores.sqlite.rows import DOWNLOADS, GRANTS, JOBS, REPORTS, RUNS, TASKS, Rows, stamp
from bot.stores.sqlite.store import SqliteStore

Values = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Where a kind of record lies, and how it is read and written; `number` is the column of its number."""

    name: str
    columns: Sequence[str]
    record: Callable[[Row], Any]
    row: Callable[[Any], Values]
    number: str = ""
    where: str = "true"


def _of(rows: Rows[Any], name: str) -> Table:
    return Table(name=name, columns=rows.columns, record=rows.noun, row=rows.row, number="rowid")


def _plain(kind: type[Any], name: str, where: str = "true") -> Table:
    columns = tuple(kind.__dataclass_fields__)

    def record(row: Row) -> Any:
        return kind(**{column: row[column] for column in columns})

    return Table(name=name, columns=columns, record=record, row=asdict, where=where)


def _held(row: Row) -> TaskRecord:
    until = row["lease_until"]
    lease = datetime.fromisoformat(until) if until else None
    return TaskRecord(task=TASKS.noun(row), owner=row["owner"], lease_until=lease)


def _held_row(held: TaskRecord) -> Values:
    lease = stamp(held.lease_until) if held.lease_until else None
    return TASKS.row(held.task) | {"owner": held.owner, "lease_until": lease}


LINK_COLUMNS = tuple(name for name in GRANTS.columns if name != "downloads")  # its downloads tell that


def _grant(row: Row) -> DownloadLink:
    return GRANTS.noun({"downloads": 0, **dict(row)})


TABLES: Mapping[str, Table] = {
    "runs": _of(RUNS, "runs"),
    "jobs": _of(JOBS, "jobs"),
    "reports": _of(REPORTS, "reports"),
    "facts": _plain(KeyValue, "facts", f"key not in {MARKS}"),
    "tasks": Table(
        name="tasks",
        columns=(*TASKS.columns, "owner", "lease_until"),
        record=_held,
        row=_held_row,
        number="number",
    ),
    "assets": _plain(Asset, "assets"),
    "links": Table(
        name="links",
        columns=LINK_COLUMNS,
        record=_grant,
        row=lambda grant: {name: GRANTS.row(grant)[name] for name in LINK_COLUMNS},
        number="rowid",
    ),
    "downloads": Table(
        name="downloads",
        columns=DOWNLOADS.columns,
        record=DOWNLOADS.noun,
        row=DOWNLOADS.row,
        number="number",
    ),
    "booked": _plain(UsageRecord, "booked"),
    "gates": Table(
        name="gates",
        columns=("gate", "until"),
        record=lambda row: BlockedLimit(gate=row["gate"], until=datetime.fromisoformat(row["until"])),
        row=lambda closing: {"gate": closing.gate, "until": stamp(closing.until)},
    ),
}


class SqliteDump:
    """Movable on the file of a `SqliteStore`, which opens and closes it."""

    kinds: Sequence[str] = tuple(TABLES)

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def count(self, kind: str) -> int:
        table = TABLES[kind]
        (row,) = await self._store.rows(f"select count(*) from {table.name} where {table.where}")  # noqa: S608
        return int(row[0])

    async def read(self, kind: str) -> AsyncIterator[Entry]:
        table = TABLES[kind]
        sql = f"select *, {table.number or 0} as place from {table.name} where {table.where}"  # noqa: S608
        async for row in self._store.stream(sql):
            yield Entry(number=row["place"], record=table.record(row))

    async def write(self, kind: str, entries: Sequence[Entry]) -> None:
        table = TABLES[kind]
        places = [table.number] if table.number else []
        rows = [table.row(entry.record) | dict.fromkeys(places, entry.number) for entry in entries]
        await self._store.insert_many(table.name, (*table.columns, *places), rows)
