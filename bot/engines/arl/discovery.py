"""Finds the runs that ARL began by itself; one that lacks something waits until no more can come of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.engines.arl.documents import Document
from bot.engines.arl.reader import ArlReader
from bot.engines.arl.run_detection import (
    EARLIER,
    FoundRun,
    LooseRun,
    found_runs,
    loose_runs,
    plan_of,
    recorded_run,
)
from bot.engines.arl.triggers import Trigger, TriggerWatch
from bot.models import Clock


@dataclass(frozen=True, kw_only=True)
class Discovered:
    """A run, with the schedule it is of, or its record where the schedule is gone."""

    run: FoundRun | LooseRun
    document: Document
    has_schedule: bool

    @property
    def lacking_trigger(self) -> Trigger | None:
        """The trigger, when tasks of it are not there."""
        return self.run.trigger if isinstance(self.run, FoundRun) and self.run.lacking else None


class RunDiscovery:
    """Looks again and again. A fork's own records count first; what they lack is found by names of tasks."""

    def __init__(self, reads: ArlReader, *, clock: Clock) -> None:
        self._reads = reads
        self._clock = clock
        self._watch = TriggerWatch()
        self._confirmed: set[Trigger] = set()  # lacking in lists that were read for that alone

    async def look(self, since: datetime) -> Sequence[Discovered]:
        """The runs since a time, oldest first, each once it is whole or nothing more is to come of it."""
        found = await self._look(since)
        if not _lacking(found) <= self._confirmed:
            self._reads.forget_lists()
            found = await self._look(since)
            self._confirmed = _lacking(found)
        return sorted(found, key=lambda each: each.run.start)

    async def _look(self, since: datetime) -> Sequence[Discovered]:
        records = await self._reads.records(since)
        schedules = {str(each["_id"]): each for each in await self._reads.schedules()}
        recorded = self._reads.skipped.read_each("task_schedule_run", records, recorded_run)
        found = await self._by_names(schedules, recorded, since)
        documents = {str(each.get("schedule_id")): each for each in records} | schedules
        return [
            Discovered(
                run=run,
                document=documents.get(run.schedule_id, {}),
                has_schedule=run.schedule_id in schedules,
            )
            for run in (*recorded, *found)
        ]

    async def _by_names(
        self, schedules: Mapping[str, Document], recorded: Sequence[FoundRun], since: datetime
    ) -> Sequence[FoundRun | LooseRun]:
        """The runs that have no record."""
        known = {run.trigger for run in recorded}
        taken = {id_ for run in recorded for id_ in run.task_ids}
        begun = [task for task in await self._reads.begun(since - EARLIER) if task["_id"] not in taken]
        plans = self._reads.skipped.read_each("task_schedule", schedules.values(), plan_of)
        now = self._clock()
        self._watch.note_numbers(plans, now)
        runs = found_runs(plans, begun, since=since, raised=self._watch.raised)
        left = [run for run in runs if run.trigger not in known]
        self._watch.note_runs(left, now)
        settled = [run for run in left if self._watch.is_settled(run, now)]
        return [*settled, *loose_runs(plans, begun, since=since, now=now)]


def _lacking(found: Sequence[Discovered]) -> set[Trigger]:
    return {each.lacking_trigger for each in found if each.lacking_trigger}
