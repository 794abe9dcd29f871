"""ARL as the engine: its schedules, its tasks, its results. ARL fires; DingRun looks, tells and asks."""

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
from bot.engines.arl.discovery import Discovered, RunDiscovery
from bot.engines.arl.documents import Document, targets_of, written
from bot.engines.arl.reader import ArlReader
from bot.engines.arl.run_detection import LooseRun
from bot.engines.arl.schedules import of_record, parse_schedule
from bot.engines.arl.skipped import UNREADABLE
from bot.engines.arl.tasks import Reading, missing_task, parse_task, unsubmitted
from bot.engines.reasons import reason
from bot.errors import PermanentError
from bot.models import UNSUBMITTED, Clock, Run, Schedule, Task
from bot.ports import Checks, EngineRun, EngineWarning

log = logging.getLogger(__name__)

KEPT = 20_000  # facts about tasks that are remembered


@dataclass(frozen=True, kw_only=True)
class ArlOptions:
    """How ARL is seen: whom its schedules tell, its time zone, and how long a task may take."""

    with_recipients: Callable[[Schedule], Schedule]
    zone: ZoneInfo
    limit: timedelta


class ArlEngine:
    """The Engine port over a running ARL."""

    has_own_scheduler = True

    def __init__(self, wire: ArlClient, reads: ArlReader, *, ways: ArlOptions, clock: Clock) -> None:
        self._reads = reads
        self._acts = ArlCommands(wire, reads)
        self.diagnostics = ArlChecks(self._acts, reads, schedules=self.schedules, clock=clock)
        self._discovery = RunDiscovery(reads, clock=clock)
        self._ways = ways
        self._clock = clock
        self._looked: set[str] = set()  # done, and without an end time
        self._counted: dict[str, Mapping[str, int]] = {}  # of tasks that ended without a statistic

    async def schedules(self) -> Sequence[Schedule]:
        found = await self._reads.schedules()
        read = self._reads.skipped.read_each("task_schedule", found, parse_schedule)
        return [self._ways.with_recipients(each) for each in read]

    async def submit(self, run: Run) -> Sequence[str]:
        return await self._acts.submit(run, targets_of(" ".join(run.schedule.targets)))

    async def restart(self, run: Run, task_ids: Sequence[str]) -> Sequence[str]:
        """What ARL would not begin again (it takes it for running, or never had it) is submitted anew."""
        tasks, _ = await self._seen(task_ids)
        ids = list(await self._acts.restart(run, [id_ for id_ in task_ids if _is_real(id_)]))
        done = {tasks[id_].target for id_ in task_ids if id_ in tasks}
        begun = {task.target for task in (await self._seen(ids))[0].values()}
        rest = targets_of(" ".join(sorted(done - begun)))
        if rest:
            ids += await self._acts.submit(run, rest)
        if not ids:
            raise PermanentError(reason("all_gone"))
        return ids

    async def tasks(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        tasks, uncounted = await self._seen(task_ids)
        counts = await self._counts(uncounted)
        return {
            id_: replace(task, found=counts[id_]) if id_ in counts else task for id_, task in tasks.items()
        }

    async def open_tasks(self, task_ids: Collection[str]) -> Collection[str]:
        tasks, _ = await self._seen([id_ for id_ in task_ids if _is_real(id_)])
        return {id_ for id_, task in tasks.items() if not task.status.ended}

    async def _seen(self, task_ids: Collection[str]) -> tuple[Mapping[str, Task], Sequence[str]]:
        """The tasks in their order, and those of them whose finds are still to be counted."""
        real = [id_ for id_ in task_ids if _is_real(id_)]
        reading = Reading(now=self._clock(), zone=self._ways.zone, limit=self._ways.limit)
        documents = {each["_id"]: each for each in (await self._reads.tasks(real) if real else ())}
        read = self._reads.skipped.read_each(
            "task", documents.values(), lambda each: self._read(each, reading)
        )
        tasks = {task.id: task for task in read}
        tasks |= {id_: missing_task(id_) for id_ in task_ids if not _is_real(id_)}
        uncounted = [task.id for task in read if _lacks_counts(documents[task.id], task)]
        return {id_: tasks[id_] for id_ in task_ids if id_ in tasks}, uncounted

    def _read(self, document: Document, reading: Reading) -> Task:
        id_ = document["_id"]
        task = parse_task(document, reading, looked_before=id_ in self._looked)
        if document.get("status") == "done":
            self._looked = set() if len(self._looked) >= KEPT else self._looked
            self._looked.add(id_)
        return task

    async def _counts(self, task_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """What ended tasks found. ARL counts only for those that are done; the others we count, once."""
        new = [id_ for id_ in task_ids if id_ not in self._counted]
        known = {id_: self._counted[id_] for id_ in task_ids if id_ in self._counted}
        if new:
            kept = self._counted if len(self._counted) + len(new) <= KEPT else known
            fresh = await self._reads.counts(new)
            self._counted = {**kept, **fresh}
            known |= fresh
        return known

    async def stop(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        tasks, _ = await self._seen(task_ids)
        said = await self._acts.stop([id_ for id_, task in tasks.items() if not task.status.ended])
        self._reads.forget(task_ids)
        after, _ = await self._seen(task_ids)
        return {
            id_: task if task.status.ended else replace(task, reason=said.get(id_, ""))
            for id_, task in after.items()
        }

    async def iter_assets(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Mapping[str, Any]]:
        real = [id_ for id_ in task_ids if _is_real(id_)]
        if not real or kind not in FINDINGS:
            return
        async for document in sorted_by_key(self._readable(real, kind), FINDINGS[kind].key):
            yield document

    async def _readable(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Document]:
        """Their documents but those that nothing tells from others: all of these would become one."""
        key = FINDINGS[kind].key
        async for document in self._reads.finds(task_ids, kind):
            try:
                odd = "nothing to know it by" if is_keyless(key(document)) else ""
            except UNREADABLE as error:
                odd = type(error).__name__
            if odd:
                self._reads.skipped.add(kind, document, odd)
            else:
                yield {name: value for name, value in document.items() if name != "_id"}

    async def external_runs(self, since: datetime) -> Sequence[EngineRun]:
        """What ARL began by itself: a fork's own records first, what they lack by the names of tasks."""
        begun = [self._started(found) for found in await self._discovery.look(since)]
        return [each for each in begun if each]

    def _started(self, found: Discovered) -> EngineRun | None:
        run = found.run
        if isinstance(run, LooseRun):
            return self._loose(run, found.document if found.has_schedule else None)
        try:
            schedule = self._ways.with_recipients(
                (parse_schedule if found.has_schedule else of_record)(found.document)
            )
        except UNREADABLE as error:
            self._reads.skipped.add("task_schedule", found.document, error)
            return None
        cause = f"{run.schedule_id}:{run.number}"
        lacking = [target for aim in run.lacking for target in [written(aim) or " ".join(schedule.targets)]]
        return EngineRun(
            idempotency_key=f"arl:{cause}",
            schedule=schedule,
            task_ids=(*run.task_ids, *(unsubmitted(cause.replace(":", "-"), target) for target in lacking)),
            start_time=run.start,
            gone=not found.has_schedule,
        )

    def _loose(self, run: LooseRun, document: Document | None) -> EngineRun:
        """Return a run without its trigger: where its schedule is gone, its tasks tell name and targets."""
        left = Schedule(id=f"gone:{run.key.rpartition(':')[0]}", name=run.name, targets=run.targets)
        return EngineRun(
            idempotency_key=f"arl:loose:{run.key}",
            schedule=self._ways.with_recipients(parse_schedule(document) if document else left),
            task_ids=run.task_ids,
            start_time=run.start,
            gone=document is None,
        )

    def checks(self) -> Checks:
        return self.diagnostics.by_name()

    async def warnings(self) -> Sequence[EngineWarning]:
        pushing = await self.diagnostics.pushing_schedules()
        return [EngineWarning(key="arl_pushes", values={"names": list(pushing)})] if pushing else []

    async def run(self) -> None:
        return

    async def close(self) -> None:
        await self._reads.close()


def _lacks_counts(document: Document, task: Task) -> bool:
    statistic = document.get("statistic")
    return task.status.ended and not (isinstance(statistic, dict) and statistic)


def _is_real(id_: str) -> bool:
    return not id_.startswith(UNSUBMITTED)
