"""Cron lines as ARL's library reads them: days of month *and* of week, a year, seconds in front. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from cronsim import CronSim, CronSimError

from arl_sandbox.documents import ZONE

ALIASES = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
MIN_FIRE_INTERVAL = timedelta(hours=6)  # between two fires, as far as ARL looks
MIN_FIELDS, FIELDS_WITH_YEAR, FIELDS_WITH_SECONDS = 5, 6, 7  # fields
FIRST_YEAR, LAST_YEAR = 1970, 2099


class CronError(ValueError):
    """No cron line"""


def fire_times(cron: str, after: datetime, *, backwards: bool = False) -> Iterator[datetime]:
    """The times at which it fires, from a moment on. Raises `WrongCron`."""
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
    times.day_and = True  # where Vixie's cron takes either
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
    """ARL's check looks at the gap around now and at the next one only; one that is wide will do."""
    coming = fire_times(cron, now)
    first, second = next(coming, None), next(coming, None)
    before = next(fire_times(cron, now, backwards=True), None)
    if first is None or second is None:
        return False
    return second - first < MIN_FIRE_INTERVAL and (before is None or first - before < MIN_FIRE_INTERVAL)
