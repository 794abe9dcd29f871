"""The Ledger in the same MongoDB database as the store.

A gate is one document: whoever passes reads it, decides, and writes it back where nobody else has written it
meanwhile. Its times are rounded up to the millisecond, so that nobody passes early.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.errors import TemporaryError
from bot.mongo import Mongo
from bot.stores.mongo.documents import MICROS, moment

TRIES = 500  # one that fails is one that somebody else won

Passed = tuple[datetime, ...]


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Until when each place is taken, and until when nobody may pass at all."""

    places: Passed = ()
    blocked_until: datetime | None = None


def pass_gate(gate: Gate, places: int, now: datetime, span: timedelta) -> Passed | datetime:
    """The places with one more taken, or when to ask again.

    A place taken for longer than two spans from now is free: a bot whose clock is wrong took it.
    """
    free_at = list(gate.places[:places]) + [now] * (places - len(gate.places))
    free_at = [now if when > now + 2 * span else when for when in free_at]
    place = min(range(places), key=free_at.__getitem__)
    again = max(free_at[place], gate.blocked_until or now, now)
    if again > now:
        return again
    free_at[place] = now + span
    return (*free_at, *gate.places[places:])


class MongoQuotaStore:
    """The Ledger port on the database of a `MongoStore`."""

    def __init__(self, mongo: Mongo) -> None:
        self._booked = mongo.collection("booked")
        self._gates = mongo.collection("gates")

    async def add_usage(self, month: str, bucket: str, calls: int) -> int:
        named = {"$setOnInsert": {"month": month, "bucket": bucket}}
        where = {"_id": f"{month}/{bucket}"}
        found = await self._booked.change(where, {"$inc": {"calls": calls}, **named}, make=True)
        return int(found["calls"]) if found else 0

    async def usage(self, month: str) -> Mapping[str, int]:
        return {each["bucket"]: int(each["calls"]) for each in await self._booked.find({"month": month})}

    async def acquire(self, limiter: str, capacity: int, now: datetime, span: timedelta) -> datetime | None:
        for _ in range(TRIES):
            found = await self._gates.find_one({"_id": limiter}) or {}
            known = Gate(places=tuple(found.get("places", ())), blocked_until=found.get("blocked_until"))
            passed = pass_gate(known, capacity, now, span)
            if isinstance(passed, datetime):
                return passed
            if await self._write(limiter, found.get("version"), passed):
                return None
        raise TemporaryError(f"too many ask for a place at {limiter}")

    async def _write(self, gate: str, version: int | None, places: Sequence[datetime]) -> bool:
        """Write the places unless another has written the gate since this version; whether it did."""
        taken = [rounded_up(when) for when in places]
        if version is None:
            return await self._gates.insert({"_id": gate, "version": 1, "places": taken})
        update = {"$set": {"places": taken}, "$inc": {"version": 1}}
        return await self._gates.change({"_id": gate, "version": version}, update) is not None

    async def block_until(self, gate: str, until: datetime) -> None:
        update = {"$max": {"blocked_until": rounded_up(until)}, "$inc": {"version": 1}}
        await self._gates.change({"_id": gate}, update, make=True)

    async def blocked_until(self, gate: str) -> datetime | None:
        found = await self._gates.find_one({"_id": gate}) or {}
        until: datetime | None = found.get("blocked_until")
        return until


def rounded_up(time: datetime) -> datetime:
    return moment(time + timedelta(microseconds=MICROS - 1))
