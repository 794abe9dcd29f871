"""Fires schedules: by cron or once, in the time zone of the settings, and sees what was missed.

What fired is known by its time (`cron:<schedule>:<time>`), so that several processes, or one that starts
again, make
one run of it.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from cronsim import CronSim

from bot.models import MAX_CLOCK_SKEW, Clock, Schedule, Trigger
from bot.ports import Engine, Store
from bot.runs.lifecycle import Runs, TriggerRequest
from bot.telemetry.loops import loop_item, loop_step

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0  # seconds
FOLD = timedelta(hours=1)  # at least as long as any time zone sets its clocks back
AHEAD = 2 * MAX_CLOCK_SKEW  # what was handled later than this from now was handled by a clock that was wrong


class MisfirePolicy(StrEnum):
    """What to do with a time that passed while nothing of DingRun ran."""

    ONCE = "once"  #: run once, however many were missed
    SKIP = "skip"  #: log it and wait for the next


@dataclass(frozen=True, kw_only=True)
class SchedulePolicy:
    """How times are read."""

    zone: ZoneInfo
    misfire_policy: MisfirePolicy = MisfirePolicy.ONCE
    misfire_grace: timedelta = timedelta(seconds=60)  # later than this is missed


def last_due(schedule: Schedule, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The latest time up to now at which the schedule should have fired; None when there is none yet."""
    if schedule.at or not schedule.cron:
        return schedule.at if schedule.at and schedule.at <= now else None
    soon = now.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    if soon.astimezone(zone).fold:  # the hour that comes twice: a fixed time in it came the first time
        soon += FOLD
    times = (time.astimezone(UTC) for time in CronSim(schedule.cron, soon.astimezone(zone), reverse=True))
    return next((time for time in times if time <= now), None)


def next_due(schedule: Schedule, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The next time at which the schedule will fire, or None when it never will again."""
    if schedule.at or not schedule.cron:
        return schedule.at if schedule.at and schedule.at > now else None
    times = (time.astimezone(UTC) for time in CronSim(schedule.cron, now.astimezone(zone)))
    return next((time for time in times if time > now), None)


class Scheduler:
    """Triggers what is due."""

    def __init__(self, store: Store, engine: Engine, runs: Runs, *, timetable: SchedulePolicy) -> None:
        self._store = store
        self._engine = engine
        self._runs = runs
        self._timetable = timetable
        self._seen: dict[str, datetime] = {}  # a copy of what the store remembers

    async def run(self, clock: Clock) -> None:
        """Tick once a second until cancelled."""
        while True:
            with loop_step("scheduler"):
                await self.tick(clock())
            await asyncio.sleep(TICK_SECONDS)

    async def tick(self, now: datetime) -> int:
        """Fire what is due; the number of runs triggered. An engine that fires by itself is left to it."""
        if self._engine.has_own_scheduler:
            return 0
        fired = 0
        for schedule in await self._engine.schedules():
            with loop_item("scheduler"):
                fired += await self._look(schedule, now)
        return fired

    async def _look(self, schedule: Schedule, now: datetime) -> bool:
        due = last_due(schedule, now, self._timetable.zone)
        known = self._seen.get(schedule.id)
        if known and known <= now + AHEAD and (due is None or due <= known):
            return False
        seen = await self._last_fired(schedule, now)
        if due is None or due <= seen:
            return False
        fired = await self._fire(schedule, due, now)
        await self._checkpoint(schedule, due)
        return fired

    async def _fire(self, schedule: Schedule, due: datetime, now: datetime) -> bool:
        late = now - due
        if late > self._timetable.misfire_grace and self._timetable.misfire_policy is MisfirePolicy.SKIP:
            log.warning("schedule %s missed %s and is not made up for", schedule.name, due.isoformat())
            return False
        if late > self._timetable.misfire_grace:
            log.warning("schedule %s missed %s and runs now", schedule.name, due.isoformat())
        cause = TriggerRequest(idempotency_key=await self._cause_id(schedule, due), trigger=Trigger.CRON)
        await self._runs.trigger(schedule, cause)
        return True

    async def _cause_id(self, schedule: Schedule, due: datetime) -> str:
        """Derive the id of a firing from its time; a second id when a clock ahead has fired it too early."""
        id_ = f"cron:{schedule.id}:{due.isoformat()}"
        early = await self._store.find_value(ahead_key(schedule))
        return f"{id_}:again" if early and due <= datetime.fromisoformat(early) else id_

    async def _last_fired(self, schedule: Schedule, now: datetime) -> datetime:
        """The last time that was handled; a schedule seen for the first time starts from now."""
        kept = await self._store.find_value(last_fired_key(schedule))
        if kept is None:
            await self._checkpoint(schedule, now)
            return now
        seen = datetime.fromisoformat(kept)
        if seen > now + AHEAD:
            await self._set_back(schedule, seen, now)
            return now
        self._seen[schedule.id] = seen
        return seen

    async def _set_back(self, schedule: Schedule, seen: datetime, now: datetime) -> None:
        """Go back to now: times that a clock ahead has fired are still to come, and are fired again."""
        log.warning(
            "schedule %s was handled up to %s by a clock that was ahead: it goes on from now, %s",
            *(schedule.name, seen.isoformat(), now.isoformat()),
        )
        await self._store.set_value(ahead_key(schedule), seen.isoformat())
        await self._checkpoint(schedule, now)

    async def _checkpoint(self, schedule: Schedule, time: datetime) -> None:
        await self._store.set_value(last_fired_key(schedule), time.isoformat())
        self._seen[schedule.id] = time


def last_fired_key(schedule: Schedule) -> str:
    """The fact that says up to when a schedule was handled.

    A changed cron line starts anew: what it would have fired in the past was never promised.
    """
    return f"tick:{schedule.id}:{schedule.cron or schedule.at}"


def ahead_key(schedule: Schedule) -> str:
    """Name the fact that says up to when a clock that was ahead has fired a schedule."""
    return f"ahead:{schedule.id}"
