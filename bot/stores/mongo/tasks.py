"""TaskStore in the MongoDB database of the store."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from heapq import heappop, heappush
from typing import Any

from bot.foreign_text import storable
from bot.models import Task, TaskStatus
from bot.mongo import UP, Mongo
from bot.stores.dump import Asset
from bot.stores.mongo.documents import TASKS, Document, Numbers, moment

BATCH_SIZE = 500  # documents per command
MAX_IDS = 100_000  # per query, because a command must stay under 16 MiB
MAX_MERGED_TASKS = 100  # per query, so that the server sorts by index alone

WAITING, RUNNING = TaskStatus.WAITING.value, TaskStatus.RUNNING.value


class MongoTaskStore:
    """TaskStore on the database of a `MongoStore`, which opens and closes it."""

    def __init__(self, mongo: Mongo) -> None:
        self._tasks = mongo.collection("tasks")
        self._assets = mongo.collection("assets")
        self._numbers = Numbers()

    async def add_tasks(self, tasks: Sequence[Task]) -> None:
        await self._tasks.insert_new([
            TASKS.document(task) | {"number": self._numbers.next(), "owner": ""} for task in tasks
        ])

    async def claim_task(self, owner: str, now: datetime, until: datetime) -> Task | None:
        lost = {"status": RUNNING, "lease_until": {"$lte": moment(now)}}
        update = {
            "$set": {"status": RUNNING, "owner": owner, "lease_until": moment(until)},
            "$min": {"start_time": moment(now)},  # time of the first claim
        }
        found = await self._tasks.change({"$or": [{"status": WAITING}, lost]}, update, sort=[("number", UP)])
        if not found:
            return None
        await self.delete_assets(found["_id"])
        return TASKS.model(found)

    async def free_future(self, now: datetime, beyond: datetime) -> int:
        where = {"status": RUNNING, "lease_until": {"$gt": moment(beyond)}}
        return await self._tasks.change_all(where, {"$set": {"lease_until": moment(now)}})

    async def extend_task(self, task_id: str, owner: str, until: datetime) -> bool:
        return await self._change_own(task_id, owner, {"lease_until": moment(until)})

    async def end_task(self, task: Task, owner: str) -> bool:
        names = ("status", "reason", "end_time", "found")
        outcome = TASKS.changes({name: getattr(task, name) for name in names})
        return await self._change_own(task.id, owner, outcome | {"lease_until": None})

    async def _change_own(self, task_id: str, owner: str, changes: Mapping[str, Any]) -> bool:
        where = {"_id": task_id, "owner": owner, "status": RUNNING}
        return await self._tasks.change(where, {"$set": changes}) is not None

    async def save_assets(self, task_id: str, kind: str, assets: Mapping[str, Mapping[str, Any]]) -> None:
        found = {
            storable(key): storable(json.dumps(asset, ensure_ascii=False)) for key, asset in assets.items()
        }
        documents = [
            asset_document(Asset(kind=kind, task_id=task_id, key=key, document=text))
            for key, text in found.items()
        ]
        for batch in _batches(documents, BATCH_SIZE):
            await self._assets.put(batch)

    async def delete_assets(self, task_id: str) -> None:
        await self._assets.delete({"task_id": task_id})

    async def stop_tasks(self, task_ids: Collection[str], now: datetime) -> None:
        ended = TASKS.changes({"status": TaskStatus.STOP, "end_time": now}) | {"lease_until": None}
        for ids in _batches(list(task_ids), MAX_IDS):
            where = {"_id": {"$in": ids}, "status": {"$in": [WAITING, RUNNING]}}
            await self._tasks.change_all(where, {"$set": ended})

    async def find_tasks(self, *, ids: Collection[str] = (), run_id: str = "") -> Sequence[Task]:
        found: list[Document] = []
        for where in [{"run_id": run_id}] if run_id else _among("_id", ids, MAX_IDS):
            found += await self._tasks.find(where)
        return [TASKS.model(each) for each in sorted(found, key=lambda each: int(each["number"]))]

    async def find_open(self, ids: Collection[str]) -> Collection[str]:
        found: set[str] = set()
        for where in _among("_id", ids, MAX_IDS):
            among = where | {"status": {"$in": [WAITING, RUNNING]}}
            found |= {each["_id"] for each in await self._tasks.find(among, fields=[])}
        return found

    async def iter_assets(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Mapping[str, Any]]:
        order = [("key", UP), ("task_id", UP)]
        streams = [
            self._assets.stream({"kind": kind} | where, sort=order)
            for where in _among("task_id", task_ids, MAX_MERGED_TASKS)
        ]
        async for each in _merged(streams):
            yield json.loads(each["document"])


def asset_document(asset: Asset) -> Document:
    id_ = json.dumps([asset.task_id, asset.kind, asset.key], ensure_ascii=False)
    return {"_id": id_} | asdict(asset)


def _batches(values: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _among(name: str, values: Collection[str], size: int) -> Iterator[Document]:
    for batch in _batches(list(values), size):
        yield {name: {"$in": batch}}


async def _merged(streams: Sequence[AsyncGenerator[Document, None]]) -> AsyncIterator[Document]:
    """Merge streams that are sorted by key."""
    heads: list[tuple[str, str, int, Document]] = []

    async def pull(number: int) -> None:
        head = await anext(streams[number], None)
        if head is not None:
            heappush(heads, (head["key"], head["task_id"], number, head))

    try:
        for number in range(len(streams)):
            await pull(number)
        while heads:
            *_, number, head = heappop(heads)
            yield head
            await pull(number)
    finally:
        for stream in streams:
            await stream.aclose()
