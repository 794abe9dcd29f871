"""LapseStore in the SQLite file of the store."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.models import Lapse, LapseState, Watch
from bot.stores.sqlite.rows import LAPSES, WATCHES, models, stamp
from bot.stores.sqlite.sql import array, insert
from bot.stores.sqlite.store import SqliteStore

WATCH = """
insert into watches (schedule_id, plan, since) values (:id, :plan, :at)
on conflict do update set plan = :plan, since = :at where plan <> :plan
"""
RECORD_START = """
insert into watches (schedule_id, plan, since, last_start) values (:id, '', :at, :at)
on conflict do update set last_start = max(coalesce(last_start, ''), :at)
"""
RESET_START = "update watches set last_start = :at where schedule_id = :id and last_start > :at"
FIND = """
select * from lapses where state in (select value from json_each(:states)) order by found_at, rowid
"""


class SqliteLapses:
    """LapseStore on the file of a `SqliteStore`, which opens and closes it."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def watch(self, schedule_id: str, plan: str, since: datetime) -> None:
        await self._store.rows(WATCH, {"id": schedule_id, "plan": plan, "at": stamp(since)})

    async def record_start(self, schedule_id: str, at: datetime) -> None:
        await self._store.rows(RECORD_START, {"id": schedule_id, "at": stamp(at)})

    async def reset_start(self, schedule_id: str, at: datetime) -> None:
        await self._store.rows(RESET_START, {"id": schedule_id, "at": stamp(at)})

    async def find_watches(self) -> Sequence[Watch]:
        return await models(WATCHES, await self._store.rows("select * from watches"))

    async def add_lapse(self, lapse: Lapse) -> bool:
        return await self._store.change(insert("lapses", LAPSES.columns), LAPSES.row(lapse))

    async def change_lapse(self, lapse_id: str, changes: Mapping[str, Any], *, when: LapseState) -> bool:
        current = await self.find_lapse(lapse_id)
        if current is None:
            return False
        row = LAPSES.row(replace(current, **changes))  # converts each value for its column
        setting = ", ".join(f"{name} = :{name}" for name in changes)
        sql = f"update lapses set {setting} where id = :id and state = :when returning 1"  # noqa: S608 - names
        values = {name: row[name] for name in changes} | {"id": lapse_id, "when": when.value}
        return await self._store.change(sql, values)

    async def find_lapse(self, lapse_id: str) -> Lapse | None:
        rows = await self._store.rows("select * from lapses where id = :id", {"id": lapse_id})
        return LAPSES.model(rows[0]) if rows else None

    async def find_lapses(self, states: Collection[LapseState]) -> Sequence[Lapse]:
        return await models(LAPSES, await self._store.rows(FIND, {"states": array(states)}))
