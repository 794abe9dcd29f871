"""The Engine port over runs that other systems execute and report."""

import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from bot.errors import PermanentError, TemporaryError
from bot.external.merge import RUN_TASK, asset_owner, tasks_of
from bot.external.models import (
    Command,
    CommandKind,
    ExternalRun,
    ExternalSchedule,
    ReportedStatus,
    ReportedTask,
    slug_of,
)
from bot.external.repository import ExternalRecords
from bot.models import Clock, Run, Schedule, Task
from bot.ports import Checks, Engine, EngineRun, EngineWarning, ReportedKind, TaskStore
from bot.reasons import reason

log = logging.getLogger(__name__)

RUN_ID_LENGTH = 11


class CommandSender(Protocol):
    """Sends commands to the systems that execute schedules."""

    async def send(self, command: Command, schedule: ExternalSchedule) -> None:
        """Send a command. Idempotent by its id.

        Raises `PermanentError` if the system takes no commands, `TemporaryError` if it does not answer.
        """


class ExternalEngine:
    """The Engine port over what other systems report. Assets are kept in the task store, by run."""

    has_own_scheduler = False

    def __init__(
        self,
        records: ExternalRecords,
        assets: TaskStore,
        sender: CommandSender,
        *,
        clock: Clock,
    ) -> None:
        self._schedules = records.schedules
        self._runs = records.runs
        self._commands = records.commands
        self._assets = assets
        self._sender = sender
        self._clock = clock

    @property
    def parts(self) -> Mapping[str, Engine]:
        return {"": self}

    async def schedules(self) -> Sequence[Schedule]:
        return [self._schedules.as_schedule(each) for each in await self._schedules.all()]

    async def submit(self, run: Run) -> Sequence[str]:
        return await self._start(run, run.schedule.targets)

    async def restart(self, run: Run, task_ids: Sequence[str]) -> Sequence[str]:
        old = await self.tasks(task_ids)
        if not old:
            raise PermanentError(reason("tasks_gone"))  # without names, the system would repeat all of them
        whole = any(id_.endswith(f"-{RUN_TASK}") for id_ in task_ids)
        return await self._start(run, () if whole else [old[id_].target for id_ in task_ids if id_ in old])

    async def _start(self, run: Run, names: Sequence[str]) -> Sequence[str]:
        """Ask the system to start a run, of these tasks or of all. The labels are those of the last run."""
        schedule = await self._schedule(run)
        tasks = tuple(
            ReportedTask(id=f"{number:03}", name=name, status=ReportedStatus.QUEUED)
            for number, name in enumerate(names, 1)
        )
        last = await self._runs.find_last_ended(schedule.slug)
        queued = ExternalRun(
            id=run.id,
            slug=schedule.slug,
            client_id=run.id,
            created_at=self._clock(),
            tasks=tasks,
            trigger=run.trigger.value,
            labels=last.labels if last else {},
        )
        await self._runs.add(queued)
        known = await self._runs.find(run.id) or queued
        if known.status is ReportedStatus.QUEUED:
            await self._sender.send(_rerun_command(known, run, names, self._clock()), schedule)
        return list(tasks_of(known))

    async def _schedule(self, run: Run) -> ExternalSchedule:
        schedule = await self._schedules.find(slug_of(run.schedule.id))
        if schedule is None:
            raise PermanentError(reason("no_external_schedule"))
        if schedule.rerun is None:
            raise PermanentError(reason("no_rerun"))
        return schedule

    async def tasks(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        found: dict[str, Task] = {}
        for run in await self._runs.find_all(_run_ids(task_ids)):
            found |= tasks_of(run)
        return {id_: found[id_] for id_ in task_ids if id_ in found}

    async def open_tasks(self, task_ids: Collection[str]) -> Collection[str]:
        """Return the open tasks. Those of a run are open until everything followed from its last report.

        Whoever took that report ends the run, with the tasks that were reported last.
        """
        wanted = set(task_ids)
        found: set[str] = set()
        for run in await self._runs.find_all(_run_ids(task_ids)):
            tasks = tasks_of(run)
            unsettled = run.unsettled_since is not None
            found |= {id_ for id_ in wanted if id_.startswith(run.id)} if unsettled else _open(tasks)
        return found & wanted

    async def stop(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        """Cancel what has not started, and ask the system to stop the rest."""
        for run in await self._runs.find_all(_run_ids(task_ids)):
            if not _open(tasks_of(run)) & set(task_ids):
                continue
            changed = await self._runs.change(run.id, lambda each: self._cancelled(each, task_ids))
            if changed and changed.status.ended:
                await self._cancel(changed)
            elif changed and changed.status is not ReportedStatus.QUEUED:
                await self._ask_to_stop(changed)
        found = await self.tasks(task_ids)
        asked = reason("stop_asked")
        return {
            id_: each if each.status.ended else replace(each, reason=asked) for id_, each in found.items()
        }

    def _cancelled(self, run: ExternalRun, task_ids: Collection[str]) -> ExternalRun:
        """Return a queued run with these of its tasks stopped. If none is left, the run has ended."""
        if run.status is not ReportedStatus.QUEUED:
            return run
        now = self._clock()
        tasks = tuple(
            replace(task, status=ReportedStatus.STOPPED, ended_at=now)
            if f"{run.id}-{task.id}" in task_ids and not task.status.ended
            else task
            for task in run.tasks
        )
        if all(task.status.ended for task in tasks):
            return replace(
                run, tasks=tasks, status=ReportedStatus.STOPPED, started_at=run.created_at, ended_at=now
            )
        return replace(run, tasks=tasks)

    async def _cancel(self, run: ExternalRun) -> None:
        """Take the request back, and ask a system that has it already to stop."""
        await self._commands.finish(f"submit:{run.id}")
        try:
            await self._ask_to_stop(run)
        except (TemporaryError, PermanentError) as error:
            log.warning("run %s is cancelled, and its system was not told: %s", run.id, error)

    async def _ask_to_stop(self, run: ExternalRun) -> None:
        schedule = await self._schedules.find(run.slug)
        if schedule is None or schedule.rerun is None:
            raise PermanentError(reason("no_rerun"))
        command = Command(
            id=f"stop:{run.id}",
            kind=CommandKind.STOP,
            slug=run.slug,
            run_id=run.id,
            rid=run.client_id,
            labels=run.labels,
            created_at=self._clock(),
        )
        await self._sender.send(command, schedule)

    async def external_runs(self, since: datetime) -> Sequence[EngineRun]:
        return ()

    async def iter_assets(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Mapping[str, Any]]:
        """Stream the assets of the runs whose owning task is among the given ones."""
        runs = await self._runs.find_all(_run_ids(task_ids))
        places = [
            upload.place
            for run in runs
            for upload in run.assets
            if upload.kind == kind and asset_owner(tasks_of(run)) in task_ids
        ]
        if places:
            async for document in self._assets.iter_assets(places, kind):
                yield document

    async def asset_kinds(self, run: Run) -> Sequence[ReportedKind]:
        return [
            ReportedKind(name=each.name, key=each.key, columns=each.columns)
            for each in await self._schedules.kinds(slug_of(run.schedule.id))
        ]

    def checks(self) -> Checks:
        return {}

    async def warnings(self) -> Sequence[EngineWarning]:
        return ()

    async def run(self) -> None:
        return


def _run_ids(task_ids: Collection[str]) -> Sequence[str]:
    return list(dict.fromkeys(id_[:RUN_ID_LENGTH] for id_ in task_ids))


def _open(tasks: Mapping[str, Task]) -> set[str]:
    return {id_ for id_, task in tasks.items() if not task.status.ended}


def _rerun_command(external: ExternalRun, run: Run, names: Sequence[str], now: datetime) -> Command:
    return Command(
        id=f"submit:{run.id}",
        kind=CommandKind.RERUN,
        slug=external.slug,
        run_id=external.id,
        rid=external.client_id,
        asked_by=str(run.asked_by) if run.asked_by else "",
        labels=external.labels,
        tasks=tuple(names),
        created_at=now,
    )
