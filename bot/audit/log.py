"""Write the audit: entries are added and expire, nothing else."""

import logging
from collections.abc import Callable
from datetime import timedelta

from bot.audit.redaction import redact_entry
from bot.errors import PermanentError
from bot.models import AuditEntry, AuditOutcome, Clock
from bot.ports import AuditStore

log = logging.getLogger(__name__)

BATCH_SIZE = 500  # entries per write
MAX_BATCHES = 20  # per sweep, so that other writes are not delayed


class AuditLog:
    """Adds entries, and deletes those older than `keep`."""

    def __init__(
        self,
        store: AuditStore,
        *,
        clock: Clock,
        keep: timedelta,
        on_entry: Callable[[AuditEntry], None] | None = None,
    ) -> None:
        """Write to a store. `on_entry` gets each entry once it has its outcome, once."""
        self._store = store
        self._on_entry = on_entry
        self._keep = keep
        self.clock = clock

    async def record(self, entry: AuditEntry) -> None:
        """Store an entry, or complete the pending one with the same id. Recording twice is recording once.

        Raises `TemporaryError` if the store is unavailable. An entry that the store rejects is logged.
        """
        try:
            added = await self._store.add_entry(redact_entry(entry))
        except PermanentError as error:
            log.warning("an entry of the audit is not stored: %s: %s", entry.id, error)
            return
        if added and self._on_entry and entry.outcome is not AuditOutcome.PENDING:
            self._on_entry(entry)

    async def purge_expired(self) -> int:
        """Delete entries that are too old, a limited number at once. Returns their number."""
        before, total = self.clock() - self._keep, 0
        for _ in range(MAX_BATCHES):
            purged = await self._store.purge_entries(before, limit=BATCH_SIZE)
            total += purged
            if purged < BATCH_SIZE:
                break
        if total:
            log.info("%d old entries of the audit deleted", total)
        return total
