"""Dump of a MongoDB store."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.downloads import DownloadLink
from bot.models import Job
from bot.mongo import Mongo
from bot.stores.dump import Asset, BlockedLimit, Entry, KeyValue, TaskRecord, UsageRecord
from bot.stores.mongo.documents import (
    AUDIT,
    JOBS,
    LAPSES,
    OVERRIDES,
    REPORTS,
    RUNS,
    TASKS,
    WATCHES,
    Document,
    Documents,
    moment,
    since,
)
from bot.stores.mongo.links import (
    add_download_update,
    download_from_document,
    link_document,
    link_from_document,
)
from bot.stores.mongo.quota import round_up
from bot.stores.mongo.stored_documents import document_from_mongo, mongo_document
from bot.stores.mongo.tasks import asset_document


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Conversion of a kind of records."""

    record: Callable[[Document], Any]
    document: Callable[[Any], Document]
    numbered: bool = False


def _model_shape(documents: Documents[Any]) -> Shape:
    return Shape(record=documents.model, document=documents.document, numbered=True)


def _job_document(job: Job) -> Document:
    return JOBS.document(job) | {"since": since(job)}


def _task_document(record: TaskRecord) -> Document:
    lease = moment(record.lease_until) if record.lease_until else None
    return TASKS.document(record.task) | {"owner": record.owner, "lease_until": lease}


def _task_record(document: Document) -> TaskRecord:
    task = TASKS.model(document)
    return TaskRecord(task=task, owner=document["owner"], lease_until=document.get("lease_until"))


def _asset(document: Document) -> Asset:
    return Asset(**{name: document[name] for name in ("kind", "task_id", "key", "document")})


def _usage_document(usage: UsageRecord) -> Document:
    id_ = f"{usage.month}/{usage.kind}"
    return {"_id": id_, "month": usage.month, "bucket": usage.kind, "calls": usage.calls}


def _usage(document: Document) -> UsageRecord:
    return UsageRecord(month=document["month"], kind=document["bucket"], calls=int(document["calls"]))


def _unused(document: Document) -> DownloadLink:
    """Return a link without its downloads, which are records of their own."""
    return replace(link_from_document(document), downloads=0)


SHAPES: Mapping[str, Shape] = {
    "runs": _model_shape(RUNS),
    "jobs": Shape(record=JOBS.model, document=_job_document, numbered=True),
    "reports": _model_shape(REPORTS),
    "facts": Shape(
        record=lambda found: KeyValue(key=found["_id"], value=found["value"]),
        document=lambda fact: {"_id": fact.key, "value": fact.value},
    ),
    "tasks": Shape(record=_task_record, document=_task_document, numbered=True),
    "assets": Shape(record=_asset, document=asset_document),
    "links": Shape(record=_unused, document=link_document, numbered=True),
    "audit": _model_shape(AUDIT),
    "overrides": Shape(record=OVERRIDES.model, document=OVERRIDES.document),
    "watches": Shape(record=WATCHES.model, document=WATCHES.document),
    "lapses": _model_shape(LAPSES),
    "documents": Shape(record=document_from_mongo, document=mongo_document, numbered=True),
    "booked": Shape(record=_usage, document=_usage_document),
    "gates": Shape(
        record=lambda found: BlockedLimit(limiter=found["_id"], until=found["blocked_until"]),
        document=lambda block: {
            "_id": block.limiter,
            "version": 1,
            "blocked_until": round_up(block.until),
        },
    ),
}
WHERE: Mapping[str, Document] = {
    "gates": {"blocked_until": {"$ne": None}},
}


class MongoDump:
    """Dumpable on the database of a `MongoStore`, which opens and closes it."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def count(self, kind: str) -> int:
        if kind == "downloads":
            return sum([1 async for _ in self._downloads()])
        return await self._mongo.collection(kind).count(WHERE.get(kind))

    async def read(self, kind: str) -> AsyncIterator[Entry]:
        if kind == "downloads":
            async for entry in self._downloads():
                yield entry
            return
        shape = SHAPES[kind]
        async for document in self._mongo.collection(kind).stream(WHERE.get(kind, {})):
            yield Entry(number=document.get("number", 0), record=shape.record(document))

    async def write(self, kind: str, entries: Sequence[Entry]) -> None:
        if kind == "downloads":
            await self._add_downloads(entries)
            return
        shape = SHAPES[kind]
        documents = [
            shape.document(entry.record) | ({"number": entry.number} if shape.numbered else {})
            for entry in entries
        ]
        await self._mongo.collection(kind).insert_new(documents)

    async def _downloads(self) -> AsyncIterator[Entry]:
        """Stream the downloads, which are embedded in the documents of their links."""
        async for link in self._mongo.collection("links").stream({}, fields=["downloads"]):
            for kept in link["downloads"]:
                yield Entry(number=kept["number"], record=download_from_document(kept))

    async def _add_downloads(self, entries: Sequence[Entry]) -> None:
        links = self._mongo.collection("links")
        for entry in entries:
            where = {"_id": entry.record.link_id, "downloads.number": {"$ne": entry.number}}
            await links.change(where, add_download_update(entry.record, entry.number))
