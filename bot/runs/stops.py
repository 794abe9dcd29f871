"""Stops the open tasks of a run, and remembers which tasks were stopped."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from bot.models import Run, Task, TaskStatus
from bot.ports import Engine, Store


@dataclass(frozen=True, kw_only=True)
class StopResult:
    """Result of a request to stop a run."""

    stopped: int  # tasks that were open and are stopped
    before: int  # tasks that had ended by themselves
    left: tuple[Task, ...]  # tasks that did not stop, each with its reason


class Stops:
    """Stops tasks and remembers which.

    A worker that is killed by the stop may write `error` over it later.
    """

    def __init__(self, store: Store, engine: Engine) -> None:
        self._store = store
        self._engine = engine

    async def stop(self, run: Run) -> StopResult:
        """Ask the engine to stop the open tasks of a run."""
        open_before = await self._engine.open_tasks(run.task_ids)
        tasks = await self._engine.stop(run.task_ids)
        stopped = {id_ for id_ in open_before if id_ in tasks and _has_stopped(tasks[id_])}
        if stopped:
            known = await self._stopped_ids(run.id)
            await self._store.set_value(_key(run.id), json.dumps(sorted({*known, *stopped})))
        left = tuple(task for task in tasks.values() if not task.status.ended)
        return StopResult(stopped=len(stopped), before=len(tasks) - len(stopped) - len(left), left=left)

    async def with_stops(self, run_id: str, tasks: Mapping[str, Task]) -> Mapping[str, Task]:
        """Return the tasks with the status `stop` for each failed one that was stopped on request."""
        if not any(task.status is TaskStatus.ERROR for task in tasks.values()):
            return tasks
        stopped = await self._stopped_ids(run_id)
        return {id_: _as_stopped(task) if id_ in stopped else task for id_, task in tasks.items()}

    async def _stopped_ids(self, run_id: str) -> Collection[str]:
        stored = await self._store.find_value(_key(run_id))
        return set(json.loads(stored)) if stored else set()


def _key(run_id: str) -> str:
    return f"stopped:{run_id}"


def _has_stopped(task: Task) -> bool:
    """Tell if a task that was open has ended before it was done."""
    return task.status.ended and task.status is not TaskStatus.DONE


def _as_stopped(task: Task) -> Task:
    return replace(task, status=TaskStatus.STOP, reason="") if task.status is TaskStatus.ERROR else task
