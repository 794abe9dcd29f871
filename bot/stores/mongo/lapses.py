"""LapseStore in the MongoDB database of the store."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.models import Lapse, LapseState, Watch
from bot.mongo import Mongo
from bot.stores.mongo.documents import LAPSES, WATCHES, Numbers, moment
from bot.stores.mongo.store import OLDEST_LAPSE


class MongoLapses:
    """LapseStore on the database of a `MongoStore`, which opens and closes it. Times have milliseconds."""

    def __init__(self, mongo: Mongo) -> None:
        self._watches = mongo.collection("watches")
        self._lapses = mongo.collection("lapses")
        self._numbers = Numbers()

    async def watch(self, schedule_id: str, plan: str, since: datetime) -> None:
        watched = {"plan": plan, "since": moment(since)}
        if not await self._watches.insert({"_id": schedule_id, **watched}):
            await self._watches.change({"_id": schedule_id, "plan": {"$ne": plan}}, {"$set": watched})

    async def record_start(self, schedule_id: str, at: datetime) -> None:
        new = {"plan": "", "since": moment(at)}
        update = {"$max": {"last_start": moment(at)}, "$setOnInsert": new}
        await self._watches.change({"_id": schedule_id}, update, upsert=True)

    async def reset_start(self, schedule_id: str, at: datetime) -> None:
        where = {"_id": schedule_id, "last_start": {"$gt": moment(at)}}
        await self._watches.change(where, {"$set": {"last_start": moment(at)}})

    async def find_watches(self) -> Sequence[Watch]:
        return [WATCHES.model(each) for each in await self._watches.find({})]

    async def add_lapse(self, lapse: Lapse) -> bool:
        return await self._lapses.insert(LAPSES.document(lapse) | {"number": self._numbers.next()})

    async def change_lapse(self, lapse_id: str, changes: Mapping[str, Any], *, when: LapseState) -> bool:
        where = {"_id": lapse_id, "state": when.value}
        return await self._lapses.change(where, {"$set": LAPSES.changes(changes)}) is not None

    async def find_lapse(self, lapse_id: str) -> Lapse | None:
        found = await self._lapses.find_one({"_id": lapse_id})
        return LAPSES.model(found) if found else None

    async def find_lapses(self, states: Collection[LapseState]) -> Sequence[Lapse]:
        where = {"state": {"$in": sorted(states)}}
        return [LAPSES.model(each) for each in await self._lapses.find(where, sort=OLDEST_LAPSE)]
