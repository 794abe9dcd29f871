"""ARL's MongoDB, read. Nothing is ever written there: ARL replaces whole documents, and would lose it."""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.engines.arl.assets import FINDINGS, select_fields
from bot.engines.arl.documents import AGAIN, STEMS, TASK_FIELDS, Document, normalize_task, with_document_id
from bot.engines.arl.skipped import SkippedDocuments
from bot.errors import PermanentError
from bot.mongo import UP, Mongo, as_object_id, first_id_at
from bot.mongo import Collection as Documents

PART = 1_000  # task ids of one question
SCHEDULED = {"$regex": f"^({AGAIN})?({'|'.join(STEMS.values())})-"}


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
        """Nothing is kept here."""

    def forget_lists(self) -> None:
        """Nor here."""

    async def schedules(self) -> Sequence[Document]:
        found = await self._mongo.collection("task_schedule").find({}, sort=(("_id", UP),))
        return self._skipped.read_each("task_schedule", found, with_document_id)

    async def tasks(self, task_ids: Collection[str]) -> Sequence[Document]:
        wanted = {"_id": {"$in": [as_object_id(id_) for id_ in task_ids]}}
        return await self._tasks(wanted)

    async def begun(self, since: datetime) -> Sequence[Document]:
        return await self._tasks({"_id": {"$gte": first_id_at(since)}, "name": SCHEDULED})

    async def named(self, name: str, since: datetime) -> Sequence[Document]:
        return await self._tasks({"_id": {"$gte": first_id_at(since)}, "name": name})

    async def _tasks(self, where: dict[str, Any]) -> Sequence[Document]:
        tasks = self._mongo.collection("task")
        found = await tasks.find(where, sort=(("_id", UP),), fields=TASK_FIELDS)
        return self._skipped.read_each("task", found, normalize_task)

    async def records(self, since: datetime) -> Sequence[Document]:
        where = {"start_time": {"$gte": int(since.timestamp())}}
        found = await self._mongo.collection("task_schedule_run").find(where, fields=RECORD_FIELDS)
        return self._skipped.read_each("task_schedule_run", found, with_document_id)

    async def counts(self, task_ids: Collection[str]) -> Mapping[str, Mapping[str, int]]:
        """One question for each kind, however many tasks: three of the collections have no index, so that
        every question reads them whole."""
        counts: dict[str, dict[str, int]] = {id_: {} for id_ in task_ids}
        for kind in FINDINGS:
            for where in _parts(task_ids):
                for id_, number in (await self._tally(kind, where)).items():
                    counts.get(id_, {})[kind] = number
        return counts

    async def _tally(self, kind: str, where: dict[str, Any]) -> Mapping[str, int]:
        try:
            return await self._kind(kind).tally(where, by="task_id")
        except TypeError as error:  # a document of several tasks
            self._skipped.add(kind, {"_id": "task_id"}, error)
            return {}

    async def finds(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Document]:
        fields = ("_id", *FINDINGS[kind].fields)
        for where in _parts(task_ids):
            async for document in self._kind(kind).stream(where, fields=FINDINGS[kind].projection):
                yield select_fields(document, fields)

    def _kind(self, kind: str) -> Documents:
        if kind not in FINDINGS:
            raise PermanentError(f"ARL has no {kind}")
        return self._mongo.collection(kind)


RECORD_FIELDS = (
    "schedule_id", "schedule_name", "schedule_type", "task_tag", "run_number", "task_ids",
    "start_time", "push_status",
)  # fmt: skip


def _parts(task_ids: Collection[str]) -> Iterator[dict[str, Any]]:
    """What finds the documents of these tasks, in as many questions as there must be."""
    ids = list(task_ids)
    for start in range(0, len(ids), PART):
        yield {"task_id": {"$in": ids[start : start + PART]}}
