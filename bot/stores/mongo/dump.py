"""The whole history of a MongoDB store, to be read or filled up."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.downloads import DownloadLink
from bot.models import Job
from bot.mongo import Mongo
from bot.stores.dump import MARKS, Asset, BlockedLimit, Entry, KeyValue, TaskRecord, UsageRecord
from bot.stores.mongo.documents import JOBS, REPORTS, RUNS, TASKS, Document, Documents, moment, since
from bot.stores.mongo.ledger import rounded_up
from bot.stores.mongo.links import download_of, downloaded, grant_of, link_document
from bot.stores.mongo.tasks import asset_document


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How a kind of record is read and written."""

    record: Callable[[Document], Any]
    document: Callable[[Any], Document]
    numbered: bool = False


def _of(documents: Documents[Any]) -> Shape:
    return Shape(record=documents.noun, document=documents.document, numbered=True)


def _job_document(job: Job) -> Document:
    return JOBS.document(job) | {"since": since(job)}


def _held_document(held: TaskRecord) -> Document:
    lease = moment(held.lease_until) if held.lease_until else None
    return TASKS.document(held.task) | {"owner": held.owner, "lease_until": lease}


def _held(document: Document) -> TaskRecord:
    task = TASKS.noun(document)
    return TaskRecord(task=task, owner=document["owner"], lease_until=document.get("lease_until"))


def _asset(document: Document) -> Asset:
    return Asset(**{name: document[name] for name in ("kind", "task_id", "key", "document")})


def _booked_document(booked: UsageRecord) -> Document:
    id_ = f"{booked.month}/{booked.bucket}"
    return {"_id": id_, "month": booked.month, "bucket": booked.bucket, "calls": booked.calls}


def _booked(document: Document) -> UsageRecord:
    return UsageRecord(month=document["month"], bucket=document["bucket"], calls=int(document["calls"]))


def _unused(document: Document) -> DownloadLink:
    """A link without its downloads, which move by themselves."""
    return replace(grant_of(document), downloads=0)


SHAPES: Mapping[str, Shape] = {
    "runs": _of(RUNS),
    "jobs": Shape(record=JOBS.noun, document=_job_document, numbered=True),
    "reports": _of(REPORTS),
    "facts": Shape(
        record=lambda found: KeyValue(key=found["_id"], value=found["value"]),
        document=lambda fact: {"_id": fact.key, "value": fact.value},
    ),
    "tasks": Shape(record=_held, document=_held_document, numbered=True),
    "assets": Shape(record=_asset, document=asset_document),
    "links": Shape(record=_unused, document=link_document, numbered=True),
    "booked": Shape(record=_booked, document=_booked_document),
    "gates": Shape(
        record=lambda found: BlockedLimit(gate=found["_id"], until=found["blocked_until"]),
        document=lambda closing: {
            "_id": closing.gate,
            "version": 1,
            "blocked_until": rounded_up(closing.until),
        },
    ),
}
WHERE: Mapping[str, Document] = {
    "facts": {"_id": {"$not": {"$in": list(MARKS)}}},
    "gates": {"blocked_until": {"$ne": None}},
}


class MongoDump:
    """Movable on the database of a `MongoStore`, which opens and closes it."""

    kinds: Sequence[str] = (*SHAPES, "downloads")

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
        """They lie in the documents of their links."""
        async for link in self._mongo.collection("links").stream({}, fields=["downloads"]):
            for kept in link["downloads"]:
                yield Entry(number=kept["number"], record=download_of(kept))

    async def _add_downloads(self, entries: Sequence[Entry]) -> None:
        links = self._mongo.collection("links")
        for entry in entries:
            where = {"_id": entry.record.link_id, "downloads.number": {"$ne": entry.number}}
            await links.change(where, downloaded(entry.record, entry.number))
