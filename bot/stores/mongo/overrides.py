"""OverrideStore in the MongoDB database of the store. An override is one document with a version check."""

from collections.abc import Sequence
from dataclasses import replace

from bot.models import ScheduleOverride
from bot.mongo import Mongo
from bot.stores.mongo.documents import OVERRIDES

CHANGING_FIELDS = ("notify", "mute", "acknowledgement")


class MongoOverrides:
    """OverrideStore on the database of a `MongoStore`, which opens and closes it."""

    def __init__(self, mongo: Mongo) -> None:
        self._overrides = mongo.collection("overrides")

    async def find_override(self, schedule_id: str) -> ScheduleOverride | None:
        found = await self._overrides.find_one({"_id": schedule_id})
        return OVERRIDES.model(found) if found else None

    async def find_overrides(self) -> Sequence[ScheduleOverride]:
        return [OVERRIDES.model(each) for each in await self._overrides.find({})]

    async def save_override(self, override: ScheduleOverride) -> bool:
        if not override.version:
            return await self._overrides.insert(OVERRIDES.document(replace(override, version=1)))
        where = {"_id": override.schedule_id, "version": override.version}
        fields = OVERRIDES.changes({name: getattr(override, name) for name in CHANGING_FIELDS})
        changed = await self._overrides.change(where, {"$set": fields, "$inc": {"version": 1}})
        return changed is not None
