"""QuotaStore in the SQLite file of the store.

The tables keep their first names: `booked` has the usage by month and quota kind (`bucket`), `gates` the
blocked rate limiters, and `places` their slots.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from bot.stores.sqlite.rows import stamp
from bot.stores.sqlite.store import SqliteStore

ADD_USAGE = """
insert into booked (month, bucket, calls) values (:month, :kind, :calls)
on conflict do update set calls = calls + :calls returning calls
"""

TAKE_SLOT = """
update places set until = :until
where gate = :limiter and not exists (select 1 from gates where gate = :limiter and until > :now)
and place = (
    select place from places
    where gate = :limiter and place < :capacity and (until <= :now or until > :implausible)
    order by until limit 1
) returning place
"""

CREATE_SLOTS = """
with recursive numbers (place) as (
    select 0 union all select place + 1 from numbers where place < :capacity - 1
)
insert or ignore into places (gate, place, until) select :limiter, place, '' from numbers returning place
"""

NEXT_FREE = """
select max(
    (select min(until) from places where gate = :limiter and place < :capacity),
    coalesce((select until from gates where gate = :limiter), '')
) as until
"""

BLOCK = """
insert into gates (gate, until) values (:limiter, :until)
on conflict do update set until = max(until, :until)
"""


class SqliteQuotaStore:
    """QuotaStore on the file of a `SqliteStore`, which opens and closes it."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def add_usage(self, month: str, kind: str, calls: int) -> int:
        rows = await self._store.rows(ADD_USAGE, {"month": month, "kind": kind, "calls": calls})
        return int(rows[0]["calls"])

    async def usage(self, month: str) -> Mapping[str, int]:
        rows = await self._store.rows(
            "select bucket, calls from booked where month = :month", {"month": month}
        )
        return {row["bucket"]: row["calls"] for row in rows}

    async def acquire(self, limiter: str, capacity: int, now: datetime, span: timedelta) -> datetime | None:
        values = {
            "limiter": limiter,
            "capacity": capacity,
            "now": stamp(now),
            "until": stamp(now + span),
            "implausible": stamp(now + 2 * span),  # set by a bot whose clock was ahead
        }
        if await self._store.change(TAKE_SLOT, values):
            return None
        await self._store.rows(CREATE_SLOTS, values)  # no-op unless the limiter or its capacity is new
        if await self._store.change(TAKE_SLOT, values):
            return None
        (row,) = await self._store.rows(NEXT_FREE, values)
        return max(datetime.fromisoformat(row["until"]), now)

    async def block_until(self, limiter: str, until: datetime) -> None:
        await self._store.rows(BLOCK, {"limiter": limiter, "until": stamp(until)})

    async def blocked_until(self, limiter: str) -> datetime | None:
        sql = "select until from gates where gate = :limiter"
        rows = await self._store.rows(sql, {"limiter": limiter})
        return datetime.fromisoformat(rows[0]["until"]) if rows else None
