"""Delete what is kept of other systems' reports for a limited time."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.external.repository import LEFTOVERS, ExternalRuns
from bot.models import Clock
from bot.ports import DocumentStore, StoredDocument, TaskStore

BATCH_SIZE = 1_000  # documents per sweep and collection
KEPT_AFTER_DUE = {
    "external_logs": timedelta(),
    "api_requests": timedelta(),
    "external_commands": timedelta(days=7),  # nobody fetched them
}


class ExternalRetention:
    """Deletes old logs, answers to idempotency keys, commands that nobody fetched, and replaced uploads.

    `remove_file` removes an uploaded file by its path in the reports folder.
    """

    def __init__(
        self,
        documents: DocumentStore,
        assets: TaskStore,
        remove_file: Callable[[str], Awaitable[None]],
        *,
        clock: Clock,
    ) -> None:
        self._documents = documents
        self._runs = ExternalRuns(documents)
        self._assets = assets
        self._remove_file = remove_file
        self._clock = clock

    async def sweep(self) -> int:
        """Delete what is too old, a limited number at once. Returns how many documents that were."""
        now, purged = self._clock(), 0
        for collection, kept in KEPT_AFTER_DUE.items():
            purged += await self._documents.purge_documents(collection, now - kept, limit=BATCH_SIZE)
        return purged + await self._sweep_leftovers(now)

    async def _sweep_leftovers(self, now: datetime) -> int:
        """Delete uploads to which their runs do not refer, then what reminds of them. Repeatable."""
        due = await self._documents.find_due_documents(LEFTOVERS, now, limit=BATCH_SIZE)
        for leftover in due:
            await self._delete_unless_used(leftover)
        before = due[-1].due if len(due) == BATCH_SIZE else now
        return await self._documents.purge_documents(LEFTOVERS, before or now, limit=BATCH_SIZE)

    async def _delete_unless_used(self, leftover: StoredDocument) -> None:
        run = await self._runs.find(str(leftover.data["run_id"]))
        place, path = str(leftover.data["place"]), str(leftover.data["path"])
        if place and not (run and place in {upload.place for upload in run.assets}):
            await self._assets.delete_assets(place)
        if path and not (run and path in {file.path for file in run.files}):
            await self._remove_file(path)
