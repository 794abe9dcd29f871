"""The port through which the engine reads ARL: its database, or its API alone."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bot.engines.arl.documents import Document
from bot.engines.arl.skipped import SkippedDocuments


class ArlReader(Protocol):
    """Reads ARL and never writes.

    - Ids are text. Documents of tasks have the fields of `TASK_FIELDS`.
    - A document that cannot be read is left out, and counted in `skipped`.
    """

    @property
    def skipped(self) -> SkippedDocuments:
        """Return what has been left out so far."""

    @property
    def has_database(self) -> bool:
        """Tell if ARL's database is read. Otherwise it is the API."""

    async def schedules(self) -> Sequence[Document]:
        """Return all schedules, in the order in which they were created."""

    async def tasks(self, task_ids: Collection[str]) -> Sequence[Document]:
        """Return the tasks with these ids, with one query if possible. Unknown ones are left out."""

    async def scheduled_tasks(self, since: datetime) -> Sequence[Document]:
        """Return the tasks created since a time that have the name of a scheduled task."""

    async def tasks_named(self, name: str, since: datetime) -> Sequence[Document]:
        """Return the tasks with exactly this name created since a time, oldest first."""

    async def run_records(self, since: datetime) -> Sequence[Document]:
        """Return the records that a fork has of the runs since a time. Other ARLs have none."""

    async def count_assets(self, task_ids: Collection[str]) -> Mapping[str, Mapping[str, int]]:
        """Count the assets of these tasks, by task and kind. Kinds without any are left out."""

    def iter_assets(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Document]:
        """Stream the assets of a kind of these tasks in any order, with `_id` and the used fields."""

    def forget(self, task_ids: Collection[str]) -> None:
        """Drop cached answers about these tasks."""

    def forget_lists(self) -> None:
        """Drop cached lists of tasks."""

    async def close(self) -> None:
        """Close connections."""
