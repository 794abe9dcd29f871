"""Notices a clock that was ahead and has been set right, and undoes what it put off.

Due times and leases are times. Written by a clock that is hours ahead, they would hold everything up for as
many hours once the clock is right, without a line in the log.
"""

import logging
from datetime import datetime, timedelta

from bot.models import MAX_CLOCK_SKEW, Clock
from bot.ports import Store, TaskStore

log = logging.getLogger(__name__)

FACT = "clock"  # the last time that a bot on this store has seen
AHEAD = 2 * MAX_CLOCK_SKEW  # a time that lies further in the future was told by a clock that was wrong
LONGEST_WAIT = timedelta(minutes=10)  # what is put off for less comes by itself


class ClockGuard:
    """Keeps the time in the store, and compares."""

    def __init__(self, store: Store, tasks: TaskStore, *, clock: Clock) -> None:
        self._store = store
        self._tasks = tasks
        self._clock = clock

    async def check(self) -> bool:
        """Store the time. True when the stored one was in the future; what waited for it has been freed."""
        now, kept = self._clock(), await self._store.find_value(FACT)
        set_back = kept is not None and datetime.fromisoformat(kept) > now + AHEAD
        if set_back:
            beyond = now + LONGEST_WAIT
            freed = await self._store.free_future(now, beyond) + await self._tasks.free_future(now, beyond)
            log.warning(
                "the clock was set back from %s to %s: %d jobs and tasks that would have waited go on now",
                *(kept, now.isoformat(), freed),
            )
        await self._store.set_value(FACT, now.isoformat())
        return set_back
