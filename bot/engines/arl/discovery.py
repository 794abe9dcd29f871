"""Discovers the runs that ARL triggered. An incomplete run waits until no more tasks can follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.engines.arl.documents import Document
from bot.engines.arl.reader import ArlReader
from bot.engines.arl.run_detection import (
    DETECTION_LOOKBACK,
    FoundRun,
    OrphanRun,
    detect_orphan_runs,
    detect_runs,
    parse_plan,
    parse_run_record,
)
from bot.engines.arl.triggers import Trigger, TriggerWatch
from bot.models import Clock


@dataclass(frozen=True, kw_only=True)
class DiscoveredRun:
    """A run with its schedule, or with its record if the schedule is deleted."""

    run: FoundRun | OrphanRun
    document: Document
    has_schedule: bool

    @property
    def incomplete_trigger(self) -> Trigger | None:
        """Return the trigger if tasks of it are missing."""
        return self.run.trigger if isinstance(self.run, FoundRun) and self.run.missing else None


class ArlRunDiscovery:
    """Polls ARL. The records of a fork count first, and other runs are detected by the names of tasks."""

    def __init__(self, reader: ArlReader, *, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self._watch = TriggerWatch()
        self._confirmed: set[Trigger] = set()  # incomplete in freshly read lists as well

    async def poll(self, since: datetime) -> Sequence[DiscoveredRun]:
        """Return the runs since a time, oldest first, each once it is complete or settled."""
        found = await self._detect(since)
        if not _incomplete(found) <= self._confirmed:
            self._reader.forget_lists()
            found = await self._detect(since)
            self._confirmed = _incomplete(found)
        return sorted(found, key=lambda each: each.run.start)

    async def _detect(self, since: datetime) -> Sequence[DiscoveredRun]:
        records = await self._reader.run_records(since)
        schedules = {str(each["_id"]): each for each in await self._reader.schedules()}
        recorded = self._reader.skipped.read_each("task_schedule_run", records, parse_run_record)
        found = await self._by_names(schedules, recorded, since)
        documents = {str(each.get("schedule_id")): each for each in records} | schedules
        return [
            DiscoveredRun(
                run=run,
                document=documents.get(run.schedule_id, {}),
                has_schedule=run.schedule_id in schedules,
            )
            for run in (*recorded, *found)
        ]

    async def _by_names(
        self, schedules: Mapping[str, Document], recorded: Sequence[FoundRun], since: datetime
    ) -> Sequence[FoundRun | OrphanRun]:
        """Detect the runs that have no record."""
        known = {run.trigger for run in recorded}
        taken = {id_ for run in recorded for id_ in run.task_ids}
        tasks = await self._reader.scheduled_tasks(since - DETECTION_LOOKBACK)
        tasks = [task for task in tasks if task["_id"] not in taken]
        plans = self._reader.skipped.read_each("task_schedule", schedules.values(), parse_plan)
        now = self._clock()
        self._watch.note_numbers(plans, now)
        runs = detect_runs(plans, tasks, since=since, raised=self._watch.raised)
        left = [run for run in runs if run.trigger not in known]
        self._watch.note_runs(left, now)
        settled = [run for run in left if self._watch.is_settled(run, now)]
        return [*settled, *detect_orphan_runs(plans, tasks, since=since, now=now)]


def _incomplete(found: Sequence[DiscoveredRun]) -> set[Trigger]:
    return {each.incomplete_trigger for each in found if each.incomplete_trigger}
