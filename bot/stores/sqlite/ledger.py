"""The Ledger in the same SQLite file as the store."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from bot.stores.sqlite.rows import stamp
from bot.stores.sqlite.store import SqliteStore

BOOK = """
insert into booked (month, bucket, calls) values (:month, :bucket, :calls)
on conflict do update set calls = calls + :calls returning calls
"""

TAKE = """
update places set until = :until
where gate = :gate and not exists (select 1 from gates where gate = :gate and until > :now)
and place = (
    select place from places
    where gate = :gate and place < :places and (until <= :now or until > :absurd)
    order by until limit 1
) returning place
"""

MAKE = """
with recursive numbers (place) as (select 0 union all select place + 1 from numbers where place < :places - 1)
insert or ignore into places (gate, place, until) select :gate, place, '' from numbers returning place
"""

NEXT = """
select max(
    (select min(until) from places where gate = :gate and place < :places),
    coalesce((select until from gates where gate = :gate), '')
) as until
"""

CLOSE = """
insert into gates (gate, until) values (:gate, :until)
on conflict do update set until = max(until, :until)
"""


class SqliteQuotaStore:
    """The Ledger port on the file of a `SqliteStore`, which opens and closes it."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def add_usage(self, month: str, bucket: str, calls: int) -> int:
        rows = await self._store.rows(BOOK, {"month": month, "bucket": bucket, "calls": calls})
        return int(rows[0]["calls"])

    async def usage(self, month: str) -> Mapping[str, int]:
        rows = await self._store.rows(
            "select bucket, calls from booked where month = :month", {"month": month}
        )
        return {row["bucket"]: row["calls"] for row in rows}

    async def acquire(self, limiter: str, capacity: int, now: datetime, span: timedelta) -> datetime | None:
        values = {
            "gate": limiter,
            "places": capacity,
            "now": stamp(now),
            "until": stamp(now + span),
            "absurd": stamp(now + 2 * span),  # taken by a bot whose clock is wrong
        }
        if await self._store.change(TAKE, values):
            return None
        await self._store.rows(MAKE, values)  # the gate is new, or another made it just now
        if await self._store.change(TAKE, values):
            return None
        (row,) = await self._store.rows(NEXT, values)
        return max(datetime.fromisoformat(row["until"]), now)

    async def block_until(self, gate: str, until: datetime) -> None:
        await self._store.rows(CLOSE, {"gate": gate, "until": stamp(until)})

    async def blocked_until(self, gate: str) -> datetime | None:
        rows = await self._store.rows("select until from gates where gate = :gate", {"gate": gate})
        return datetime.fromisoformat(rows[0]["until"]) if rows else None
