"""Takes in the runs that the engine began by itself: while DingRun looked, and while it was down."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.loops import loop_item, loop_step
from bot.models import Clock
from bot.ports import Engine, Started, Store
from bot.runs import Runs

MARK = "found:until"  # the fact that says up to when everything was found
AGAIN = timedelta(days=1)  # is looked at anew: a run may be whole long after it began
MARK_EVERY = timedelta(seconds=60)
LOOKED_AT = 100  # runs of a schedule


@dataclass(frozen=True, kw_only=True)
class Past:
    """What becomes of runs that ended while nobody looked."""

    tell_within: timedelta  # what ended longer ago is kept and not told
    look_back: timedelta  # of the first look ever: what began since then is kept, and what is over not told


class Finder:
    """Looks every few seconds for runs that are not kept yet."""

    def __init__(self, store: Store, engine: Engine, runs: Runs, *, clock: Clock, past: Past) -> None:
        self._store = store
        self._engine = engine
        self._runs = runs
        self._clock = clock
        self._past = past
        self._known: set[str] = set()  # causes
        self._mark: datetime | None = None

    async def keep_looking(self, every: float) -> None:
        """Look until cancelled."""
        while True:
            with loop_step("finder"):
                await self.look()
            await asyncio.sleep(every)

    async def look(self) -> int:
        """Look once; the number of runs that were new."""
        now = self._clock()
        mark = self._mark or await self._last_mark()
        mark = mark and min(mark, now)  # one that a clock ahead has written would hide what begins until then
        started = await self._engine.started(mark - AGAIN if mark else now - self._past.look_back)
        new = [each for each in started if each.cause not in self._known]
        taken, known = 0, {each.cause for each in started} & self._known
        for each in new:
            with loop_item("finder"):  # one that fails is looked at again
                taken += await self._take(each, first_look=mark is None)
                known.add(each.cause)
        self._known = known
        await self._remember(now)
        return taken

    async def _last_mark(self) -> datetime | None:
        """None before the first look ever has come to its end."""
        kept = await self._store.recall(MARK)
        return datetime.fromisoformat(kept) if kept else None

    async def _remember(self, now: datetime) -> None:
        if self._mark is None or abs(now - self._mark) >= MARK_EVERY:
            await self._store.remember(MARK, now.isoformat())
            self._mark = now

    async def _take(self, started: Started, *, first_look: bool) -> bool:
        """Keep a run; without a word where it is no news."""
        if await self._is_another(started):
            return False
        tasks = await self._engine.tasks(started.task_ids)
        over = all(task.status.ended for task in tasks.values())
        ends = [task.end_time or started.start_time for task in tasks.values()]
        last = max(ends, default=started.start_time)
        quiet = over and (first_look or self._clock() - last > self._past.tell_within)
        return await self._runs.adopt(started, quiet=quiet) is not None

    async def _is_another(self, started: Started) -> bool:
        """Whether a run that is kept has these tasks already: a task belongs to one run, whatever it is
        called."""
        mine = set(started.task_ids)
        kept = await self._store.find_runs(schedule_id=started.schedule.id, limit=LOOKED_AT)
        return any(run.cause != started.cause and mine & set(run.task_ids) for run in kept)
