"""The Engine port over a running ARL, which triggers its schedules itself."""

import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.engines.arl.assets import FINDINGS, is_keyless, sorted_by_key
from bot.engines.arl.checks import ArlChecks
from bot.engines.arl.client import ArlClient
from bot.engines.arl.commands import ArlCommands
from bot.engines.arl.discovery import ArlRunDiscovery, DiscoveredRun
from bot.engines.arl.documents import Document, format_targets, parse_targets
from bot.engines.arl.reader import ArlReader
from bot.engines.arl.run_detection import OrphanRun
from bot.engines.arl.schedules import parse_schedule, schedule_from_record
from bot.engines.arl.skipped import READ_ERRORS
from bot.engines.arl.tasks import ReadOptions, missing_task, parse_task, unsubmitted_id
from bot.errors import PermanentError
from bot.models import UNSUBMITTED, Clock, Run, Schedule, Task
from bot.ports import Checks, Engine, EngineRun, EngineWarning, ReportedKind
from bot.reasons import reason

log = logging.getLogger(__name__)

MAX_REMEMBERED_TASKS = 20_000  # tasks of which a fact is kept in memory


@dataclass(frozen=True, kw_only=True)
class ArlOptions:
    """Recipients of ARL's schedules, its time zone, and the time limit of a task."""

    with_recipients: Callable[[Schedule], Schedule]
    zone: ZoneInfo
    task_limit: timedelta


class ArlEngine:
    """The Engine port over a running ARL."""

    has_own_scheduler = True

    def __init__(self, client: ArlClient, reader: ArlReader, *, options: ArlOptions, clock: Clock) -> None:
        self._reader = reader
        self._commands = ArlCommands(client, reader)
        self.diagnostics = ArlChecks(self._commands, reader, schedules=self.schedules, clock=clock)
        self._discovery = ArlRunDiscovery(reader, clock=clock)
        self._options = options
        self._clock = clock
        self._done_tasks: set[str] = set()  # ids of tasks that were read as done
        self._asset_counts: dict[str, Mapping[str, int]] = {}  # of tasks without a statistic

    @property
    def parts(self) -> Mapping[str, Engine]:
        return {"": self}

    async def schedules(self) -> Sequence[Schedule]:
        found = await self._reader.schedules()
        read = self._reader.skipped.read_each("task_schedule", found, parse_schedule)
        return [self._options.with_recipients(each) for each in read]

    async def submit(self, run: Run) -> Sequence[str]:
        return await self._commands.submit(run, parse_targets(" ".join(run.schedule.targets)))

    async def restart(self, run: Run, task_ids: Sequence[str]) -> Sequence[str]:
        """Restart tasks. Targets whose task ARL does not restart are submitted anew."""
        tasks, _ = await self._read_tasks(task_ids)
        ids = list(await self._commands.restart(run, [id_ for id_ in task_ids if _is_real(id_)]))
        old = {tasks[id_].target for id_ in task_ids if id_ in tasks}
        restarted = {task.target for task in (await self._read_tasks(ids))[0].values()}
        rest = parse_targets(" ".join(sorted(old - restarted)))
        if rest:
            ids += await self._commands.submit(run, rest)
        if not ids:
            raise PermanentError(reason("tasks_deleted"))
        return ids

    async def tasks(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        tasks, uncounted = await self._read_tasks(task_ids)
        counts = await self._counts(uncounted)
        return {
            id_: replace(task, found=counts[id_]) if id_ in counts else task for id_, task in tasks.items()
        }

    async def open_tasks(self, task_ids: Collection[str]) -> Collection[str]:
        tasks, _ = await self._read_tasks([id_ for id_ in task_ids if _is_real(id_)])
        return {id_ for id_, task in tasks.items() if not task.status.ended}

    async def _read_tasks(self, task_ids: Collection[str]) -> tuple[Mapping[str, Task], Sequence[str]]:
        """Return the tasks in their order, and the ids of those whose assets are still to be counted."""
        real = [id_ for id_ in task_ids if _is_real(id_)]
        reading = ReadOptions(now=self._clock(), zone=self._options.zone, limit=self._options.task_limit)
        documents = {each["_id"]: each for each in (await self._reader.tasks(real) if real else ())}
        read = self._reader.skipped.read_each(
            "task", documents.values(), lambda each: self._read(each, reading)
        )
        tasks = {task.id: task for task in read}
        tasks |= {id_: missing_task(id_) for id_ in task_ids if not _is_real(id_)}
        uncounted = [task.id for task in read if _lacks_counts(documents[task.id], task)]
        return {id_: tasks[id_] for id_ in task_ids if id_ in tasks}, uncounted

    def _read(self, document: Document, reading: ReadOptions) -> Task:
        id_ = document["_id"]
        task = parse_task(document, reading, seen_done=id_ in self._done_tasks)
        if document.get("status") == "done":
            self._remember_done(id_)
        return task

    def _remember_done(self, task_id: str) -> None:
        if len(self._done_tasks) >= MAX_REMEMBERED_TASKS:
            self._done_tasks = set()
        self._done_tasks.add(task_id)

    async def _counts(self, task_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """Count the assets of ended tasks, once. ARL itself counts only for tasks that are done."""
        new = [id_ for id_ in task_ids if id_ not in self._asset_counts]
        known = {id_: self._asset_counts[id_] for id_ in task_ids if id_ in self._asset_counts}
        if new:
            kept = self._asset_counts if len(self._asset_counts) + len(new) <= MAX_REMEMBERED_TASKS else known
            fresh = await self._reader.count_assets(new)
            self._asset_counts = {**kept, **fresh}
            known |= fresh
        return known

    async def stop(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        tasks, _ = await self._read_tasks(task_ids)
        refusals = await self._commands.stop([id_ for id_, task in tasks.items() if not task.status.ended])
        self._reader.forget(task_ids)
        after, _ = await self._read_tasks(task_ids)
        return {
            id_: task if task.status.ended else replace(task, reason=refusals.get(id_, ""))
            for id_, task in after.items()
        }

    async def iter_assets(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Mapping[str, Any]]:
        real = [id_ for id_ in task_ids if _is_real(id_)]
        if not real or kind not in FINDINGS:
            return
        async for document in sorted_by_key(self._readable(real, kind), FINDINGS[kind].key):
            yield document

    async def _readable(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Document]:
        """Yield the documents that have a merge key. Without one they would all become the same asset."""
        key = FINDINGS[kind].key
        async for document in self._reader.iter_assets(task_ids, kind):
            try:
                reason_skipped = "no merge key" if is_keyless(key(document)) else ""
            except READ_ERRORS as error:
                reason_skipped = type(error).__name__
            if reason_skipped:
                self._reader.skipped.add(kind, document, reason_skipped)
            else:
                yield {name: value for name, value in document.items() if name != "_id"}

    async def external_runs(self, since: datetime) -> Sequence[EngineRun]:
        found = [self._external_run(each) for each in await self._discovery.poll(since)]
        return [run for run in found if run]

    def _external_run(self, found: DiscoveredRun) -> EngineRun | None:
        run = found.run
        if isinstance(run, OrphanRun):
            return self._orphan_run(run, found.document if found.has_schedule else None)
        try:
            schedule = self._options.with_recipients(
                (parse_schedule if found.has_schedule else schedule_from_record)(found.document)
            )
        except READ_ERRORS as error:
            self._reader.skipped.add("task_schedule", found.document, error)
            return None
        trigger = f"{run.schedule_id}:{run.number}"
        missing = [format_targets(spec) or " ".join(schedule.targets) for spec in run.missing]
        return EngineRun(
            idempotency_key=f"arl:{trigger}",
            schedule=schedule,
            task_ids=(
                *run.task_ids,
                *(unsubmitted_id(trigger.replace(":", "-"), target) for target in missing),
            ),
            start_time=run.start,
            gone=not found.has_schedule,
        )

    def _orphan_run(self, run: OrphanRun, document: Document | None) -> EngineRun:
        """Build a run without a trigger. If its schedule is gone, its tasks give name and targets."""
        left = Schedule(id=f"gone:{run.key.rpartition(':')[0]}", name=run.name, targets=run.targets)
        return EngineRun(
            idempotency_key=f"arl:loose:{run.key}",
            schedule=self._options.with_recipients(parse_schedule(document) if document else left),
            task_ids=run.task_ids,
            start_time=run.start,
            gone=document is None,
        )

    async def asset_kinds(self, run: Run) -> Sequence[ReportedKind]:
        return ()

    def checks(self) -> Checks:
        return self.diagnostics.by_name()

    async def warnings(self) -> Sequence[EngineWarning]:
        pushing = await self.diagnostics.pushing_schedules()
        return [EngineWarning(key="arl_pushes", values={"names": list(pushing)})] if pushing else []

    async def run(self) -> None:
        return

    async def close(self) -> None:
        await self._reader.close()


def _lacks_counts(document: Document, task: Task) -> bool:
    statistic = document.get("statistic")
    return task.status.ended and not (isinstance(statistic, dict) and statistic)


def _is_real(id_: str) -> bool:
    return not id_.startswith(UNSUBMITTED)
