"""Cron expressions as ARL's library parses them. Pure functions.

They differ from Vixie cron: day of month *and* day of week must match, a year is allowed as the 6th field,
and with 7 fields the first one is seconds.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from cronsim import CronSim, CronSimError

from arl_sandbox.documents import ZONE

ALIASES = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
MIN_FIRE_INTERVAL = timedelta(hours=6)  # ARL rejects schedules that fire more often
MIN_FIELDS, FIELDS_WITH_YEAR, FIELDS_WITH_SECONDS = 5, 6, 7  # fields
FIRST_YEAR, LAST_YEAR = 1970, 2099


class CronError(ValueError):
    """An invalid cron expression."""


def fire_times(cron: str, after: datetime, *, backwards: bool = False) -> Iterator[datetime]:
    """Iterate over the fire times after (or before) a time. Raises `CronError`."""
    fields = ALIASES.get(cron.strip().lower(), cron).split()
    if not MIN_FIELDS <= len(fields) <= FIELDS_WITH_SECONDS:
        raise CronError(cron)
    seconds = fields.pop(0) if len(fields) == FIELDS_WITH_SECONDS else "0"
    years = (
        _parse_years(fields.pop()) if len(fields) == FIELDS_WITH_YEAR else range(FIRST_YEAR, LAST_YEAR + 1)
    )
    weekday = fields[-1].upper()
    fields[-1] = f"{weekday[1:]}L" if weekday.startswith("L") else weekday
    try:
        times = CronSim(" ".join([seconds, *fields]), after.astimezone(ZONE), reverse=backwards)
    except CronSimError as error:
        raise CronError(cron) from error
    times.day_and = True  # Vixie cron accepts either
    return (time for time in times if time.year in years)


def _parse_years(field: str) -> range:
    first, _, last = field.partition("-")
    if field == "*":
        return range(FIRST_YEAR, LAST_YEAR + 1)
    if not first.isdecimal() or not (last or first).isdecimal():
        raise CronError(field)
    return range(int(first), int(last or first) + 1)


def next_fire(cron: str, now: datetime) -> datetime | None:
    return next(fire_times(cron, now), None)


def is_too_often(cron: str, now: datetime) -> bool:
    """Return True if both the current and the next gap are too short, as ARL checks it."""
    coming = fire_times(cron, now)
    first, second = next(coming, None), next(coming, None)
    before = next(fire_times(cron, now, backwards=True), None)
    if first is None or second is None:
        return False
    return second - first < MIN_FIRE_INTERVAL and (before is None or first - before < MIN_FIRE_INTERVAL)
