"""TaskStore in the SQLite file of the store."""

import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.models import Task
from bot.stores.encoding import storable_values
from bot.stores.sqlite.rows import TASKS, models, stamp
from bot.stores.sqlite.sql import array
from bot.stores.sqlite.store import SqliteStore

BATCH_SIZE = 500  # documents per query, tasks per transaction
DELETE_BATCH_SIZE = 5_000

CLAIM = """
update tasks set status = 'running', owner = :owner, lease_until = :until,
    start_time = coalesce(start_time, :now)
where number = (
    select min(number) from (
        select min(number) as number from tasks where status = 'waiting'
        union all
        select min(+number) from tasks where status = 'running' and lease_until <= :now
    )
) returning *
"""  # uses one index per status, so ended tasks are not scanned

ASSETS = """
select key, task_id, document from assets
where kind = :kind and task_id in (select value from json_each(:ids)) and (key, task_id) > (:key, :task_id)
order by key, task_id limit :batch
"""

DELETE_ASSETS = """
with recursive kinds (kind) as (
    select min(kind) from assets
    union all
    select (select min(kind) from assets where kind > kinds.kind) from kinds where kinds.kind is not null
)
delete from assets where task_id = :id and (kind, key) in (
    select kind, key from assets where kind in (select kind from kinds) and task_id = :id limit :batch
) returning 1
"""  # finds the kinds by index, because the primary key begins with them


class SqliteTaskStore:
    """TaskStore on the file of a `SqliteStore`, which opens and closes it."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def add_tasks(self, tasks: Sequence[Task]) -> None:
        for start in range(0, len(tasks), BATCH_SIZE):
            rows = [storable_values(TASKS.row(task)) for task in tasks[start : start + BATCH_SIZE]]
            await self._store.insert_many("tasks", TASKS.columns, rows)

    async def claim_task(self, owner: str, now: datetime, until: datetime) -> Task | None:
        values = {"owner": owner, "now": stamp(now), "until": stamp(until)}
        rows = await self._store.rows(CLAIM, values)
        if not rows:
            return None
        task = TASKS.model(rows[0])
        await self.delete_assets(task.id)
        return task

    async def free_future(self, now: datetime, beyond: datetime) -> int:
        sql = (
            "update tasks set lease_until = :now"
            " where status = 'running' and lease_until > :beyond returning 1"
        )
        return len(await self._store.rows(sql, {"now": stamp(now), "beyond": stamp(beyond)}))

    async def extend_task(self, task_id: str, owner: str, until: datetime) -> bool:
        sql = (
            "update tasks set lease_until = :until"
            " where id = :id and owner = :owner and status = 'running' returning 1"
        )
        return await self._store.change(sql, {"id": task_id, "owner": owner, "until": stamp(until)})

    async def save_assets(self, task_id: str, kind: str, assets: Mapping[str, Mapping[str, Any]]) -> None:
        documents = [[key, json.dumps(document, ensure_ascii=False)] for key, document in assets.items()]
        sql = (
            "insert or replace into assets (kind, task_id, key, document) select :kind, :task_id,"
            " json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(:documents)"
        )
        packed = json.dumps(documents, ensure_ascii=False)
        await self._store.rows(sql, {"kind": kind, "task_id": task_id, "documents": packed})

    async def delete_assets(self, task_id: str) -> None:
        """Delete in batches, so that nothing else waits for long."""
        values = {"id": task_id, "batch": DELETE_BATCH_SIZE}
        while await self._store.change(DELETE_ASSETS, values):
            pass

    async def end_task(self, task: Task, owner: str) -> bool:
        row = TASKS.row(task)
        names = ("status", "reason", "end_time", "found")
        setting = ", ".join(f"{name} = :{name}" for name in names)
        sql = (
            f"update tasks set {setting}, lease_until = null"  # noqa: S608 - names of fields
            " where id = :id and owner = :owner and status = 'running' returning 1"
        )
        return await self._store.change(sql, {name: row[name] for name in ("id", *names)} | {"owner": owner})

    async def stop_tasks(self, task_ids: Collection[str], now: datetime) -> None:
        sql = (
            "update tasks set status = 'stop', end_time = :now, lease_until = null"
            " where status in ('waiting', 'running') and id in (select value from json_each(:ids))"
        )
        await self._store.rows(sql, {"ids": array(task_ids), "now": stamp(now)})

    async def find_tasks(self, *, ids: Collection[str] = (), run_id: str = "") -> Sequence[Task]:
        sql = "select * from tasks where run_id = :run_id order by number"
        if not run_id:
            sql = "select * from tasks where id in (select value from json_each(:ids)) order by number"
        rows = await self._store.rows(sql, {"ids": array(ids), "run_id": run_id})
        return await models(TASKS, rows)

    async def find_open(self, ids: Collection[str]) -> Collection[str]:
        sql = (
            "select id from tasks where status in ('waiting', 'running')"
            " and id in (select value from json_each(:ids))"
        )
        return {row["id"] for row in await self._store.rows(sql, {"ids": array(ids)})}

    async def iter_assets(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Mapping[str, Any]]:
        values = {"kind": kind, "ids": array(task_ids), "key": "", "task_id": "", "batch": BATCH_SIZE}
        while rows := await self._store.rows(ASSETS, values):
            for row in rows:
                yield json.loads(row["document"])
            values |= {"key": rows[-1]["key"], "task_id": rows[-1]["task_id"]}
