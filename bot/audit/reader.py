"""Read the audit. What people can reach from a chat has this and no way to write."""

from collections.abc import Sequence
from datetime import datetime

from bot.models import AuditEntry
from bot.ports import AuditStore

DEFAULT_LIST_LIMIT = 20


class AuditReader:
    """The entries of the audit, newest first."""

    def __init__(self, store: AuditStore) -> None:
        self._store = store

    async def find_entry(self, entry_id: str) -> AuditEntry | None:
        """Return the entry with this id, or None."""
        return await self._store.find_entry(entry_id)

    async def find(
        self,
        *,
        schedule: str = "",
        actor: str = "",
        since: datetime | None = None,
        limit: int = DEFAULT_LIST_LIMIT,
    ) -> Sequence[AuditEntry]:
        """Return the newest entries that match all given filters. Names and ids must be whole."""
        return await self._store.find_entries(schedule=schedule, actor=actor, since=since, limit=limit)
