"""Takes in the runs that the engine began by itself: while DingRun looked, and while it was down."""

import asyncio
import logging
from datetime import datetime, timedelta

from bot.errors import DingRunError
from bot.models import Clock
from bot.ports import Engine, Started, Store
from bot.runs import Runs

log = logging.getLogger(__name__)

MARK = "found:until"  # the fact that says up to when everything was found
AGAIN = timedelta(days=1)  # is looked at anew: a run may be whole long after it began
MARK_EVERY = timedelta(seconds=60)
LOOKED_AT = 100  # runs of a schedule


class Finder:
    """Looks every few seconds; a run that ended longer ago than `tell_within` is kept and not told."""

    def __init__(
        self, store: Store, engine: Engine, runs: Runs, *, clock: Clock, tell_within: timedelta
    ) -> None:
        self._store = store
        self._engine = engine
        self._runs = runs
        self._clock = clock
        self._tell_within = tell_within
        self._known: set[str] = set()  # causes
        self._mark: datetime | None = None

    async def keep_looking(self, every: float) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except DingRunError as error:
                log.warning("runs of the engine could not be looked for, next try in %g s: %s", every, error)
            await asyncio.sleep(every)

    async def look(self) -> int:
        """Look once; the number of runs that were new."""
        now = self._clock()
        mark = self._mark or await self._last_mark(now)
        started = await self._engine.started(mark - AGAIN)
        new = [each for each in started if each.cause not in self._known]
        taken = sum([await self._take(each) for each in new])
        self._known = {each.cause for each in started}
        await self._remember(mark, now)
        return taken

    async def _last_mark(self, now: datetime) -> datetime:
        """What began before the first look ever, and cannot be told any more, is no business of ours."""
        kept = await self._store.recall(MARK)
        return datetime.fromisoformat(kept) if kept else now - self._tell_within + AGAIN

    async def _remember(self, mark: datetime, now: datetime) -> None:
        if self._mark is None or now - mark >= MARK_EVERY:
            await self._store.remember(MARK, max(mark, now).isoformat())
            self._mark = max(mark, now)

    async def _take(self, started: Started) -> bool:
        if await self._is_another(started):
            return False
        tasks = await self._engine.tasks(started.task_ids)
        over = all(task.status.ended for task in tasks.values())
        ends = [task.end_time or started.start_time for task in tasks.values()]
        last = max(ends, default=started.start_time)
        quiet = over and self._clock() - last > self._tell_within
        return await self._runs.adopt(started, quiet=quiet) is not None

    async def _is_another(self, started: Started) -> bool:
        """Whether a run that is kept has these tasks already: a task belongs to one run, whatever it is
        called."""
        mine = set(started.task_ids)
        kept = await self._store.find_runs(schedule_id=started.schedule.id, limit=LOOKED_AT)
        return any(run.cause != started.cause and mine & set(run.task_ids) for run in kept)
