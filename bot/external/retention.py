"""Delete what is kept of other systems' reports for a limited time."""

from datetime import timedelta

from bot.models import Clock
from bot.ports import DocumentStore

BATCH_SIZE = 1_000  # documents per sweep and collection
KEPT_AFTER_DUE = {
    "external_logs": timedelta(),
    "api_requests": timedelta(),
    "external_commands": timedelta(days=7),  # nobody fetched them
}


class ExternalRetention:
    """Deletes old logs, answers to idempotency keys, and commands that nobody fetched."""

    def __init__(self, documents: DocumentStore, *, clock: Clock) -> None:
        self._documents = documents
        self._clock = clock

    async def sweep(self) -> int:
        """Delete what is too old, a limited number at once. Returns how many documents that were."""
        now, purged = self._clock(), 0
        for collection, kept in KEPT_AFTER_DUE.items():
            purged += await self._documents.purge_documents(collection, now - kept, limit=BATCH_SIZE)
        return purged
