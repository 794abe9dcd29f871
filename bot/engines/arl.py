"""ARL as the engine: its schedules, its tasks, its results. ARL fires; DingRun looks, tells and asks."""

import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.engines.arl_acts import ArlActs
from bot.engines.arl_documents import Document, targets_of, written
from bot.engines.arl_finds import FINDINGS, sorted_by_key
from bot.engines.arl_reads import Reads
from bot.engines.arl_runs import (
    EARLIER,
    FoundRun,
    LooseRun,
    found_runs,
    loose_runs,
    plan_of,
    recorded_runs,
)
from bot.engines.arl_schedules import of_record, schedule_of
from bot.engines.arl_tasks import Reading, never_was, task_of, unsubmitted
from bot.engines.arl_wire import ArlWire
from bot.engines.reasons import reason
from bot.errors import Permanent
from bot.models import UNSUBMITTED, Clock, Run, Schedule, Task
from bot.ports import Started

log = logging.getLogger(__name__)

KEPT = 20_000  # facts about tasks that are remembered
PUSHED_LATELY = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class ArlWays:
    """How ARL is seen: whom its schedules tell, its time zone, and how long a task may take."""

    dressed: Callable[[Schedule], Schedule]
    zone: ZoneInfo
    limit: timedelta


class ArlEngine:
    """The Engine port over a running ARL."""

    fires = True

    def __init__(self, wire: ArlWire, reads: Reads, *, ways: ArlWays, clock: Clock) -> None:
        self._reads = reads
        self._acts = ArlActs(wire, reads)
        self._ways = ways
        self._clock = clock
        self._looked: set[str] = set()  # done, and without an end time
        self._counted: dict[str, Mapping[str, int]] = {}  # of tasks that ended without a statistic

    async def schedules(self) -> Sequence[Schedule]:
        return [self._ways.dressed(schedule_of(each)) for each in await self._reads.schedules()]

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
            raise Permanent(reason("all_gone"))
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
        tasks = {id_: self._read(each, reading) for id_, each in documents.items()}
        tasks |= {id_: never_was(id_) for id_ in task_ids if not _is_real(id_)}
        uncounted = [id_ for id_, each in documents.items() if _lacks_counts(each, tasks[id_])]
        return {id_: tasks[id_] for id_ in task_ids if id_ in tasks}, uncounted

    def _read(self, document: Document, reading: Reading) -> Task:
        id_ = document["_id"]
        task = task_of(document, reading, looked_before=id_ in self._looked)
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

    async def assets(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Mapping[str, Any]]:
        real = [id_ for id_ in task_ids if _is_real(id_)]
        if not real or kind not in FINDINGS:
            return
        async for document in sorted_by_key(self._reads.finds(real, kind), FINDINGS[kind].key):
            yield document

    async def started(self, since: datetime) -> Sequence[Started]:
        """What ARL began by itself: a fork's own records first, what they lack by the names of tasks."""
        records = await self._reads.records(since)
        schedules = {each["_id"]: each for each in await self._reads.schedules()}
        recorded = list(recorded_runs(records))
        taken = {id_ for run in recorded for id_ in run.task_ids}
        begun = [task for task in await self._reads.begun(since - EARLIER) if task["_id"] not in taken]
        plans = [plan_of(each) for each in schedules.values()]
        known = {(run.schedule_id, run.number) for run in recorded}
        found = found_runs(plans, begun, since=since, now=self._clock())
        runs = [*recorded, *(run for run in found if (run.schedule_id, run.number) not in known)]
        named = {str(each.get("schedule_id")): each for each in records} | schedules
        started = [self._started(run, named[run.schedule_id]) for run in runs]
        for run in loose_runs(plans, begun, since=since, now=self._clock()):
            started.append(self._loose(run, schedules.get(run.schedule_id)))
        return sorted(started, key=lambda each: each.start_time)

    def _loose(self, run: LooseRun, document: Document | None) -> Started:
        """A run without its trigger: where its schedule is gone, name and targets are what its tasks tell."""
        left = Schedule(id=f"gone:{run.key.rpartition(':')[0]}", name=run.name, targets=run.targets)
        return Started(
            cause=f"arl:loose:{run.key}",
            schedule=self._ways.dressed(schedule_of(document) if document else left),
            task_ids=run.task_ids,
            start_time=run.start,
            gone=document is None,
        )

    def _started(self, run: FoundRun, document: Document) -> Started:
        gone = "schedule_id" in document
        schedule = self._ways.dressed(of_record(document) if gone else schedule_of(document))
        cause = f"{run.schedule_id}:{run.number}"
        lacking = [target for aim in run.lacking for target in [written(aim) or " ".join(schedule.targets)]]
        return Started(
            cause=f"arl:{cause}",
            schedule=schedule,
            task_ids=(*run.task_ids, *(unsubmitted(cause.replace(":", "-"), target) for target in lacking)),
            start_time=run.start,
            gone=gone,
        )

    async def answers(self) -> int:
        """Ask the API itself, whatever is read from the database; the number of ARL's schedules."""
        return await self._acts.ask()

    async def clock_ahead(self) -> timedelta:
        """How far ARL's clock is ahead of ours; nothing where it does not tell."""
        await self._acts.ask()
        said, now = self._acts.said_at(), self._clock()
        return said - now if said else timedelta()

    async def pushes(self) -> Sequence[str]:
        """The schedules of which ARL itself tells DingTalk as well, as far as can be seen."""
        schedules = await self._reads.schedules()
        records = await self._reads.records(self._clock() - PUSHED_LATELY)
        if records:
            pushed = {str(each["schedule_name"]) for each in records if each.get("push_status") == "success"}
            return sorted(pushed)
        return [str(each.get("name")) for each in schedules if each.get("notify_enable") is True]

    async def work(self) -> None:
        return

    async def close(self) -> None:
        await self._reads.close()


def _lacks_counts(document: Document, task: Task) -> bool:
    return task.status.ended and not document.get("statistic")


def _is_real(id_: str) -> bool:
    return not id_.startswith(UNSUBMITTED)
