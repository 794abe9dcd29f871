"""Takes in the runs that the engine began by itself: while DingRun looked, and while it was down."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.models import Clock, Run, Schedule
from bot.ports import Engine, EngineRun, Store
from bot.runs.lifecycle import Runs
from bot.telemetry.loops import loop_item, loop_step

log = logging.getLogger(__name__)

WATERMARK = "found:until"  # the fact that says up to when everything was found
OVERLAP = timedelta(days=1)  # is looked at anew: a run may be whole long after it began
WATERMARK_INTERVAL = timedelta(seconds=60)
LOOKED_AT = 100  # runs of a schedule at least
NEAR = timedelta(hours=3)  # a run is stored before its tasks, and handed over within that time
LOOKED_AT_GONE = 1_000  # runs of any, for one whose schedule is gone


@dataclass(frozen=True, kw_only=True)
class DiscoveryWindow:
    """What becomes of runs that ended while nobody looked."""

    tell_within: timedelta  # what ended longer ago is kept and not told
    look_back: timedelta  # of the first look ever: what began since then is kept, and what is over not told


class RunDiscovery:
    """Looks every few seconds for runs that are not kept yet."""

    def __init__(
        self, store: Store, engine: Engine, runs: Runs, *, clock: Clock, past: DiscoveryWindow
    ) -> None:
        self._store = store
        self._engine = engine
        self._runs = runs
        self._clock = clock
        self._past = past
        self._known: set[str] = set()  # causes
        self._mark: datetime | None = None

    async def run(self, every: float) -> None:
        """Look until cancelled."""
        while True:
            with loop_step("finder"):
                await self.poll()
            await asyncio.sleep(every)

    async def poll(self) -> int:
        """Look once; the number of runs that were new."""
        now = self._clock()
        mark = self._mark or await self._last_mark()
        mark = mark and min(mark, now)  # one that a clock ahead has written would hide what begins until then
        started = await self._engine.external_runs(mark - OVERLAP if mark else now - self._past.look_back)
        new = [each for each in started if each.idempotency_key not in self._known]
        taken, known = 0, {each.idempotency_key for each in started} & self._known
        for each in new:
            with loop_item("finder"):  # one that fails is looked at again
                taken += await self._take(each, first_look=mark is None)
                known.add(each.idempotency_key)
        self._known = known
        await self._remember(now)
        return taken

    async def _last_mark(self) -> datetime | None:
        """None before the first look ever has come to its end."""
        kept = await self._store.find_value(WATERMARK)
        return datetime.fromisoformat(kept) if kept else None

    async def _remember(self, now: datetime) -> None:
        if self._mark is None or abs(now - self._mark) >= WATERMARK_INTERVAL:
            await self._store.set_value(WATERMARK, now.isoformat())
            self._mark = now

    async def _take(self, started: EngineRun, *, first_look: bool) -> bool:
        """Keep a run; without a word where it is no news."""
        if started.gone:
            started = await self._with_last_schedule(started)
        if await self._is_another(started):
            return False
        tasks = await self._engine.tasks(started.task_ids)
        over = all(task.status.ended for task in tasks.values())
        ends = [task.end_time or started.start_time for task in tasks.values()]
        last = max(ends, default=started.start_time)
        quiet = over and (first_look or self._clock() - last > self._past.tell_within)
        return await self._runs.record_external_run(started, notify=not quiet) is not None

    async def _with_last_schedule(self, started: EngineRun) -> EngineRun:
        """The run with its schedule as it was when a run of it was kept last: that one says whom to tell."""
        kept = [run.schedule for run in await self._store.find_runs(limit=LOOKED_AT_GONE)]
        alike = [each for each in kept if _is_what_is_left_of(started.schedule, each)]
        if not alike:
            log.warning("nobody is told of a run of %s: its schedule is gone", started.schedule.name)
            return started
        spoken = (each for each in alike if each.notify_enable or each.export)  # others may be kept silently
        return replace(started, schedule=next(spoken, alike[0]))

    async def _is_another(self, started: EngineRun) -> bool:
        """Whether a run that is kept has these tasks already: a task belongs to one run, whatever it is
        called."""
        mine = set(started.task_ids)
        kept = await self._kept_since(started.start_time - NEAR, "" if started.gone else started.schedule.id)
        return any(
            run.idempotency_key != started.idempotency_key and mine & set(run.task_ids) for run in kept
        )

    async def _kept_since(self, since: datetime, schedule_id: str) -> Sequence[Run]:
        """The runs that began since then, and some before, however many they are."""
        limit = LOOKED_AT
        while True:
            runs = await self._store.find_runs(schedule_id=schedule_id, limit=limit)
            if len(runs) < limit or runs[-1].start_time < since:
                return runs
            limit *= 4


def _is_what_is_left_of(left: Schedule, known: Schedule) -> bool:
    """Whether a schedule that is gone was this one: by its id, else by name and targets, which may be cut."""
    targets = {target.lower() for target in known.targets}
    return left.id == known.id or (known.name.startswith(left.name) and targets >= set(left.targets))
