"""ReservationStore in the MongoDB database of the store: one document for each key."""

from datetime import datetime, timedelta

from bot.models import Reservation
from bot.mongo import Mongo
from bot.stores.mongo.documents import RESERVATIONS, moment

KEPT = timedelta(days=1)  # after its end


class MongoReservations:
    """ReservationStore on the database of a `MongoStore`, which opens and closes it."""

    def __init__(self, mongo: Mongo) -> None:
        self._reservations = mongo.collection("reservations")

    async def reserve(self, wanted: Reservation) -> Reservation:
        await self._reservations.delete({"until": {"$lt": moment(wanted.since - KEPT)}})
        document = RESERVATIONS.document(wanted)
        expired = {"_id": wanted.key, "until": {"$lte": moment(wanted.since)}}
        while True:
            if await self._reservations.insert(dict(document)):
                return wanted
            taken = await self._reservations.change(expired, {"$set": document})
            taken = taken or await self._reservations.find_one({"_id": wanted.key})
            if taken:  # otherwise it was released a moment ago
                return RESERVATIONS.model(taken)

    async def find_reservation(self, key: str, now: datetime) -> Reservation | None:
        found = await self._reservations.find_one({"_id": key, "until": {"$gt": moment(now)}})
        return RESERVATIONS.model(found) if found else None

    async def release(self, key: str, owner: str) -> bool:
        return bool(await self._reservations.delete({"_id": key, "owner": owner}))
