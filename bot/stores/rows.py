"""Nouns to rows and back: one column per field, nested values as JSON (pydantic converts them).

Times are text of one width in UTC, so that SQLite compares them rightly.
"""

import asyncio
import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Generic, TypeVar, get_type_hints

from pydantic import TypeAdapter

from bot.models import Download, Grant, Job, Report, Run, Task

Noun = TypeVar("Noun")

_JSON = json.JSONEncoder(ensure_ascii=False).encode

FEW = 200  # rows that are read in a few milliseconds


class Rows(Generic[Noun]):
    """How one noun is written.

    `nested` names the fields that are kept as JSON; `also` names properties that get a column for searching.
    """

    def __init__(self, noun: type[Noun], *, nested: tuple[str, ...] = (), also: tuple[str, ...] = ()) -> None:
        self._adapter: TypeAdapter[Noun] = TypeAdapter(noun)
        self._fields: tuple[str, ...] = tuple(noun.__dataclass_fields__)  # type: ignore[attr-defined]
        kinds = get_type_hints(noun)
        self._nested: Mapping[str, TypeAdapter[Any]] = {name: TypeAdapter(kinds[name]) for name in nested}
        self._also = also
        self.columns = (*self._fields, *also)

    def row(self, noun: Noun) -> dict[str, Any]:
        """Values by column, ready for SQLite."""
        return {name: self._value(name, getattr(noun, name)) for name in self.columns}

    def _value(self, name: str, value: Any) -> Any:
        if value is None:
            return None
        nested = self._nested.get(name)
        if nested:
            return _JSON(nested.dump_python(value, mode="json"))
        if isinstance(value, datetime):
            return stamp(value)
        return value.value if isinstance(value, Enum) else value

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
    return time.astimezone(UTC).isoformat(timespec="microseconds")


RUNS = Rows(
    Run,
    nested=("schedule", "asked_by", "asked_in", "task_ids", "tally", "failures"),
    also=("schedule_id", "schedule_name"),
)
JOBS = Rows(Job, nested=("payload", "result"))
REPORTS = Rows(Report)
GRANTS = Rows(Grant)
DOWNLOADS = Rows(Download)
TASKS = Rows(Task, nested=("ports", "found"))
