"""AuditStore in the MongoDB database of the store."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bot.models import AuditEntry, AuditOutcome
from bot.mongo import UP, Mongo
from bot.stores.mongo.documents import AUDIT, Numbers, moment
from bot.stores.mongo.store import NEWEST_ENTRY

NAMED_BY = {"schedule": ("schedule_id", "schedule_name"), "actor": ("actor.id", "actor.name")}
KEPT = ("id", "at")  # of the pending entry


class MongoAudit:
    """AuditStore on the database of a `MongoStore`, which opens and closes it."""

    def __init__(self, mongo: Mongo) -> None:
        self._entries = mongo.collection("audit")
        self._numbers = Numbers()

    async def add_entry(self, entry: AuditEntry) -> bool:
        if await self._entries.insert(AUDIT.document(entry) | {"number": self._numbers.next()}):
            return True
        names = [name for name in AuditEntry.__dataclass_fields__ if name not in KEPT]
        changes = AUDIT.changes({name: getattr(entry, name) for name in names})
        pending = {"_id": entry.id, "outcome": AuditOutcome.PENDING.value}
        return await self._entries.change(pending, {"$set": changes}) is not None

    async def find_entry(self, entry_id: str) -> AuditEntry | None:
        found = await self._entries.find_one({"_id": entry_id})
        return AUDIT.model(found) if found else None

    async def find_entries(
        self,
        *,
        schedule: str = "",
        actor: str = "",
        since: datetime | None = None,
        before: datetime | None = None,
        limit: int = 20,
    ) -> Sequence[AuditEntry]:
        span = {sign: moment(at) for sign, at in (("$gte", since), ("$lt", before)) if at}
        named = [
            {"$or": [{field: value} for field in NAMED_BY[name]]}
            for name, value in (("schedule", schedule), ("actor", actor))
            if value
        ]
        where: dict[str, Any] = ({"at": span} if span else {}) | ({"$and": named} if named else {})
        return [AUDIT.model(each) for each in await self._entries.find(where, sort=NEWEST_ENTRY, limit=limit)]

    async def purge_entries(self, before: datetime, *, limit: int) -> int:
        old = {"at": {"$lt": moment(before)}}
        found = await self._entries.find(old, sort=[("at", UP), ("number", UP)], limit=limit, fields=["_id"])
        return await self._entries.delete({"_id": {"$in": [each["_id"] for each in found]}}) if found else 0
