"""The engine in the box: looks at the targets of a schedule itself, one task per target."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.engines.embedded.probes import NothingFoundError, Probe, ProbeLimits, ProbeResult
from bot.engines.reasons import reason
from bot.errors import DingRunError, PermanentError, TemporaryError
from bot.models import Clock, Run, Schedule, Task, TaskStatus
from bot.ports import Checks, EngineRun, EngineWarning, TaskStore
from bot.telemetry.loops import loop_step

log = logging.getLogger(__name__)

LEASE_RENEWAL_SECONDS = 1.0  # seconds between looks whether a task is still ours; a stop is noticed within it
POLL_SECONDS = 1.0  # seconds between looks for tasks that other processes added


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
        self._wake()
        return [task.id for task in tasks]

    async def tasks(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        return {task.id: task for task in await self._tasks.find_tasks(ids=task_ids)}

    async def open_tasks(self, task_ids: Collection[str]) -> Collection[str]:
        return await self._tasks.find_open(task_ids)

    async def restart(self, run: Run, task_ids: Sequence[str]) -> Sequence[str]:
        old = {task.id: task for task in await self._tasks.find_tasks(ids=task_ids)}
        tasks = [
            Task(id=f"{run.id}-{number:03}", run_id=run.id, target=old[id_].target, ports=old[id_].ports)
            for number, id_ in enumerate([id_ for id_ in task_ids if id_ in old], 1)
        ]
        if not tasks:
            raise PermanentError(reason("no_target"))
        await self._tasks.add_tasks(tasks)
        self._wake()
        return [task.id for task in tasks]

    async def stop(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        await self._tasks.stop_tasks(task_ids, self._clock())
        return await self.tasks(task_ids)

    async def external_runs(self, since: datetime) -> Sequence[EngineRun]:
        return ()

    def iter_assets(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Mapping[str, Any]]:
        return self._tasks.iter_assets(task_ids, kind)

    def _wake(self) -> None:
        self._added.set()
        self._added = asyncio.Event()

    def checks(self) -> Checks:
        return {}

    async def warnings(self) -> Sequence[EngineWarning]:
        return ()

    async def run(self) -> None:
        """Do tasks until cancelled; those under way are then free for others at once."""
        async with Probe(self._limits) as probe, asyncio.TaskGroup() as group:
            for number in range(self._limits.tasks):
                group.create_task(self._worker(probe), name=f"prober {number}")

    async def _worker(self, probe: Probe) -> None:
        while True:
            added = self._added
            with loop_step("engine"):
                if await self._did_one(probe):
                    continue
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await added.wait()
            except TimeoutError:
                continue

    async def _did_one(self, probe: Probe) -> bool:
        """Do the oldest task that is free. False when there is none."""
        task = await self._tasks.claim_task(self._owner, self._clock(), self._lease_end())
        if task is None:
            return False
        await self._do_whatever_comes(probe, task)
        return True

    async def _do_whatever_comes(self, probe: Probe, task: Task) -> None:
        try:
            await self._do(probe, task)
        except TemporaryError:
            raise
        except Exception:  # the edge of the task: left to its lease it would come again for ever
            log.exception("task %s ends by a mistake of ours", task.id)
            mistake = replace(task, status=TaskStatus.ERROR, reason=reason("mistake"))
            await self._end(replace(mistake, end_time=self._clock()))

    async def _do(self, probe: Probe, task: Task) -> None:
        looking = asyncio.create_task(self._look(probe, task), name=f"task {task.id}")
        try:
            while not looking.done():
                await asyncio.wait([looking], timeout=LEASE_RENEWAL_SECONDS)
                if not await self._tasks.extend_task(task.id, self._owner, self._lease_end()):
                    return  # stopped, or taken over
            ended = await looking
        except asyncio.CancelledError:
            looking.cancel()
            await asyncio.shield(self._give_back(task))
            raise
        finally:
            looking.cancel()
        await self._end(replace(ended, end_time=self._clock()))

    async def _end(self, ended: Task) -> None:
        """Store the outcome; one that the store refuses for good is stored without its words."""
        try:
            await self._tasks.end_task(ended, self._owner)
        except PermanentError as error:
            log.error("task %s ended as the store cannot hold it: %s", ended.id, error)  # noqa: TRY400
            ended = replace(ended, status=TaskStatus.ERROR, reason=reason("mistake"), found={})
            await self._tasks.end_task(ended, self._owner)
        log.info("task %s %s %s %s", ended.id, ended.status, dict(ended.found), ended.reason)

    def _lease_end(self) -> datetime:
        return self._clock() + self._limits.lease

    async def _give_back(self, task: Task) -> None:
        """A lease that is over by every bot's clock."""
        try:
            await self._tasks.extend_task(task.id, self._owner, self._clock() - self._limits.lease)
        except DingRunError as error:
            log.warning("task %s is left to its lease: %s", task.id, error)

    async def _look(self, probe: Probe, task: Task) -> Task:
        """The task as it ended; a mistake in one must not end the others."""
        try:
            finds, why = await self._found(probe, task)
            for kind, assets in finds.by_kind().items():
                await self._tasks.save_assets(task.id, kind, assets)
        except TemporaryError:
            raise
        except Exception:  # the edge of the engine's loop
            log.exception("task %s failed by a mistake of ours", task.id)
            return replace(task, status=TaskStatus.ERROR, reason=reason("mistake"))
        found = {kind: len(assets) for kind, assets in finds.by_kind().items() if assets}
        return replace(task, status=TaskStatus.ERROR if why else TaskStatus.DONE, reason=why, found=found)

    async def _found(self, probe: Probe, task: Task) -> tuple[ProbeResult, str]:
        """What was found, and why the look did not end well; slow hosts do not hide what others showed."""
        finds = ProbeResult(task_id=task.id)
        try:
            async with asyncio.timeout(self._limits.task_timeout):
                await probe.run(task, finds)
        except NothingFoundError as nothing:
            return ProbeResult(task_id=task.id), str(nothing)
        except TimeoutError:
            return finds, reason("too_long", seconds=f"{self._limits.task_timeout:g}")
        return finds, ""
