"""Retention of payloads: what people wrote, and the session to answer them by, is kept for a day."""

import logging
from datetime import UTC, datetime, timedelta

from bot.models import Clock
from bot.ports import Store

log = logging.getLogger(__name__)

KINDS = ("message", "delay", "notice")  # the payloads of other kinds are part of a run's audit trail
PAYLOAD_MAX_AGE = timedelta(days=1)  # after the end of the job; an answer's session is over after 90 minutes
BATCH_SIZE = 500  # jobs; others want to write meanwhile
WATERMARK = "payloads:cleared"  # the fact up to which end of jobs all is done


class PayloadRetention:
    """Empties payloads that nobody needs any more. The jobs stay, so that asking twice is asking once."""

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def sweep(self) -> int:
        """Empty what is too old; return how many there were. Repeatable."""
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
            log.info("payloads of %d old jobs emptied", total)
        return total
