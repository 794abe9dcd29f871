"""Detect a clock that was ahead and has been corrected, and release the jobs that it delayed.

Due times and leases written by a clock that is hours ahead would delay their jobs by as many hours after the
correction.
"""

import logging
from datetime import datetime, timedelta

from bot.models import MAX_CLOCK_SKEW, Clock
from bot.ports import Store, TaskStore
from bot.telemetry.rescues import Rescue, count_rescue

log = logging.getLogger(__name__)

KEY = "clock"  # of the last time that a bot on this store has seen
MAX_AHEAD = 2 * MAX_CLOCK_SKEW  # a stored time further in the future was written by a wrong clock
MIN_DELAY = timedelta(minutes=10)  # shorter delays are left alone


class ClockGuard:
    """Compares the clock with the last time in the store."""

    def __init__(self, store: Store, tasks: TaskStore, *, clock: Clock) -> None:
        self._store = store
        self._tasks = tasks
        self._clock = clock

    async def check(self) -> bool:
        """Store the current time. True when the stored one was in the future and jobs were released."""
        now, stored = self._clock(), await self._store.find_value(KEY)
        set_back = stored is not None and datetime.fromisoformat(stored) > now + MAX_AHEAD
        if set_back:
            count_rescue(Rescue.CLOCK_SET_BACK)
            beyond = now + MIN_DELAY
            freed = await self._store.free_future(now, beyond) + await self._tasks.free_future(now, beyond)
            log.warning(
                "the clock was set back from %s to %s: %d delayed jobs and tasks released",
                *(stored, now.isoformat(), freed),
            )
        await self._store.set_value(KEY, now.isoformat())
        return set_back
