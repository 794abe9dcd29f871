"""Judge what was expected of a schedule and did not happen. Pure.

The rules are the same for every engine. What they need is read from the store: the last start of a schedule,
its open runs, and the durations of its last successful runs.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

from bot.models import Expectation, Lapse, LapseKind, Run, Schedule, ScheduleState, Watch
from bot.runs.scheduler import last_due, next_due

MAX_EARLY = timedelta(seconds=90)  # between a start and its scheduled time: ARL starts up to a minute before
MAX_OBSERVATION_GAP = timedelta(seconds=90)  # a longer gap, or a clock set back, begins a new observation
MAX_COUNTED_TIMES = 10_000
MAX_CACHED_SCHEDULES = 10_000
MAX_DURATIONS = 50  # of the last successful runs of a schedule
MIN_DURATIONS = 8  # fewer tell nothing
PERCENTILE = 0.95
MIN_LATENESS = timedelta(minutes=10)  # a run that is longer than usual by less than this is not late
DEFAULT_MAX_RUNTIME = timedelta(hours=24)
MAX_RUNTIME_FACTOR = 3  # of the usual duration, without `max_runtime`


@dataclass(frozen=True, kw_only=True)
class Observation:
    """Span in which DingRun saw what an engine did. Before it, nothing can be missed in time."""

    since: datetime
    until: datetime


def extend_observation(observation: Observation | None, now: datetime) -> Observation:
    """Extend an observation to now, or begin a new one after a gap."""
    if observation is None or not timedelta() <= now - observation.until <= MAX_OBSERVATION_GAP:
        return Observation(since=now, until=now)
    return replace(observation, until=now)


def plan_of(schedule: Schedule, zone: ZoneInfo) -> str:
    """Return the expected times of a schedule as text. "" if no start is expected."""
    expect = schedule.expect
    if schedule.state is not ScheduleState.ACTIVE:
        return ""
    if expect.every:
        return f"every {expect.every.total_seconds():g} s"
    if expect.cron or schedule.cron:
        return f"{expect.cron or schedule.cron} {expect.timezone or zone.key}"
    return f"at {schedule.at.isoformat()}" if schedule.at else ""


def expected_times(schedule: Schedule, after: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the times after a time at which a schedule should start, in order."""
    expect = schedule.expect
    if expect.every:
        while True:
            after += expect.every
            yield after
    schedule = replace(schedule, cron=expect.cron or schedule.cron)
    zone = ZoneInfo(expect.timezone) if expect.timezone else zone
    due = next_due(schedule, after, zone)
    while due:
        if last_due(schedule, due, zone) == due:  # else the scheduler does not fire in the repeated hour
            yield due
        due = next_due(schedule, due, zone)


def first_missed(
    schedule: Schedule, watch: Watch, observation: Observation, zone: ZoneInfo
) -> datetime | None:
    """Return the first time since the last start at which a run should have started and has not.

    A time can be missed once its grace has passed, and the grace after the begin of the observation.
    """
    if not plan_of(schedule, zone):
        return None
    base = max(watch.since, watch.last_start or watch.since)
    times = _next_times(schedule, base, zone)
    if times and watch.last_start == base and _is_early_start(base, times, schedule):
        times = times[1:]
    if not times:
        return None
    deadline = max(times[0], observation.since) + schedule.expect.grace
    return times[0] if deadline <= observation.until else None


@lru_cache(MAX_CACHED_SCHEDULES)
def _next_times(schedule: Schedule, after: datetime, zone: ZoneInfo) -> tuple[datetime, ...]:
    """Return the next two expected times. They are the same until the schedule starts or changes."""
    return tuple(islice(expected_times(schedule, after, zone), 2))


def _is_early_start(start: datetime, times: Sequence[datetime], schedule: Schedule) -> bool:
    """Tell if a run started a little before its scheduled time, so that it is the run of this time."""
    if schedule.expect.every:
        return False
    early = min(MAX_EARLY, (times[1] - times[0]) / 2) if len(times) > 1 else MAX_EARLY
    return times[0] - start <= early


def is_start_after(start: datetime | None, missed: datetime) -> bool:
    """Tell if a start is the end of a missed time."""
    return start is not None and start >= missed - MAX_EARLY


def count_missed(schedule: Schedule, since: datetime, start: datetime, zone: ZoneInfo) -> int:
    """Count the times from the first missed one that passed before a start. At least 1."""
    count = 1
    for time in islice(expected_times(schedule, since, zone), MAX_COUNTED_TIMES):
        if time + schedule.expect.grace > start:
            break
        count += 1
    return count


def usual_duration(runs: Sequence[Run]) -> timedelta | None:
    """Return p95 of the durations of the last successful runs, newest first. None if they are too few."""
    durations = [
        run.end_time - run.start_time for run in runs if run.well and run.end_time and not run.is_retry
    ][:MAX_DURATIONS]
    if len(durations) < MIN_DURATIONS:
        return None
    return sorted(durations)[math.ceil(PERCENTILE * len(durations)) - 1]


def late_after(expect: Expectation, usual: timedelta | None) -> timedelta | None:
    """Return the duration after which a run is late. None if it is never."""
    if usual is None or not expect.late_factor:
        return None
    return max(usual * expect.late_factor, usual + MIN_LATENESS)


def overdue_after(expect: Expectation, usual: timedelta | None) -> timedelta:
    """Return the duration after which a run is overdue."""
    return expect.max_runtime or max(DEFAULT_MAX_RUNTIME, MAX_RUNTIME_FACTOR * (usual or timedelta()))


def first_limit(expect: Expectation) -> timedelta:
    """Return the duration before which a run is neither late nor overdue, whatever its history is."""
    return min(MIN_LATENESS, expect.max_runtime or MIN_LATENESS)


def judge_run(run: Run, expect: Expectation, usual: timedelta | None, now: datetime) -> Lapse | None:
    """Return the lapse of an open run: overdue, else late, else None."""
    taken = now - run.start_time
    late, overdue = late_after(expect, usual), overdue_after(expect, usual)
    if taken >= overdue:
        return _lapse_of_run(LapseKind.OVERDUE, run, now, overdue, usual)
    if late is not None and taken >= late and not run.is_retry:
        return _lapse_of_run(LapseKind.LATE, run, now, late, usual)
    return None


def _lapse_of_run(
    kind: LapseKind, run: Run, now: datetime, allowed: timedelta, usual: timedelta | None
) -> Lapse:
    return Lapse(
        id=f"{kind}:{run.id}",
        kind=kind,
        schedule=run.schedule,
        since=run.start_time,
        found_at=now,
        allowed=allowed,
        usual=usual,
        run_id=run.id,
    )


def missed_lapse(schedule: Schedule, missed: datetime, now: datetime) -> Lapse:
    """Return the lapse of a schedule that did not start at a time."""
    return Lapse(
        id=f"{LapseKind.MISSED}:{schedule.id}:{missed.isoformat()}",
        kind=LapseKind.MISSED,
        schedule=schedule,
        since=missed,
        found_at=now,
        allowed=schedule.expect.grace,
    )
