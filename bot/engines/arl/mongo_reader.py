"""Reads ARL's MongoDB, and never writes: ARL replaces whole documents."""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.engines.arl.assets import FINDINGS, select_fields
from bot.engines.arl.documents import (
    NAME_PREFIXES,
    RESTART_PREFIX,
    TASK_FIELDS,
    Document,
    normalize_task,
    with_document_id,
)
from bot.engines.arl.skipped import SkippedDocuments
from bot.errors import PermanentError
from bot.mongo import UP, Mongo, as_object_id, first_id_at
from bot.mongo import Collection as Documents

MAX_IDS_PER_QUERY = 1_000  # task ids
SCHEDULED_NAMES = {"$regex": f"^({RESTART_PREFIX})?({'|'.join(NAME_PREFIXES.values())})-"}


class MongoReader:
    """ArlReader over the database of a running ARL."""

    has_database = True

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._skipped = SkippedDocuments()

    @property
    def skipped(self) -> SkippedDocuments:
        return self._skipped

    async def close(self) -> None:
        await self._mongo.close()

    def forget(self, task_ids: Collection[str]) -> None:
        """Do nothing: there is no cache."""

    def forget_lists(self) -> None:
        """Do nothing: there is no cache."""

    async def schedules(self) -> Sequence[Document]:
        found = await self._mongo.collection("task_schedule").find({}, sort=(("_id", UP),))
        return self._skipped.read_each("task_schedule", found, with_document_id)

    async def tasks(self, task_ids: Collection[str]) -> Sequence[Document]:
        wanted = {"_id": {"$in": [as_object_id(id_) for id_ in task_ids]}}
        return await self._tasks(wanted)

    async def scheduled_tasks(self, since: datetime) -> Sequence[Document]:
        return await self._tasks({"_id": {"$gte": first_id_at(since)}, "name": SCHEDULED_NAMES})

    async def tasks_named(self, name: str, since: datetime) -> Sequence[Document]:
        return await self._tasks({"_id": {"$gte": first_id_at(since)}, "name": name})

    async def _tasks(self, where: dict[str, Any]) -> Sequence[Document]:
        tasks = self._mongo.collection("task")
        found = await tasks.find(where, sort=(("_id", UP),), fields=TASK_FIELDS)
        return self._skipped.read_each("task", found, normalize_task)

    async def run_records(self, since: datetime) -> Sequence[Document]:
        where = {"start_time": {"$gte": int(since.timestamp())}}
        found = await self._mongo.collection("task_schedule_run").find(where, fields=RECORD_FIELDS)
        return self._skipped.read_each("task_schedule_run", found, with_document_id)

    async def count_assets(self, task_ids: Collection[str]) -> Mapping[str, Mapping[str, int]]:
        """Count with one query per kind for all tasks.

        Three of the collections have no index, so each query reads them whole.
        """
        counts: dict[str, dict[str, int]] = {id_: {} for id_ in task_ids}
        for kind in FINDINGS:
            for where in _filters(task_ids):
                for id_, number in (await self._count_by_task(kind, where)).items():
                    counts.get(id_, {})[kind] = number
        return counts

    async def _count_by_task(self, kind: str, where: dict[str, Any]) -> Mapping[str, int]:
        try:
            return await self._kind(kind).count_by(where, by="task_id")
        except TypeError as error:  # a document with several task ids
            self._skipped.add(kind, {"_id": "task_id"}, error)
            return {}

    async def iter_assets(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Document]:
        fields = ("_id", *FINDINGS[kind].fields)
        for where in _filters(task_ids):
            async for document in self._kind(kind).stream(where, fields=FINDINGS[kind].projection):
                yield select_fields(document, fields)

    def _kind(self, kind: str) -> Documents:
        if kind not in FINDINGS:
            raise PermanentError(f"ARL has no assets of kind {kind}")
        return self._mongo.collection(kind)


RECORD_FIELDS = (
    "schedule_id", "schedule_name", "schedule_type", "task_tag", "run_number", "task_ids",
    "start_time", "push_status",
)  # fmt: skip


def _filters(task_ids: Collection[str]) -> Iterator[dict[str, Any]]:
    """Yield the filters for the documents of these tasks, `MAX_IDS_PER_QUERY` ids each."""
    ids = list(task_ids)
    for start in range(0, len(ids), MAX_IDS_PER_QUERY):
        yield {"task_id": {"$in": ids[start : start + MAX_IDS_PER_QUERY]}}
