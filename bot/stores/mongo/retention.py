"""RetentionStore in the MongoDB database of the store."""

from collections.abc import Collection, Sequence
from datetime import datetime

from bot.models import LapseState, Run, RunStatus
from bot.mongo import UP, Mongo
from bot.mongo import Collection as MongoCollection
from bot.stores.mongo.documents import RUNS, Document, moment
from bot.stores.mongo.store import OLDEST_JOB, OLDEST_LAPSE, Keys
from bot.stores.mongo.stored_documents import document_id

OF_RUNS = ("links", "tasks", "jobs")  # by run; a report has the id of its run
OLDEST_RUN = [("start_time", UP), ("number", UP)]


class MongoRetention:
    """RetentionStore on the database of a `MongoStore`, which opens and closes it."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def find_old_runs(self, since: datetime, before: datetime, *, limit: int) -> Sequence[Run]:
        started = {"$gt": moment(since), "$lt": moment(before)}
        where = {"start_time": started, "status": {"$ne": RunStatus.RUNNING.value}}
        runs = self._mongo.collection("runs")
        found = await runs.find(where, sort=OLDEST_RUN, limit=limit)
        if len(found) == limit:
            last = found[-1]["start_time"]
            same = await runs.find({**where, "start_time": last}, sort=OLDEST_RUN)
            found = [each for each in found if each["start_time"] < last] + same
        return [RUNS.model(each) for each in found]

    async def delete_runs(self, run_ids: Collection[str]) -> None:
        ids = list(run_ids)
        for name in OF_RUNS:
            await self._mongo.collection(name).delete({"run_id": {"$in": ids}})
        for name in ("reports", "runs"):
            await self._mongo.collection(name).delete({"_id": {"$in": ids}})

    async def purge_jobs(self, before: datetime, *, limit: int) -> int:
        where = {"run_id": "", "created_at": {"$lt": moment(before)}, "ended_at": {"$ne": None}}
        return await _purge(self._mongo.collection("jobs"), where, OLDEST_JOB, limit)

    async def purge_lapses(self, before: datetime, *, limit: int) -> int:
        where = {"state": LapseState.SETTLED.value, "found_at": {"$lt": moment(before)}}
        return await _purge(self._mongo.collection("lapses"), where, OLDEST_LAPSE, limit)

    async def delete_documents(self, collection: str, ids: Collection[str]) -> None:
        wanted = [document_id(collection, id_) for id_ in ids]
        await self._mongo.collection("documents").delete({"_id": {"$in": wanted}})

    async def delete_values(self, keys: Collection[str]) -> None:
        await self._mongo.collection("facts").delete({"_id": {"$in": list(keys)}})


async def _purge(collection: MongoCollection, where: Document, sort: Keys, limit: int) -> int:
    """Delete the first matching documents. The condition is checked again as each is deleted."""
    found = await collection.find(where, sort=sort, limit=limit, fields=["_id"])
    return await collection.delete({**where, "_id": {"$in": [each["_id"] for each in found]}}) if found else 0
