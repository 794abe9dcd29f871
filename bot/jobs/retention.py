"""Clear the payloads of old jobs: chat messages and their session webhooks are kept for one day."""

import logging
from datetime import UTC, datetime, timedelta

from bot.models import Clock
from bot.ports import Store

log = logging.getLogger(__name__)

KINDS = (
    "message",
    "delay",
    "notice",
    "last_notice",
)  # the payloads of other kinds are part of a run's audit trail
PAYLOAD_MAX_AGE = timedelta(days=1)  # after the end of the job; a session webhook expires after 90 minutes
BATCH_SIZE = 500  # jobs per write
WATERMARK = "payloads:cleared"  # the end time up to which all jobs are done


class PayloadRetention:
    """Clears old payloads. The jobs stay, because their ids are idempotency keys."""

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def sweep(self) -> int:
        """Clear the payloads that are too old and return their number. Idempotent."""
        before = self._clock() - PAYLOAD_MAX_AGE
        known = await self._store.find_value(WATERMARK)
        since = datetime.fromisoformat(known) if known else datetime.fromtimestamp(0, UTC)
        if since >= before:
            return 0
        total = 0
        while cleared := await self._store.clear_payloads(KINDS, since, before, limit=BATCH_SIZE):
            total += cleared
        await self._store.set_value(WATERMARK, before.isoformat())
        if total:
            log.info("payloads of %d old jobs cleared", total)
        return total
