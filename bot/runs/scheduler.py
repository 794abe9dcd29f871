"""Fires schedules by cron or once, in the time zone of the settings, and handles misfires.

The idempotency key of a run holds its scheduled time (`cron:<schedule>:<time>`), so several processes, or one
that is restarted, trigger one run.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from cronsim import CronSim

from bot.models import EXTERNAL, MAX_CLOCK_SKEW, Clock, Overlap, Schedule, Trigger, deterministic_id
from bot.ports import Engine, Store
from bot.runs.lifecycle import Runs, TriggerRequest
from bot.telemetry.loops import loop_item, loop_step
from bot.telemetry.rescues import Rescue, count_rescue

log = logging.getLogger(__name__)

TICK_SECONDS = 5.0  # ticks come at whole multiples, so that a minute begins with one
MAX_FOLD = timedelta(hours=1)  # no time zone sets its clocks back by more
MAX_LEAD = 2 * MAX_CLOCK_SKEW  # a checkpoint further in the future was written by a wrong clock


class MisfirePolicy(StrEnum):
    """Handling of scheduled times that passed while DingRun was down."""

    ONCE = "once"  #: run once for all missed times
    SKIP = "skip"  #: log the miss and wait for the next time


@dataclass(frozen=True, kw_only=True)
class SchedulePolicy:
    """Time zone and misfire handling of schedules."""

    zone: ZoneInfo
    misfire_policy: MisfirePolicy = MisfirePolicy.ONCE
    misfire_grace: timedelta = timedelta(seconds=60)  # a run that is later than this is a misfire


def seconds_to_interval(now: datetime) -> float:
    """Return the time to the next whole multiple of `TICK_SECONDS`."""
    return TICK_SECONDS - now.timestamp() % TICK_SECONDS


def last_due(schedule: Schedule, now: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the latest scheduled time up to now, or None if there is none yet."""
    if schedule.at or not schedule.cron:
        return schedule.at if schedule.at and schedule.at <= now else None
    soon = now.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    if soon.astimezone(zone).fold:  # in the repeated hour, a fixed time fires in the first pass
        soon += MAX_FOLD
    times = (time.astimezone(UTC) for time in CronSim(schedule.cron, soon.astimezone(zone), reverse=True))
    return next((time for time in times if time <= now), None)


def next_due(schedule: Schedule, now: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the next scheduled time, or None if the schedule never fires again."""
    if schedule.at or not schedule.cron:
        return schedule.at if schedule.at and schedule.at > now else None
    times = (time.astimezone(UTC) for time in CronSim(schedule.cron, now.astimezone(zone)))
    return next((time for time in times if time > now), None)


class Scheduler:
    """Triggers the runs of schedules that are due."""

    def __init__(self, store: Store, engine: Engine, runs: Runs, *, policy: SchedulePolicy) -> None:
        self._store = store
        self._engine = engine
        self._runs = runs
        self._policy = policy
        self._checkpoints: dict[str, datetime] = {}  # a cache of the store
        self._once: list[datetime] = []  # the times to come of schedules that fire once
        self._checked: dict[str, datetime] = {}  # the minute in which nothing is due any more, by cron line

    async def run(self, clock: Clock) -> None:
        """Tick every few seconds, as each minute begins and at each time to fire once, until cancelled."""
        while True:
            with loop_step("scheduler"):
                await self.tick(clock())
            await asyncio.sleep(self.seconds_to_tick(clock()))

    def seconds_to_tick(self, now: datetime) -> float:
        """Return the time to the next tick."""
        once = ((time - now).total_seconds() for time in self._once if time > now)
        return min([seconds_to_interval(now), *once])

    async def tick(self, now: datetime) -> int:
        """Trigger what is due on engines without a scheduler of their own. Returns the number of runs."""
        fired = 0
        self._once.clear()
        for name, engine in self._engine.parts.items():
            if engine.has_own_scheduler or name == EXTERNAL:  # schedules of other systems have no times here
                continue
            with loop_step("scheduler"):
                schedules = await engine.schedules()
                self._once += [each.at for each in schedules if each.at and each.at > now]
                fired += await self._fire_due(schedules, now)
        return fired

    async def _fire_due(self, schedules: Sequence[Schedule], now: datetime) -> int:
        fired = 0
        for schedule in schedules:
            with loop_item("scheduler"):
                fired += await self._fire_if_due(schedule, now)
        return fired

    async def _fire_if_due(self, schedule: Schedule, now: datetime) -> bool:
        key, minute = last_fired_key(schedule), now.replace(second=0, microsecond=0)
        if self._checked.get(key) == minute:
            return False
        fired = await self._fire_if_missing(schedule, now)
        if schedule.cron:  # which fires at whole minutes only
            self._checked[key] = minute
        return fired

    async def _fire_if_missing(self, schedule: Schedule, now: datetime) -> bool:
        due = last_due(schedule, now, self._policy.zone)
        known = self._checkpoints.get(schedule.id)
        if known and known <= now + MAX_LEAD and (due is None or due <= known):
            return False
        last_fired = await self._last_fired(schedule, now)
        if due is None or due <= last_fired:
            return False
        fired = await self._fire(schedule, due, now)
        await self._checkpoint(schedule, due)
        return fired

    async def _fire(self, schedule: Schedule, due: datetime, now: datetime) -> bool:
        late = now - due
        if late > self._policy.misfire_grace and self._policy.misfire_policy is MisfirePolicy.SKIP:
            log.warning("schedule %s missed %s and is skipped", schedule.name, due.isoformat())
            return False
        if late > self._policy.misfire_grace:
            log.warning("schedule %s missed %s and runs now", schedule.name, due.isoformat())
            count_rescue(Rescue.MISFIRE_RUN)
        key = await self._idempotency_key(schedule, due)
        if not await self._may_overlap(schedule, key, due):
            return False
        await self._runs.trigger(schedule, TriggerRequest(idempotency_key=key, trigger=Trigger.CRON))
        return True

    async def _may_overlap(self, schedule: Schedule, key: str, due: datetime) -> bool:
        """Apply the overlap policy to the other open runs of the schedule. False if this time is skipped."""
        if schedule.expect.overlap is Overlap.ALLOW:
            return True
        running = await self._runs.recent(schedule.id, running=True)
        others = [run for run in running if run.id != deterministic_id("r", key)]  # this one after a crash
        if others and schedule.expect.overlap is Overlap.SKIP:
            log.warning("schedule %s skips %s: run %s is open", schedule.name, due.isoformat(), others[0].id)
            await self._runs.record_start(schedule.id, due)
            return False
        for run in others:
            log.warning("run %s of %s is superseded by %s", run.id, schedule.name, due.isoformat())
            await self._runs.stop(run)
        return True

    async def _idempotency_key(self, schedule: Schedule, due: datetime) -> str:
        """Build the key from the scheduled time. It is another one if a clock ahead fired it too early."""
        key = f"cron:{schedule.id}:{due.isoformat()}"
        fired_early = await self._store.find_value(ahead_key(schedule))
        return f"{key}:again" if fired_early and due <= datetime.fromisoformat(fired_early) else key

    async def _last_fired(self, schedule: Schedule, now: datetime) -> datetime:
        """Return the last time that was handled. For a new schedule that is now."""
        stored = await self._store.find_value(last_fired_key(schedule))
        if stored is None:
            await self._checkpoint(schedule, now)
            return now
        last_fired = datetime.fromisoformat(stored)
        if last_fired > now + MAX_LEAD:
            await self._reset(schedule, last_fired, now)
            return now
        self._checkpoints[schedule.id] = last_fired
        return last_fired

    async def _reset(self, schedule: Schedule, last_fired: datetime, now: datetime) -> None:
        """Reset the checkpoint to now. Times that a clock ahead has fired too early are fired again."""
        log.warning(
            "schedule %s has a checkpoint in the future, %s, from a clock that was ahead: reset to %s",
            *(schedule.name, last_fired.isoformat(), now.isoformat()),
        )
        await self._store.set_value(ahead_key(schedule), last_fired.isoformat())
        await self._checkpoint(schedule, now)

    async def _checkpoint(self, schedule: Schedule, time: datetime) -> None:
        await self._store.set_value(last_fired_key(schedule), time.isoformat())
        self._checkpoints[schedule.id] = time


def last_fired_key(schedule: Schedule) -> str:
    """Return the key under which the last time that was handled is stored.

    A changed cron line has another key and starts from now.
    """
    return f"tick:{schedule.id}:{schedule.cron or schedule.at}"


def ahead_key(schedule: Schedule) -> str:
    """Return the key under which the time is stored up to which a clock ahead has fired a schedule."""
    return f"ahead:{schedule.id}"
