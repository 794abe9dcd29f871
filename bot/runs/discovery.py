"""Discovers the runs that the engine triggered, also those from while DingRun was down."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.models import Clock, Run, Schedule
from bot.ports import Engine, EngineRun, Store
from bot.runs.expectations import Observation, extend_observation
from bot.runs.lifecycle import Runs
from bot.telemetry.loops import loop_item, loop_step

log = logging.getLogger(__name__)

WATERMARK = "found:until"  # key of the time up to which runs have been discovered
WATERMARK_INTERVAL = timedelta(seconds=60)  # between two writes of the watermark
OVERLAP = timedelta(days=1)  # before the watermark: a run may be complete long after its start
MAX_RECORDING_DELAY = timedelta(hours=3)  # between a stored run and the start of its tasks
RECORDING_DELAY = timedelta(minutes=3)  # until no more tasks of a run can follow
MIN_RUNS_READ = 100  # of a schedule
MAX_RUNS_READ = 1_000  # of all schedules, to find the last form of one that is gone


@dataclass(frozen=True, kw_only=True)
class DiscoveryWindow:
    """Limits of discovery: how far back it polls, and which runs it still notifies of."""

    notify_max_age: timedelta  # runs that ended longer ago are recorded without a notification
    initial_lookback: timedelta  # of the very first poll. What has ended by then is not notified of


class RunDiscovery:
    """Polls one engine for runs that are not recorded yet."""

    def __init__(
        self, store: Store, engine: Engine, runs: Runs, *, clock: Clock, window: DiscoveryWindow
    ) -> None:
        self._store = store
        self._engine = engine
        (name,) = engine.parts
        self._watermark_key = f"{WATERMARK}:{name}" if name else WATERMARK
        self._runs = runs
        self._clock = clock
        self._window = window
        self._known: set[str] = set()  # idempotency keys
        self._watermark: datetime | None = None
        self._observation: Observation | None = None

    @property
    def observation(self) -> Observation | None:
        """Return the span whose runs are recorded: each is, by `RECORDING_DELAY` after its start."""
        seen = self._observation
        return seen and replace(seen, until=max(seen.since, seen.until - RECORDING_DELAY))

    async def run(self, interval_seconds: float) -> None:
        """Poll at an interval until cancelled."""
        while True:
            with loop_step("discovery"):
                await self.poll()
            await asyncio.sleep(interval_seconds)

    async def poll(self) -> int:
        """Record the new runs. Returns how many there were."""
        now = self._clock()
        watermark = self._watermark or await self._stored_watermark()
        watermark = watermark and min(watermark, now)  # a clock that was ahead may have written it
        since = watermark - OVERLAP if watermark else now - self._window.initial_lookback
        external = await self._engine.external_runs(since)
        new = [run for run in external if run.idempotency_key not in self._known]
        recorded, known = 0, {run.idempotency_key for run in external} & self._known
        for run in new:
            with loop_item("discovery"):  # one that fails is tried again at the next poll
                recorded += await self._record(run, first_poll=watermark is None)
                known.add(run.idempotency_key)
        self._known = known
        if len(known) == len({run.idempotency_key for run in external}):
            self._observation = extend_observation(self._observation, now)
        await self._store_watermark(now)
        return recorded

    async def _stored_watermark(self) -> datetime | None:
        """Read the watermark. It is None until the very first poll has ended."""
        stored = await self._store.find_value(self._watermark_key)
        return datetime.fromisoformat(stored) if stored else None

    async def _store_watermark(self, now: datetime) -> None:
        if self._watermark is None or abs(now - self._watermark) >= WATERMARK_INTERVAL:
            await self._store.set_value(self._watermark_key, now.isoformat())
            self._watermark = now

    async def _record(self, external: EngineRun, *, first_poll: bool) -> bool:
        """Record a run, without a notification if it is old. Returns True if it was new."""
        if external.gone:
            external = await self._with_last_schedule(external)
        if await self._is_recorded_otherwise(external):
            return False
        tasks = await self._engine.tasks(external.task_ids)
        ended = all(task.status.ended for task in tasks.values())
        ends = [task.end_time or external.start_time for task in tasks.values()]
        last_end = max(ends, default=external.start_time)
        is_old = first_poll or self._clock() - last_end > self._window.notify_max_age
        return await self._runs.record_external_run(external, notify=not (ended and is_old)) is not None

    async def _with_last_schedule(self, external: EngineRun) -> EngineRun:
        """Return the run with its schedule as recorded last: that one names the recipients."""
        recorded = [run.schedule for run in await self._store.find_runs(limit=MAX_RUNS_READ)]
        same = [schedule for schedule in recorded if _is_same_schedule(external.schedule, schedule)]
        if not same:
            log.warning("a run of %s has no recipients: its schedule is gone", external.schedule.name)
            return external
        audible = (each for each in same if each.notify_enable or each.export)  # some are recorded silently
        return replace(external, schedule=next(audible, same[0]))

    async def _is_recorded_otherwise(self, external: EngineRun) -> bool:
        """Tell if another run has some of these tasks. A task belongs to one run, whatever its key is."""
        task_ids = set(external.task_ids)
        since = external.start_time - MAX_RECORDING_DELAY
        recorded = await self._recorded_since(since, "" if external.gone else external.schedule.id)
        return any(
            run.idempotency_key != external.idempotency_key and task_ids & set(run.task_ids)
            for run in recorded
        )

    async def _recorded_since(self, since: datetime, schedule_id: str) -> Sequence[Run]:
        """Return all runs that started since a time. There may be earlier ones as well."""
        limit = MIN_RUNS_READ
        while True:
            runs = await self._store.find_runs(schedule_id=schedule_id, limit=limit)
            if len(runs) < limit or runs[-1].start_time < since:
                return runs
            limit *= 4


def _is_same_schedule(gone: Schedule, recorded: Schedule) -> bool:
    """Compare by id, else by name and targets. Those of a schedule that is gone may be cut."""
    targets = {target.lower() for target in recorded.targets}
    same_words = recorded.name.startswith(gone.name) and targets >= set(gone.targets)
    return gone.id == recorded.id or same_words
