"""Nouns to rows and back: one column per field, nested values as JSON (pydantic converts them).

Times are text of one width in UTC, so that SQLite compares them rightly.
"""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from operator import attrgetter
from typing import Any, Generic, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter

from bot.downloads import Download, DownloadLink
from bot.models import Job, Report, Run, Task
from bot.stores.encoding import dump

Noun = TypeVar("Noun")

Writer = Callable[[Any], Any]

FEW = 200  # rows that are read in a few milliseconds


class Rows(Generic[Noun]):
    """How one noun is written.

    `nested` names the fields that are kept as JSON; `also` names properties that get a column for searching.
    """

    def __init__(self, noun: type[Noun], *, nested: tuple[str, ...] = (), also: tuple[str, ...] = ()) -> None:
        self._adapter: TypeAdapter[Noun] = TypeAdapter(noun)
        self._fields: tuple[str, ...] = tuple(noun.__dataclass_fields__)  # type: ignore[attr-defined]
        kinds = get_type_hints(noun)
        writers = {name: _writer(kinds[name], nested=name in nested) for name in self._fields}
        self._writers = [(name, write) for name, write in writers.items() if write]
        self._nested = nested
        self.columns = (*self._fields, *also)

    def row(self, noun: Noun) -> dict[str, Any]:
        """Values by column, ready for SQLite."""
        values = {name: getattr(noun, name) for name in self.columns}
        for name, write in self._writers:
            if values[name] is not None:
                values[name] = write(values[name])
        return values

    def noun(self, row: sqlite3.Row | Mapping[str, Any]) -> Noun:
        values = {name: row[name] for name in self._fields}
        for name in self._nested:
            values[name] = None if values[name] is None else json.loads(values[name])
        return self._adapter.validate_python(values)


async def nouns(kind: Rows[Noun], rows: Sequence[sqlite3.Row]) -> list[Noun]:
    """Rows as nouns; many of them beside the event loop, where answers are waited for."""

    def read() -> list[Noun]:
        return [kind.noun(row) for row in rows]

    return read() if len(rows) <= FEW else await asyncio.to_thread(read)


def stamp(time: datetime) -> str:
    """A time as it is stored and compared; refuses naive ones."""
    if time.tzinfo is None:
        raise ValueError("times in the store are aware")
    there = time if time.tzinfo is UTC else time.astimezone(UTC)
    return there.isoformat(timespec="microseconds")


def _writer(kind: Any, *, nested: bool) -> Writer | None:
    """What turns values of a field's type into what SQLite keeps; None when it keeps them as they are."""
    if nested:
        adapter: TypeAdapter[Any] = TypeAdapter(kind)
        return lambda value: dump(adapter, value, adapter.dump_json).decode()
    kinds = get_args(kind) or (kind,)
    if datetime in kinds:
        return stamp
    return attrgetter("value") if any(issubclass(each, Enum) for each in kinds) else None


RUNS = Rows(
    Run,
    nested=("schedule", "asked_by", "asked_in", "task_ids", "task_counts", "failures", "findings"),
    also=("schedule_id", "schedule_name"),
)
JOBS = Rows(Job, nested=("payload", "result"))
REPORTS = Rows(Report)
GRANTS = Rows(DownloadLink)
DOWNLOADS = Rows(Download)
TASKS = Rows(Task, nested=("ports", "found"))
