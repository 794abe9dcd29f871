"""Records of a store dump, in which a history moves from one store to another."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from bot.models import Task

KINDS = (
    "facts",  # watermarks follow what they tell of
    "lapses",  # each is told after the jobs of its alerts are stored
    "runs",  # each ends after the jobs that follow are stored
    "watches",  # a start is stored before its run
    "jobs",
    "documents",
    "reports",  # each is stored before its job ends
    "links",
    "downloads",
    "tasks",  # each ends before its run
    "assets",  # they are stored before their task ends
    "audit",
    "overrides",
    "booked",
    "gates",
)
"""Kinds of records, in the order in which they are read while bots go on.

What is stored later is read first. So whatever a record relies on is in the dump too, and what is missing
follows from the rest, as after a crash.
"""
HISTORY_KINDS = ("runs", "jobs", "reports", "audit", "documents", "links", "tasks")
"""Kinds of which a store that was never used has no record."""
BATCH_SIZE = 500  # records per write


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Record with its number in insertion order. The number is 0 if the order does not matter."""

    number: int
    record: Any


@dataclass(frozen=True, kw_only=True)
class KeyValue:
    """Value stored by key."""

    key: str
    value: str


@dataclass(frozen=True, kw_only=True)
class TaskRecord:
    """Task with its owner and lease."""

    task: Task
    owner: str = ""
    lease_until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Asset:
    """Asset that a task found. `document` is JSON."""

    kind: str
    task_id: str
    key: str
    document: str


@dataclass(frozen=True, kw_only=True)
class UsageRecord:
    """Number of calls of a quota kind in a month."""

    month: str
    kind: str
    calls: int


@dataclass(frozen=True, kw_only=True)
class BlockedLimit:
    """Block of a rate limiter. Its slots are not copied, because they are free within a minute."""

    limiter: str
    until: datetime


class Dumpable(Protocol):
    """Store whose whole history can be read and written."""

    async def count(self, kind: str) -> int:
        """Return the number of records of a kind."""

    def read(self, kind: str) -> AsyncIterator[Entry]:
        """Stream all records of a kind."""

    async def write(self, kind: str, entries: Sequence[Entry]) -> None:
        """Write the records that do not exist yet. Existing ones do not change."""


async def copy_records(source: Dumpable, target: Dumpable) -> None:
    """Copy all records. What the target has stays as it is."""
    for kind in KINDS:
        batch: list[Entry] = []
        async for entry in source.read(kind):
            batch.append(entry)
            if len(batch) == BATCH_SIZE:
                await target.write(kind, batch)
                batch = []
        await target.write(kind, batch)
