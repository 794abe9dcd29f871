"""QuotaStore in the MongoDB database of the store.

A rate limiter is one document, changed with optimistic locking: a bot reads it, takes a slot, and writes it
only if its version is unchanged. Times are rounded up to the millisecond, so that no call is early.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.errors import TemporaryError
from bot.mongo import Mongo
from bot.stores.mongo.documents import MICROS_PER_MILLISECOND, moment

NEVER_TAKEN = datetime.fromtimestamp(0, UTC)  # free by every clock, also by one that is behind
MAX_ATTEMPTS = 500  # an attempt fails only if another bot took a slot meanwhile

Slots = tuple[datetime, ...]
"""Time from which each slot of a rate limiter is free."""


@dataclass(frozen=True, kw_only=True)
class LimiterState:
    """Slots of a rate limiter and the end of its block."""

    slots: Slots = ()
    blocked_until: datetime | None = None


def take_slot(state: LimiterState, capacity: int, now: datetime, span: timedelta) -> Slots | datetime:
    """Return the slots with one more taken, or the time to try again.

    A slot that is taken for longer than two spans is considered free: a clock that was ahead took it.
    """
    free_at = list(state.slots[:capacity]) + [NEVER_TAKEN] * (capacity - len(state.slots))
    free_at = [NEVER_TAKEN if when > now + 2 * span else when for when in free_at]
    slot = min(range(capacity), key=free_at.__getitem__)
    next_free = max(free_at[slot], state.blocked_until or now, now)
    if next_free > now:
        return next_free
    free_at[slot] = now + span
    return (*free_at, *state.slots[capacity:])


class MongoQuotaStore:
    """QuotaStore on the database of a `MongoStore`."""

    def __init__(self, mongo: Mongo) -> None:
        self._usage = mongo.collection("booked")
        self._limiters = mongo.collection("gates")

    async def add_usage(self, month: str, kind: str, calls: int) -> int:
        key = {"$setOnInsert": {"month": month, "bucket": kind}}
        where = {"_id": f"{month}/{kind}"}
        found = await self._usage.change(where, {"$inc": {"calls": calls}, **key}, upsert=True)
        return int(found["calls"]) if found else 0

    async def usage(self, month: str) -> Mapping[str, int]:
        return {each["bucket"]: int(each["calls"]) for each in await self._usage.find({"month": month})}

    async def acquire(self, limiter: str, capacity: int, now: datetime, span: timedelta) -> datetime | None:
        for _ in range(MAX_ATTEMPTS):
            found = await self._limiters.find_one({"_id": limiter}) or {}
            slots, blocked = tuple(found.get("places", ())), found.get("blocked_until")
            taken = take_slot(LimiterState(slots=slots, blocked_until=blocked), capacity, now, span)
            if isinstance(taken, datetime):
                return taken
            if await self._write(limiter, found.get("version"), taken):
                return None
        raise TemporaryError(f"too many bots compete for a slot of {limiter}")

    async def _write(self, limiter: str, version: int | None, slots: Sequence[datetime]) -> bool:
        """Write the slots if the version is unchanged. Returns False otherwise."""
        places = [round_up(when) for when in slots]
        if version is None:
            return await self._limiters.insert({"_id": limiter, "version": 1, "places": places})
        update = {"$set": {"places": places}, "$inc": {"version": 1}}
        return await self._limiters.change({"_id": limiter, "version": version}, update) is not None

    async def block_until(self, limiter: str, until: datetime) -> None:
        update = {"$max": {"blocked_until": round_up(until)}, "$inc": {"version": 1}}
        await self._limiters.change({"_id": limiter}, update, upsert=True)

    async def blocked_until(self, limiter: str) -> datetime | None:
        found = await self._limiters.find_one({"_id": limiter}) or {}
        until: datetime | None = found.get("blocked_until")
        return until


def round_up(time: datetime) -> datetime:
    """Round up to the millisecond, which is the precision of MongoDB's times."""
    return moment(time + timedelta(microseconds=MICROS_PER_MILLISECOND - 1))
