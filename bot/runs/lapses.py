"""Finds what was expected of schedules and did not happen, and what has happened since.

A lapse is stored first, then its alerts, then that they are stored. Each step is repeatable, so that a bot
that dies in between, or another one that does the same, changes nothing.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.delivery.lapses.alerts import LapseAlerts
from bot.models import (
    EXTERNAL,
    OPEN_LAPSES,
    Clock,
    Lapse,
    LapseKind,
    LapseState,
    Run,
    RunStatus,
    Schedule,
    Watch,
)
from bot.ports import Engine, LapseStore, Store
from bot.runs.discovery import RunDiscovery
from bot.runs.expectations import (
    MAX_DURATIONS,
    Observation,
    count_missed,
    extend_observation,
    first_limit,
    first_missed,
    is_start_after,
    judge_run,
    missed_lapse,
    plan_of,
    usual_duration,
)
from bot.runs.reporting import RunReports
from bot.runs.scheduler import MAX_LEAD, SchedulePolicy
from bot.telemetry.loops import loop_item, loop_step

UNFINISHED_STATES = frozenset({LapseState.FOUND, LapseState.OVER})  # something is still to be told
MAX_RUNS_READ = 2 * MAX_DURATIONS  # of a schedule, for its history; some have failed
WATCHER_DELAY = timedelta(seconds=60)  # until runs that ended while DingRun was down are ended


@dataclass(frozen=True, kw_only=True)
class LapseSources:
    """Stores, discoveries and reports that lapses are derived from, and the store of lapses."""

    runs: Store
    lapses: LapseStore
    discoveries: Mapping[str, RunDiscovery]  # of the engines that trigger runs themselves, by name
    reports: RunReports  # of runs that other systems execute


@dataclass(frozen=True, kw_only=True)
class _Known:
    """Content of the store, read once per check with a fixed number of queries."""

    now: datetime
    watches: Mapping[str, Watch]
    runs: Sequence[Run]  # that are open
    lapses: Sequence[Lapse]  # that are open
    schedules: Mapping[str, Schedule] = field(default_factory=dict)  # of the engine that is checked


class LapseChecker:
    """Checks the schedules of all engines. An engine that cannot be asked is not judged."""

    def __init__(
        self,
        sources: LapseSources,
        engine: Engine,
        alerts: LapseAlerts,
        *,
        policy: SchedulePolicy,
    ) -> None:
        self._store, self._lapses = sources.runs, sources.lapses
        self._discoveries = sources.discoveries
        self._reports = sources.reports
        self._engine = engine
        self._alerts = alerts
        self._zone = policy.zone
        self._observations: dict[str, Observation] = {}  # of engines whose schedules DingRun fires
        self._usual: dict[str, timedelta | None] = {}  # duration, by the id of an open run

    async def run(self, clock: Clock, interval_seconds: float) -> None:
        """Check at an interval until cancelled."""
        while True:
            with loop_step("lapses"):
                await self.check(clock())
            await asyncio.sleep(interval_seconds)

    async def check(self, now: datetime) -> None:
        """Find new lapses, end those that are over, and tell of both."""
        known = _Known(
            now=now,
            watches={watch.schedule_id: watch for watch in await self._lapses.find_watches()},
            runs=await self._store.find_runs(status=RunStatus.RUNNING, limit=0),
            lapses=await self._lapses.find_lapses(OPEN_LAPSES),
        )
        self._usual = {run.id: self._usual[run.id] for run in known.runs if run.id in self._usual}
        for name, engine in self._engine.parts.items():
            with loop_step("lapses"):
                await self._check_engine(name, engine, known)
        for lapse in await self._lapses.find_lapses(UNFINISHED_STATES):
            with loop_item("lapses"):
                await self._tell(lapse)

    async def _tell(self, lapse: Lapse) -> None:
        if lapse.state is LapseState.FOUND:
            await self._alerts.tell(lapse)
            await self._lapses.change_lapse(lapse.id, {"state": LapseState.TOLD}, when=LapseState.FOUND)
        elif await self._alerts.tell_recovery(lapse):
            await self._lapses.change_lapse(lapse.id, {"state": LapseState.SETTLED}, when=LapseState.OVER)

    async def _check_engine(self, name: str, engine: Engine, known: _Known) -> None:
        """Check the schedules, the open runs and the open lapses of one engine."""
        schedules = {schedule.id: schedule for schedule in await engine.schedules()}
        known = replace(
            known,
            runs=[run for run in known.runs if self._engine_of(run.schedule) == name],
            lapses=[lapse for lapse in known.lapses if self._engine_of(lapse.schedule) == name],
            schedules=schedules,
        )
        for lapse in known.lapses:
            with loop_item("lapses"):
                await self._end_if_over(lapse, known)
        observation = self._observe(name, engine, known.now)
        missing = {lapse.schedule_id for lapse in known.lapses if lapse.kind is LapseKind.MISSED}
        for schedule in schedules.values():
            with loop_item("lapses"):
                await self._check_start(schedule, observation, known, told=schedule.id in missing)
        for run in known.runs:
            with loop_item("lapses"):
                await self._check_run(run, observation, known)

    def _engine_of(self, schedule: Schedule) -> str:
        """Return the name of the engine of a schedule. One that the settings no longer have is the first."""
        names = list(self._engine.parts)
        return schedule.engine if schedule.engine in names else names[0]

    def _observe(self, name: str, engine: Engine, now: datetime) -> Observation | None:
        """Return since when, and until when, the starts of runs of an engine are known."""
        if engine.has_own_scheduler:
            discovery = self._discoveries.get(name)
            return discovery.observation if discovery else None
        self._observations[name] = extend_observation(self._observations.get(name), now)
        return self._observations[name]

    async def _check_start(
        self, schedule: Schedule, observation: Observation | None, known: _Known, *, told: bool
    ) -> None:
        """Find the first time that a schedule has missed. Only one is open at a time."""
        watch, now = known.watches.get(schedule.id), known.now
        plan = plan_of(schedule, self._zone)
        if watch is None or watch.plan != plan or watch.since > now + MAX_LEAD:
            await self._watch(schedule.id, watch, plan, now)
        elif watch.last_start and watch.last_start > now + MAX_LEAD:
            await self._lapses.reset_start(schedule.id, now)
        elif observation and not told:
            if self._engine_of(schedule) == EXTERNAL:  # starts that were reported during downtime are lost
                watch = replace(watch, since=max(watch.since, observation.since))
            missed = first_missed(schedule, watch, observation, self._zone)
            if missed:
                await self._lapses.add_lapse(missed_lapse(schedule, missed, now))

    async def _watch(self, schedule_id: str, watch: Watch | None, plan: str, now: datetime) -> None:
        """Watch a schedule from now on, also if a clock ahead has watched it already."""
        if watch and watch.plan == plan:
            await self._lapses.watch(schedule_id, "", now)
        if watch or plan:
            await self._lapses.watch(schedule_id, plan, now)

    async def _check_run(self, run: Run, observation: Observation | None, known: _Known) -> None:
        """Find out whether an open run is late or overdue."""
        schedule = known.schedules.get(run.schedule_id, run.schedule)
        if observation is None or known.now - observation.since < WATCHER_DELAY:
            return
        if known.now - run.start_time < first_limit(schedule.expect):
            return
        lapse = judge_run(run, schedule.expect, await self._usual_duration(run), known.now)
        if lapse is None or lapse.id in {each.id for each in known.lapses}:
            return
        overdue = lapse.kind is LapseKind.OVERDUE
        if overdue and await self._reports.end_if_silent(run, lapse.allowed):
            return  # its summary tells that it timed out
        await self._lapses.add_lapse(lapse)

    async def _usual_duration(self, run: Run) -> timedelta | None:
        """Return the usual duration of the runs of a schedule, read once for an open run."""
        if run.id not in self._usual:
            history = await self._store.find_runs(schedule_id=run.schedule_id, limit=MAX_RUNS_READ)
            self._usual[run.id] = usual_duration(history)
        return self._usual[run.id]

    async def _end_if_over(self, lapse: Lapse, known: _Known) -> None:
        if lapse.kind is LapseKind.MISSED:
            await self._end_missed(lapse, known)
        elif lapse.run_id not in {run.id for run in known.runs}:
            run = await self._store.find_run(lapse.run_id)
            await self._end(lapse, run.end_time if run else None)

    async def _end_missed(self, lapse: Lapse, known: _Known) -> None:
        """End a lapse when its schedule starts, or when the missed time is expected no more."""
        schedule, watch = known.schedules.get(lapse.schedule_id), known.watches.get(lapse.schedule_id)
        plan = plan_of(lapse.schedule, self._zone)
        if schedule is None or plan_of(schedule, self._zone) != plan or lapse.since > known.now + MAX_LEAD:
            await self._end(lapse, None)
        elif watch and watch.last_start and is_start_after(watch.last_start, lapse.since):
            start = await self._first_start(lapse, watch.last_start)
            missed = count_missed(lapse.schedule, lapse.since, start, self._zone)
            await self._end(lapse, start, missed=missed)

    async def _first_start(self, lapse: Lapse, last_start: datetime) -> datetime:
        """Return the first start after a missed time. There may be several, if DingRun was down."""
        runs = await self._store.find_runs(schedule_id=lapse.schedule_id, limit=MAX_RUNS_READ)
        return min(
            [run.start_time for run in runs if is_start_after(run.start_time, lapse.since)] or [last_start]
        )

    async def _end(self, lapse: Lapse, at: datetime | None, *, missed: int = 0) -> None:
        """Record that a lapse is over. Nobody is told if nothing has happened: it is expected no more."""
        over = {"state": LapseState.OVER, "over_at": at, "missed": missed}
        changes = over if at else {"state": LapseState.SETTLED}
        await self._lapses.change_lapse(lapse.id, changes, when=lapse.state)
