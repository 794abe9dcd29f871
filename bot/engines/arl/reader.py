"""What the engine asks ARL for, whichever way: from its database, or through its API alone."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bot.engines.arl.documents import Document
from bot.engines.arl.skipped import SkippedDocuments


class ArlReader(Protocol):
    """Reading ARL, never writing. Ids are text; documents of tasks have the fields of `TASK_FIELDS`.

    A document that cannot be read is left out, and noted in `skipped`.
    """

    @property
    def skipped(self) -> SkippedDocuments:
        """What has been left out so far."""

    @property
    def has_database(self) -> bool:
        """Tell if ARL's database is read, and not its API."""

    async def schedules(self) -> Sequence[Document]:
        """All of ARL's schedules, in the order they were made."""

    async def tasks(self, task_ids: Collection[str]) -> Sequence[Document]:
        """The tasks with these ids, in one question where that is possible; unknown ones are left out."""

    async def begun(self, since: datetime) -> Sequence[Document]:
        """Tasks made since then whose names are those of scheduled tasks."""

    async def named(self, name: str, since: datetime) -> Sequence[Document]:
        """Tasks with exactly this name, made since then, oldest first."""

    async def records(self, since: datetime) -> Sequence[Document]:
        """What a fork has written down of triggers since then; nothing where there is no such thing."""

    async def counts(self, task_ids: Collection[str]) -> Mapping[str, Mapping[str, int]]:
        """How many documents these tasks have, by task and kind; kinds without any are left out."""

    def finds(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Document]:
        """The documents of a kind of these tasks, in any order, streamed, with `_id` and what is read."""

    def forget(self, task_ids: Collection[str]) -> None:
        """Take no answer about these tasks that is older than now."""

    def forget_lists(self) -> None:
        """Take no list of tasks that is older than now."""

    async def close(self) -> None:
        """Let go."""
