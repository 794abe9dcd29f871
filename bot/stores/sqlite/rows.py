"""Conversion of models to rows: one column per field, nested values as JSON.

Times are UTC text of a fixed width, so that SQLite compares them correctly.
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
from bot.models import AuditEntry, Job, Lapse, Report, Reservation, Run, ScheduleOverride, Task, Watch
from bot.stores.encoding import dump

Model = TypeVar("Model")

Writer = Callable[[Any], Any]

MAX_INLINE_ROWS = 200  # converted within a few milliseconds


class Rows(Generic[Model]):
    """Mapping of a model to rows.

    - `nested`: fields that are stored as JSON.
    - `also`: properties that get a column, for queries.
    """

    def __init__(
        self, model: type[Model], *, nested: tuple[str, ...] = (), also: tuple[str, ...] = ()
    ) -> None:
        self._adapter: TypeAdapter[Model] = TypeAdapter(model)
        self._fields: tuple[str, ...] = tuple(model.__dataclass_fields__)  # type: ignore[attr-defined]
        kinds = get_type_hints(model)
        writers = {name: _writer(kinds[name], nested=name in nested) for name in self._fields}
        self._writers = {name: write for name, write in writers.items() if write}
        self._nested = nested
        self.columns = (*self._fields, *also)

    def row(self, model: Model) -> dict[str, Any]:
        """Return the values by column."""
        return self.changes({name: getattr(model, name) for name in self.columns})

    def changes(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of some columns as they are stored."""
        return {
            name: self._writers[name](value) if value is not None and name in self._writers else value
            for name, value in values.items()
        }

    def model(self, row: sqlite3.Row | Mapping[str, Any]) -> Model:
        values = {name: row[name] for name in self._fields}
        for name in self._nested:
            values[name] = None if values[name] is None else json.loads(values[name])
        return self._adapter.validate_python(values)


async def models(kind: Rows[Model], rows: Sequence[sqlite3.Row]) -> list[Model]:
    """Convert rows to models, in a thread if there are many, so that acks are not delayed."""

    def read() -> list[Model]:
        return [kind.model(row) for row in rows]

    return read() if len(rows) <= MAX_INLINE_ROWS else await asyncio.to_thread(read)


def stamp(time: datetime) -> str:
    """Return a time as stored text. Raises `ValueError` for a naive time."""
    if time.tzinfo is None:
        raise ValueError("times in the store must be timezone-aware")
    there = time if time.tzinfo is UTC else time.astimezone(UTC)
    return there.isoformat(timespec="microseconds")


def _writer(kind: Any, *, nested: bool) -> Writer | None:
    """Return the conversion of a field for SQLite, or None if it needs none."""
    if nested:
        adapter: TypeAdapter[Any] = TypeAdapter(kind)
        return lambda value: dump(adapter, value, adapter.dump_json).decode()
    kinds = get_args(kind) or (kind,)
    if datetime in kinds:
        return stamp
    return attrgetter("value") if any(issubclass(each, Enum) for each in kinds) else None


RUNS = Rows(
    Run,
    nested=(
        "schedule",
        "asked_by",
        "approved_by",
        "stopped_by",
        "stop_approved_by",
        "asked_in",
        "task_ids",
        "task_counts",
        "failures",
        "findings",
        "muted",
        "trend",
    ),
    also=("schedule_id", "schedule_name"),
)
JOBS = Rows(Job, nested=("payload", "result"))
REPORTS = Rows(Report)
LINKS = Rows(DownloadLink)
DOWNLOADS = Rows(Download)
AUDIT = Rows(AuditEntry, nested=("actor",), also=("actor_id", "actor_name"))
RESERVATIONS = Rows(Reservation, nested=("details",))
TASKS = Rows(Task, nested=("ports", "found"))
OVERRIDES = Rows(ScheduleOverride, nested=("notify", "mute", "acknowledgement"))
LAPSES = Rows(Lapse, nested=("schedule", "allowed", "usual"), also=("schedule_id",))
WATCHES = Rows(Watch)
