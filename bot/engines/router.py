"""Several engines as one: each schedule, run and task belongs to the engine that its id or its copy names.

Task ids of a named engine start with its name, `name/…`. Ids without a name belong to the first engine, so
that a store of a single engine stays readable when others join it.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.errors import DingRunError, PermanentError, TemporaryError
from bot.models import UNSUBMITTED, Run, Schedule, Task
from bot.ports import Checks, Engine, EngineRun, EngineWarning, ReportedKind
from bot.telemetry.loops import report_error

_NAMED = re.compile(rf"(?P<unsubmitted>{UNSUBMITTED})?(?P<name>[a-z0-9_-]+)/(?P<id>.+)", re.DOTALL)


def named_id(name: str, task_id: str) -> str:
    """Put the name of an engine before a task id, behind the mark of a task that was not submitted."""
    if task_id.startswith(UNSUBMITTED):
        return f"{UNSUBMITTED}{name}/{task_id.removeprefix(UNSUBMITTED)}"
    return f"{name}/{task_id}"


def parse_id(task_id: str) -> tuple[str, str]:
    """Split a task id into the name of its engine, or "", and the id that the engine knows."""
    found = _NAMED.fullmatch(task_id)
    return (found["name"], (found["unsubmitted"] or "") + found["id"]) if found else ("", task_id)


class NamedEngine:
    """An engine whose schedules and task ids carry its name."""

    def __init__(self, name: str, engine: Engine) -> None:
        self._name = name
        self._engine = engine

    @property
    def parts(self) -> Mapping[str, Engine]:
        return {self._name: self}

    @property
    def has_own_scheduler(self) -> bool:
        return self._engine.has_own_scheduler

    async def schedules(self) -> Sequence[Schedule]:
        return [replace(each, engine=self._name) for each in await self._engine.schedules()]

    async def submit(self, run: Run) -> Sequence[str]:
        return self._named(await self._engine.submit(run))

    async def restart(self, run: Run, task_ids: Sequence[str]) -> Sequence[str]:
        return self._named(await self._engine.restart(run, list(self._own(task_ids))))

    async def tasks(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        own = self._own(task_ids)
        return self._under(own, await self._engine.tasks(list(own)))

    async def open_tasks(self, task_ids: Collection[str]) -> Collection[str]:
        own = self._own(task_ids)
        return {own[id_] for id_ in await self._engine.open_tasks(list(own))}

    async def stop(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        own = self._own(task_ids)
        return self._under(own, await self._engine.stop(list(own)))

    async def external_runs(self, since: datetime) -> Sequence[EngineRun]:
        return [
            replace(
                each,
                schedule=replace(each.schedule, engine=self._name),
                task_ids=tuple(self._named(each.task_ids)),
            )
            for each in await self._engine.external_runs(since)
        ]

    def iter_assets(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Mapping[str, Any]]:
        return self._engine.iter_assets(list(self._own(task_ids)), kind)

    async def asset_kinds(self, run: Run) -> Sequence[ReportedKind]:
        return await self._engine.asset_kinds(run)

    def checks(self) -> Checks:
        return {f"{name} ({self._name})": check for name, check in self._engine.checks().items()}

    async def warnings(self) -> Sequence[EngineWarning]:
        return await self._engine.warnings()

    async def run(self) -> None:
        await self._engine.run()

    def _named(self, task_ids: Collection[str]) -> list[str]:
        return [named_id(self._name, id_) for id_ in task_ids]

    def _own(self, task_ids: Collection[str]) -> dict[str, str]:
        """Map the ids that the engine knows to the given ones."""
        return {parse_id(id_)[1]: id_ for id_ in task_ids}

    def _under(self, own: Mapping[str, str], tasks: Mapping[str, Task]) -> Mapping[str, Task]:
        return {own[id_]: replace(task, id=own[id_]) for id_, task in tasks.items()}


class EngineRouter:
    """The Engine port over engines by name. "" is an engine without a name, whose ids stay as they are."""

    has_own_scheduler = False  # each part says so for itself

    def __init__(self, engines: Mapping[str, Engine]) -> None:
        self._parts = {name: NamedEngine(name, each) if name else each for name, each in engines.items()}
        self._first = next(iter(self._parts))

    @property
    def parts(self) -> Mapping[str, Engine]:
        return self._parts

    async def schedules(self) -> Sequence[Schedule]:
        found = await asyncio.gather(*(part.schedules() for part in self._parts.values()))
        return [schedule for schedules in found for schedule in schedules]

    async def submit(self, run: Run) -> Sequence[str]:
        return await self._part(run.schedule.engine).submit(run)

    async def restart(self, run: Run, task_ids: Sequence[str]) -> Sequence[str]:
        return await self._part(run.schedule.engine).restart(run, task_ids)

    async def tasks(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        groups = self._grouped(task_ids)
        found = await asyncio.gather(*(part.tasks(ids) for part, ids in groups))
        tasks = {id_: task for each in found for id_, task in each.items()}
        return {id_: tasks[id_] for id_ in task_ids if id_ in tasks}

    async def open_tasks(self, task_ids: Collection[str]) -> Collection[str]:
        groups = self._grouped(task_ids)
        found = await asyncio.gather(*(part.open_tasks(ids) for part, ids in groups))
        return {id_ for each in found for id_ in each}

    async def stop(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        found = [await part.stop(ids) for part, ids in self._grouped(task_ids)]
        return {id_: task for each in found for id_, task in each.items()}

    async def external_runs(self, since: datetime) -> Sequence[EngineRun]:
        found = [await part.external_runs(since) for part in self._parts.values()]
        return sorted((run for runs in found for run in runs), key=lambda run: run.start_time)

    async def iter_assets(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Mapping[str, Any]]:
        groups = self._grouped(task_ids)
        if len(groups) > 1:
            raise PermanentError("the tasks of one schedule are on several engines")
        for part, ids in groups:
            async for document in part.iter_assets(ids, kind):
                yield document

    async def asset_kinds(self, run: Run) -> Sequence[ReportedKind]:
        return await self._part(run.schedule.engine).asset_kinds(run)

    def checks(self) -> Checks:
        return {name: check for part in self._parts.values() for name, check in part.checks().items()}

    async def warnings(self) -> Sequence[EngineWarning]:
        """Return the warnings of all engines. One that cannot be asked does not silence the others."""
        found: list[EngineWarning] = []
        for part in self._parts.values():
            try:
                found += await part.warnings()
            except DingRunError as error:
                report_error("engine warnings", error)
        return found

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for name, part in self._parts.items():
                group.create_task(part.run(), name=f"engine {name}".strip())

    def _part(self, name: str) -> Engine:
        """Return an engine by name; "" is the first one.

        Raises `TemporaryError` if the settings no longer have it: its runs wait until they do.
        """
        part = self._parts.get(name or self._first)
        if part is None:
            raise TemporaryError(f"engines.{name} is not in the settings, but a run belongs to it")
        return part

    def _grouped(self, task_ids: Collection[str]) -> Sequence[tuple[Engine, list[str]]]:
        groups: dict[str, list[str]] = {}
        for id_ in task_ids:
            groups.setdefault(parse_id(id_)[0] or self._first, []).append(id_)
        return [(self._part(name), ids) for name, ids in groups.items()]
