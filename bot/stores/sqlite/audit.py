"""AuditStore in the SQLite file of the store."""

from collections.abc import Sequence
from datetime import datetime

from bot.models import AuditEntry
from bot.stores.sqlite.rows import AUDIT, models, stamp
from bot.stores.sqlite.store import SqliteStore

_KEPT = ("id", "at")  # of the pending entry
_NAMES = ", ".join(AUDIT.columns)
_VALUES = ", ".join(f":{name}" for name in AUDIT.columns)
_CHANGES = ", ".join(f"{name} = excluded.{name}" for name in AUDIT.columns if name not in _KEPT)

ADD = (
    f"insert into audit ({_NAMES}) values ({_VALUES}) on conflict (id)"  # noqa: S608 - names of columns
    f" do update set {_CHANGES} where audit.outcome = 'pending' returning 1"
)
FILTERS = {  # the tests for '' let SQLite use the partial indexes
    "schedule": "((schedule_id = :schedule and schedule_id <> '')"
    " or (schedule_name = :schedule and schedule_name <> ''))",
    "actor": "((actor_id = :actor and actor_id <> '') or (actor_name = :actor and actor_name <> ''))",
    "since": "at >= :since",
    "before": "at < :before",
}
PURGE = """
delete from audit where number in (
    select number from audit where at < :before order by at, number limit :limit
) returning 1
"""


class SqliteAudit:
    """AuditStore on the file of a `SqliteStore`, which opens and closes it."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def add_entry(self, entry: AuditEntry) -> bool:
        return await self._store.change(ADD, AUDIT.row(entry))

    async def find_entry(self, entry_id: str) -> AuditEntry | None:
        rows = await self._store.rows("select * from audit where id = :id", {"id": entry_id})
        return AUDIT.model(rows[0]) if rows else None

    async def find_entries(
        self,
        *,
        schedule: str = "",
        actor: str = "",
        since: datetime | None = None,
        before: datetime | None = None,
        limit: int = 20,
    ) -> Sequence[AuditEntry]:
        span = {name: stamp(at) for name, at in (("since", since), ("before", before)) if at}
        values = {"schedule": schedule, "actor": actor, **span}
        given = [FILTERS[name] for name, value in values.items() if value]
        where = " and ".join(given) or "true"
        sql = f"select * from audit where {where} order by at desc, number desc limit :limit"  # noqa: S608
        return await models(AUDIT, await self._store.rows(sql, values | {"limit": limit}))

    async def purge_entries(self, before: datetime, *, limit: int) -> int:
        return len(await self._store.rows(PURGE, {"before": stamp(before), "limit": limit}))
