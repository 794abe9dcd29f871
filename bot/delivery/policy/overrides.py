"""Read and change what people changed about schedules in the chat."""

from collections.abc import Callable, Mapping

from bot.errors import TemporaryError
from bot.models import ScheduleOverride
from bot.ports import OverrideStore

MAX_ATTEMPTS = 20  # an attempt fails only if somebody else changed the same schedule meanwhile

Change = Callable[[ScheduleOverride], ScheduleOverride]


class Overrides:
    """The overrides of all schedules, by the ids of any engine."""

    def __init__(self, store: OverrideStore) -> None:
        self._store = store

    async def find(self, schedule_id: str) -> ScheduleOverride:
        """Return the override of a schedule, which is empty if nothing was changed."""
        return await self._store.find_override(schedule_id) or ScheduleOverride(schedule_id=schedule_id)

    async def all(self) -> Mapping[str, ScheduleOverride]:
        """Return all overrides by the id of their schedule, with one query."""
        return {each.schedule_id: each for each in await self._store.find_overrides()}

    async def change(self, schedule_id: str, change: Change) -> ScheduleOverride:
        """Apply a pure function to an override and store the outcome, which is returned.

        The function is applied again if somebody else changed the override meanwhile.
        """
        for _ in range(MAX_ATTEMPTS):
            override = await self.find(schedule_id)
            changed = change(override)
            if changed == override or await self._store.save_override(changed):
                return changed
        raise TemporaryError(f"too many people change schedule {schedule_id} at once")
