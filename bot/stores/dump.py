"""Records of a store dump, the format in which a history moves from one store to another."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from bot.models import Task

INTERNAL_KEYS = ("move:id", "move:from", "move:done")  # keys of the store itself, which are not copied


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

    @property
    def kinds(self) -> Sequence[str]:
        """Return the kinds of records, the same in every store."""

    async def count(self, kind: str) -> int:
        """Return the number of records of a kind."""

    def read(self, kind: str) -> AsyncIterator[Entry]:
        """Stream all records of a kind."""

    async def write(self, kind: str, entries: Sequence[Entry]) -> None:
        """Write the records that do not exist yet. Existing ones do not change."""
