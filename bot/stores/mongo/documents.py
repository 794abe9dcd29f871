"""Nouns to MongoDB documents and back: the fields of `bot/models.py` under their names, the id as `_id`.

Times are BSON dates, which end at milliseconds; what is below stands beside them in `micros`, so that a noun
comes back as it was. Comparisons see milliseconds: a job may be claimed up to one early. Nested values are
documents, except those whose names come from outside: they are JSON text, since a name may hold dots.
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
from bot.models import Job, JobState, Report, Run, Task
from bot.stores.encoding import dump

Document = dict[str, Any]
Noun = TypeVar("Noun")

MICROS = 1000  # in a millisecond


class Documents(Generic[Noun]):
    """How one noun is written.

    `key` names the field that is its `_id`, `text` those that are JSON text; `also` names properties that
    are written for searching.
    """

    def __init__(
        self, noun: type[Noun], *, key: str = "id", text: tuple[str, ...] = (), also: tuple[str, ...] = ()
    ) -> None:
        self._whole: TypeAdapter[Noun] = TypeAdapter(noun)
        self._parts = {name: TypeAdapter(kind) for name, kind in get_type_hints(noun).items()}
        self._key = key
        self._text = frozenset(text)
        self._also = also

    def document(self, noun: Noun) -> Document:
        """The whole of it; a field that is None is left out."""
        given = {name: getattr(noun, name) for name in (*self._parts, *self._also)}
        written = {name: self._value(name, value) for name, value in given.items() if value is not None}
        micros = {name: rest(value) for name, value in given.items() if isinstance(value, datetime)}
        id_ = written.pop(self._key)
        return {"_id": id_, **written, "micros": {name: left for name, left in micros.items() if left}}

    def changes(self, given: Mapping[str, Any]) -> Document:
        """These fields, for `$set`."""
        written = {name: self._value(name, value) for name, value in given.items()}
        micros = {
            f"micros.{name}": rest(value) for name, value in given.items() if isinstance(value, datetime)
        }
        return written | micros

    def noun(self, document: Mapping[str, Any]) -> Noun:
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
    """A time as MongoDB keeps and compares it, to the millisecond; refuses naive ones."""
    if time.tzinfo is None:
        raise ValueError("times in the store are aware")
    return time.astimezone(UTC) - timedelta(microseconds=rest(time))


def rest(time: datetime) -> int:
    """The microseconds below the millisecond."""
    return time.microsecond % MICROS


def since(job: Job) -> datetime | None:
    """From when a job can be claimed; None once it has ended."""
    when = {JobState.TODO: job.due_at, JobState.DOING: job.lease_until}.get(job.state)
    return moment(when) if when else None


class Numbers:
    """Numbers that grow, for the order in which things were added: nanoseconds, never the same twice."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        self._last = max(time.time_ns(), self._last + 1)
        return self._last


RUNS = Documents(Run, also=("schedule_id", "schedule_name"))
JOBS = Documents(Job, text=("payload", "result"))
REPORTS = Documents(Report, key="run_id")
TASKS = Documents(Task)
GRANTS = Documents(DownloadLink)
DOWNLOADS = Documents(Download, key="link_id")
