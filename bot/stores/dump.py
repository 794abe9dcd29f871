"""What a history is made of when it moves from one store to another."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from bot.models import Task

MARKS = ("move:id", "move:from", "move:done")  # facts of a store itself, which do not move


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A record and its number in the order of adding; 0 where nothing depends on the order."""

    number: int
    record: Any


@dataclass(frozen=True, kw_only=True)
class KeyValue:
    key: str
    value: str


@dataclass(frozen=True, kw_only=True)
class TaskRecord:
    """A task and whose it is."""

    task: Task
    owner: str = ""
    lease_until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Asset:
    """What a task found; `document` is JSON."""

    kind: str
    task_id: str
    key: str
    document: str


@dataclass(frozen=True, kw_only=True)
class UsageRecord:
    month: str
    bucket: str
    calls: int


@dataclass(frozen=True, kw_only=True)
class BlockedLimit:
    """Until when a gate is closed. Its places are not part of the history: they are over in a minute."""

    gate: str
    until: datetime


class Dumpable(Protocol):
    """A store whose whole history can be read, or filled up."""

    @property
    def kinds(self) -> Sequence[str]:
        """The kinds of record, as every store names them."""

    async def count(self, kind: str) -> int:
        """How many records of a kind there are."""

    def read(self, kind: str) -> AsyncIterator[Entry]:
        """All of them, streamed."""

    async def write(self, kind: str, entries: Sequence[Entry]) -> None:
        """Keep those that are not there; the others are left as they are."""
