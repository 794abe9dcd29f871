"""Conversion of models to MongoDB documents. Fields keep their names, and the id becomes `_id`.

- Times are BSON dates, with a precision of milliseconds. The remaining microseconds are in `micros`.
- Comparisons ignore them, so a job may be claimed up to a millisecond early.
- Nested values are documents, or JSON text if their keys come from outside, because keys may contain dots.
"""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Generic, TypeVar, get_type_hints

from pydantic import TypeAdapter

from bot.downloads import Download, DownloadLink
from bot.foreign_text import storable, storable_value
from bot.models import (
    AuditEntry,
    Job,
    JobState,
    Lapse,
    Report,
    Reservation,
    Run,
    ScheduleOverride,
    Task,
    Watch,
)
from bot.stores.encoding import dump

Document = dict[str, Any]
Model = TypeVar("Model")

MICROS_PER_MILLISECOND = 1000


class Documents(Generic[Model]):
    """Mapping of a model to documents.

    - `key`: field that becomes `_id`.
    - `text`: fields that are stored as JSON text.
    - `also`: properties that are stored as well, for queries.
    """

    def __init__(
        self, model: type[Model], *, key: str = "id", text: tuple[str, ...] = (), also: tuple[str, ...] = ()
    ) -> None:
        self._whole: TypeAdapter[Model] = TypeAdapter(model)
        self._parts = {name: TypeAdapter(kind) for name, kind in get_type_hints(model).items()}
        self._key = key
        self._text = frozenset(text)
        self._also = also

    def document(self, model: Model) -> Document:
        """Return the document of a model, without the fields that are None."""
        given = {name: getattr(model, name) for name in (*self._parts, *self._also)}
        written = {name: self._value(name, value) for name, value in given.items() if value is not None}
        micros = {name: extra_micros(value) for name, value in given.items() if isinstance(value, datetime)}
        id_ = written.pop(self._key)
        return {"_id": id_, **written, "micros": {name: left for name, left in micros.items() if left}}

    def changes(self, given: Mapping[str, Any]) -> Document:
        """Return changed fields for `$set`."""
        written = {name: self._value(name, value) for name, value in given.items()}
        micros = {
            f"micros.{name}": extra_micros(value)
            for name, value in given.items()
            if isinstance(value, datetime)
        }
        return written | micros

    def model(self, document: Mapping[str, Any]) -> Model:
        micros: Mapping[str, int] = document.get("micros", {})
        values = {name: document[name] for name in self._parts if name in document}
        values[self._key] = document["_id"]
        for name, value in values.items():
            if isinstance(value, datetime):
                values[name] = value + timedelta(microseconds=micros.get(name, 0))
            elif name in self._text:
                values[name] = json.loads(value)
        return self._whole.validate_python(values)

    def _value(self, name: str, value: Any) -> Any:
        if isinstance(value, datetime):
            return moment(value)
        if name not in self._parts:
            return storable(value) if isinstance(value, str) else value
        adapter = self._parts[name]
        plain = storable_value(dump(adapter, value, partial(adapter.dump_python, mode="json")))
        return json.dumps(plain, ensure_ascii=False) if name in self._text else plain


def moment(time: datetime) -> datetime:
    """Truncate a time to the precision of MongoDB. Raises `ValueError` for a naive time."""
    if time.tzinfo is None:
        raise ValueError("times in the store must be timezone-aware")
    return time.astimezone(UTC) - timedelta(microseconds=extra_micros(time))


def extra_micros(time: datetime) -> int:
    """Return the microseconds that MongoDB does not store."""
    return time.microsecond % MICROS_PER_MILLISECOND


def since(job: Job) -> datetime | None:
    """Return the time from which a job can be claimed, or None for an ended job."""
    when = {JobState.TODO: job.due_at, JobState.DOING: job.lease_until}.get(job.state)
    return moment(when) if when else None


class Numbers:
    """Increasing numbers for the insertion order, in nanoseconds, each unique in this process."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        self._last = max(time.time_ns(), self._last + 1)
        return self._last


RUNS = Documents(Run, also=("schedule_id", "schedule_name"))
JOBS = Documents(Job, text=("payload", "result"))
REPORTS = Documents(Report, key="run_id")
TASKS = Documents(Task)
RESERVATIONS = Documents(Reservation, key="key", text=("details",))
LINKS = Documents(DownloadLink)
DOWNLOADS = Documents(Download, key="link_id")
AUDIT = Documents(AuditEntry)
OVERRIDES = Documents(ScheduleOverride, key="schedule_id")
LAPSES = Documents(Lapse, also=("schedule_id",))
WATCHES = Documents(Watch, key="schedule_id")
