"""OverrideStore in the SQLite file of the store."""

from collections.abc import Sequence
from dataclasses import replace

from bot.models import ScheduleOverride
from bot.stores.sqlite.rows import OVERRIDES
from bot.stores.sqlite.sql import insert
from bot.stores.sqlite.store import SqliteStore

UPDATE = """
update overrides set version = version + 1, notify = :notify, mute = :mute, acknowledgement = :acknowledgement
where schedule_id = :schedule_id and version = :version returning 1
"""


class SqliteOverrides:
    """OverrideStore on the file of a `SqliteStore`, which opens and closes it."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def find_override(self, schedule_id: str) -> ScheduleOverride | None:
        rows = await self._store.rows("select * from overrides where schedule_id = :id", {"id": schedule_id})
        return OVERRIDES.model(rows[0]) if rows else None

    async def find_overrides(self) -> Sequence[ScheduleOverride]:
        return [OVERRIDES.model(row) for row in await self._store.rows("select * from overrides")]

    async def save_override(self, override: ScheduleOverride) -> bool:
        if override.version:
            return await self._store.change(UPDATE, OVERRIDES.row(override))
        first = replace(override, version=1)
        return await self._store.change(insert("overrides", OVERRIDES.columns), OVERRIDES.row(first))
