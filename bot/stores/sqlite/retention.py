"""RetentionStore in the SQLite file of the store."""

from collections.abc import Collection, Sequence
from datetime import datetime

from bot.models import Run
from bot.stores.sqlite.rows import RUNS, models, stamp
from bot.stores.sqlite.sql import array
from bot.stores.sqlite.store import SqliteStore

OLD_RUNS = """
select * from runs where start_time > :since and status <> 'running' and start_time <= (
    select max(start_time) from (
        select start_time from runs where start_time > :since and start_time < :before
        and status <> 'running' order by start_time limit :limit
    )
) order by start_time, rowid
"""
OF_RUNS = ("downloads", "links", "reports", "tasks", "jobs")
PURGE_JOBS = """
delete from jobs where rowid in (
    select rowid from jobs where run_id = '' and created_at < :before and ended_at is not null
    order by created_at limit :limit
) returning 1
"""
PURGE_LAPSES = """
delete from lapses where rowid in (
    select rowid from lapses where state = 'settled' and found_at < :before order by found_at limit :limit
) returning 1
"""
DELETE_DOCUMENTS = """
delete from documents where collection = :collection and id in (select value from json_each(:ids))
"""


class SqliteRetention:
    """RetentionStore on the file of a `SqliteStore`, which opens and closes it."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def find_old_runs(self, since: datetime, before: datetime, *, limit: int) -> Sequence[Run]:
        values = {"since": stamp(since), "before": stamp(before), "limit": limit}
        return await models(RUNS, await self._store.rows(OLD_RUNS, values))

    async def delete_runs(self, run_ids: Collection[str]) -> None:
        values = {"ids": array(run_ids)}
        for table in OF_RUNS:
            sql = f"delete from {table} where run_id in (select value from json_each(:ids))"  # noqa: S608 - names
            await self._store.rows(sql, values)
        await self._store.rows("delete from runs where id in (select value from json_each(:ids))", values)

    async def purge_jobs(self, before: datetime, *, limit: int) -> int:
        return len(await self._store.rows(PURGE_JOBS, {"before": stamp(before), "limit": limit}))

    async def purge_lapses(self, before: datetime, *, limit: int) -> int:
        return len(await self._store.rows(PURGE_LAPSES, {"before": stamp(before), "limit": limit}))

    async def delete_documents(self, collection: str, ids: Collection[str]) -> None:
        await self._store.rows(DELETE_DOCUMENTS, {"collection": collection, "ids": array(ids)})

    async def delete_values(self, keys: Collection[str]) -> None:
        sql = "delete from facts where key in (select value from json_each(:keys))"
        await self._store.rows(sql, {"keys": array(keys)})
