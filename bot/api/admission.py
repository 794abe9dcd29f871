"""Decide which schedules a key may report, and which come into being by a report."""

from bot.api.answers import schedule_key
from bot.api.keys import ApiKey
from bot.api.problems import not_found
from bot.delivery.operator_alerts import OperatorAlerts
from bot.external.models import ExternalSchedule
from bot.external.repository import ExternalSchedules
from bot.models import Clock, Schedule


class Admission:
    """Finds the schedule of a report, or creates it where the settings allow that."""

    def __init__(
        self, schedules: ExternalSchedules, alerts: OperatorAlerts, *, create: bool, limit: int, clock: Clock
    ) -> None:
        self._schedules = schedules
        self._alerts = alerts
        self._create = create
        self._limit = limit
        self._clock = clock

    async def find(self, key: ApiKey, slug: str) -> ExternalSchedule:
        """Return the schedule of a slug. Raises `Problem` (404) if the key does not reach it."""
        schedule = await self._schedules.find(slug) if key.reaches(slug) else None
        if schedule is None:
            raise not_found()
        return schedule

    async def find_or_create(self, key: ApiKey, slug: str, *, create: bool = True) -> ExternalSchedule:
        """Return the schedule of a slug, which comes into being where that is allowed.

        Raises `Problem` (404) otherwise. Operators are told once that there are too many.
        """
        if not key.reaches(slug):
            raise not_found()
        known = await self._schedules.find(slug)
        if known is not None:
            return known
        if not (self._create and create):
            raise not_found()
        schedule = ExternalSchedule(slug=slug, created_at=self._clock())
        if not await self._schedules.add(schedule):
            known = await self._schedules.find(slug)  # somebody else was faster
            if known is None:
                await self._alerts.alert("too_many_schedules", "too_many_schedules", limit=self._limit)
                raise not_found()
            return known
        return await self._schedules.find(slug) or schedule


def reaches(key: ApiKey, schedule: Schedule) -> bool:
    """Return whether a key may be used for a schedule of any engine."""
    return key.reaches(schedule_key(schedule)) or key.reaches(schedule.name)
