"""The built-in engine: probes the targets of a schedule itself, one task per target."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot.engines.embedded.probes import NothingFoundError, Probe, ProbeLimits, ProbeResult
from bot.errors import DingRunError, PermanentError, TemporaryError
from bot.models import Clock, Run, Schedule, Task, TaskStatus
from bot.ports import Checks, Engine, EngineRun, EngineWarning, ReportedKind, TaskStore
from bot.reasons import reason
from bot.runtime import wait_at_most
from bot.telemetry.loops import loop_step
from bot.telemetry.rescues import Rescue, count_rescue

log = logging.getLogger(__name__)

LEASE_RENEWAL_SECONDS = 1.0  # a stop is noticed within this time
CLAIM_PRECISION = timedelta(milliseconds=10)  # of the time of the first claim, as a store keeps it
POLL_SECONDS = 60.0  # for tasks that other processes added, unless the watcher finds them before


class EmbeddedEngine:
    """The Engine port over a TaskStore and real probes. Only targets that a schedule names are contacted."""

    has_own_scheduler = False

    def __init__(
        self,
        schedules: Sequence[Schedule],
        tasks: TaskStore,
        *,
        limits: ProbeLimits,
        clock: Clock,
        owner: str,
    ) -> None:
        self._schedules = tuple(schedules)
        self._tasks = tasks
        self._limits = limits
        self._clock = clock
        self._owner = owner
        self._added = asyncio.Event()
        self.on_task_end: Callable[[], object] = lambda: None  # called when a task has ended in this process
        self._claiming = asyncio.Lock()  # one idle worker asks the store for all of them

    @property
    def parts(self) -> Mapping[str, Engine]:
        return {"": self}

    async def schedules(self) -> Sequence[Schedule]:
        return self._schedules

    async def submit(self, run: Run) -> Sequence[str]:
        if not run.schedule.targets:
            raise PermanentError(reason("no_target"))
        tasks = [
            Task(id=f"{run.id}-{number:03}", run_id=run.id, target=target, ports=run.schedule.ports)
            for number, target in enumerate(run.schedule.targets, 1)
        ]
        await self._tasks.add_tasks(tasks)
        self._added.set()
        return [task.id for task in tasks]

    async def tasks(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        return {task.id: task for task in await self._tasks.find_tasks(ids=task_ids)}

    async def open_tasks(self, task_ids: Collection[str]) -> Collection[str]:
        """Return the open tasks. Idle workers then look for one that waits, or whose process has died."""
        found = await self._tasks.find_open(task_ids)
        if found:
            self._added.set()
        return found

    async def restart(self, run: Run, task_ids: Sequence[str]) -> Sequence[str]:
        old = {task.id: task for task in await self._tasks.find_tasks(ids=task_ids)}
        tasks = [
            Task(id=f"{run.id}-{number:03}", run_id=run.id, target=old[id_].target, ports=old[id_].ports)
            for number, id_ in enumerate([id_ for id_ in task_ids if id_ in old], 1)
        ]
        if not tasks:
            raise PermanentError(reason("no_target"))
        await self._tasks.add_tasks(tasks)
        self._added.set()
        return [task.id for task in tasks]

    async def stop(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        await self._tasks.stop_tasks(task_ids, self._clock())
        self.on_task_end()
        return await self.tasks(task_ids)

    async def external_runs(self, since: datetime) -> Sequence[EngineRun]:
        return ()

    def iter_assets(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Mapping[str, Any]]:
        return self._tasks.iter_assets(task_ids, kind)

    async def asset_kinds(self, run: Run) -> Sequence[ReportedKind]:
        return ()

    def checks(self) -> Checks:
        return {}

    async def warnings(self) -> Sequence[EngineWarning]:
        return ()

    async def run(self) -> None:
        """Run tasks until cancelled. Open ones are then free for other processes at once."""
        async with Probe(self._limits) as probe, asyncio.TaskGroup() as group:
            for number in range(self._limits.tasks):
                group.create_task(self._worker(probe), name=f"prober {number}")

    async def _worker(self, probe: Probe) -> None:
        while True:
            async with self._claiming:
                task = await self._next_task()
            with loop_step("engine"):
                await self._run_safely(probe, task)

    async def _next_task(self) -> Task:
        """Claim the oldest free task. If there is none, wait for one."""
        while True:
            self._added.clear()
            with loop_step("engine"):
                now = self._clock()
                task = await self._tasks.claim_task(self._owner, now, now + self._limits.lease)
                if task:
                    return _counted(task, now)
            await wait_at_most(self._added, POLL_SECONDS)

    async def _run_safely(self, probe: Probe, task: Task) -> None:
        try:
            await self._run_task(probe, task)
        except TemporaryError:
            raise
        except Exception:  # the edge of the task: left to its lease it would be run again forever
            log.exception("task %s ends with an internal error", task.id)
            failed = replace(task, status=TaskStatus.ERROR, reason=reason("internal_error"))
            await self._end(replace(failed, end_time=self._clock()))

    async def _run_task(self, probe: Probe, task: Task) -> None:
        probing = asyncio.create_task(self._probe(probe, task), name=f"task {task.id}")
        try:
            while not probing.done():
                await asyncio.wait([probing], timeout=LEASE_RENEWAL_SECONDS)
                if not await self._tasks.extend_task(task.id, self._owner, self._lease_end()):
                    return  # stopped, or taken over
            ended = await probing
        except asyncio.CancelledError:
            probing.cancel()
            await asyncio.shield(self._give_back(task))
            raise
        finally:
            probing.cancel()
        await self._end(replace(ended, end_time=self._clock()))

    async def _end(self, ended: Task) -> None:
        """Store the outcome. If the store refuses it permanently, store an error without its text."""
        try:
            await self._tasks.end_task(ended, self._owner)
        except PermanentError as error:
            log.error("task %s has an outcome that the store cannot hold: %s", ended.id, error)  # noqa: TRY400
            ended = replace(ended, status=TaskStatus.ERROR, reason=reason("internal_error"), found={})
            await self._tasks.end_task(ended, self._owner)
        self.on_task_end()
        log.info("task %s %s %s %s", ended.id, ended.status, dict(ended.found), ended.reason)

    def _lease_end(self) -> datetime:
        return self._clock() + self._limits.lease

    async def _give_back(self, task: Task) -> None:
        """End the lease, by the clock of every bot."""
        try:
            await self._tasks.extend_task(task.id, self._owner, self._clock() - self._limits.lease)
        except DingRunError as error:
            log.warning("task %s stays claimed until its lease ends: %s", task.id, error)

    async def _probe(self, probe: Probe, task: Task) -> Task:
        """Probe the target, store its assets, and return the ended task."""
        try:
            result, why = await self._results(probe, task)
            for kind, assets in result.by_kind().items():
                await self._tasks.save_assets(task.id, kind, assets)
        except TemporaryError:
            raise
        except Exception:  # an error in one task must not end the others
            log.exception("task %s failed with an internal error", task.id)
            return replace(task, status=TaskStatus.ERROR, reason=reason("internal_error"))
        found = {kind: len(assets) for kind, assets in result.by_kind().items() if assets}
        return replace(task, status=TaskStatus.ERROR if why else TaskStatus.DONE, reason=why, found=found)

    async def _results(self, probe: Probe, task: Task) -> tuple[ProbeResult, str]:
        """Return what was found, and the reason if the probe failed. What a slow probe has found is kept."""
        result = ProbeResult(task_id=task.id)
        try:
            async with asyncio.timeout(self._limits.task_timeout):
                await probe.run(task, result)
        except NothingFoundError as error:
            return ProbeResult(task_id=task.id), str(error)
        except TimeoutError:
            return result, reason("task_timeout", seconds=f"{self._limits.task_timeout:g}")
        return result, ""


def _counted(task: Task, now: datetime) -> Task:
    """Count a task that was claimed before."""
    if task.start_time and now - task.start_time > CLAIM_PRECISION:
        count_rescue(Rescue.TASK_REPEATED)
    return task
