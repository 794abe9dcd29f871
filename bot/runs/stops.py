"""Stopping what is left of a run, and knowing afterwards what was stopped."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from bot.models import Run, Task, TaskStatus
from bot.ports import Engine, Store


@dataclass(frozen=True, kw_only=True)
class StopResult:
    """What became of the tasks of a run that was to stop."""

    stopped: int  # had not ended, and have now
    before: int  # had ended by themselves
    left: tuple[Task, ...]  # would not stop; each says why


class Stops:
    """Stops tasks, and remembers which: a dying worker may write `error` over its `stop` later."""

    def __init__(self, store: Store, engine: Engine) -> None:
        self._store = store
        self._engine = engine

    async def stop(self, run: Run) -> StopResult:
        """Ask the engine to stop what is left of a run; what came of it."""
        open_before = await self._engine.open_tasks(run.task_ids)
        tasks = await self._engine.stop(run.task_ids)
        stopped = {id_ for id_ in open_before if id_ in tasks and _gave_way(tasks[id_])}
        if stopped:
            known = await self._stopped(run.id)
            await self._store.set_value(_key(run.id), json.dumps(sorted({*known, *stopped})))
        left = tuple(task for task in tasks.values() if not task.status.ended)
        return StopResult(stopped=len(stopped), before=len(tasks) - len(stopped) - len(left), left=left)

    async def as_stopped(self, run_id: str, tasks: Mapping[str, Task]) -> Mapping[str, Task]:
        """These tasks; those that a person stopped did not fail, whatever is written over it."""
        if not any(task.status is TaskStatus.ERROR for task in tasks.values()):
            return tasks
        stopped = await self._stopped(run_id)
        return {id_: _stopped_one(task) if id_ in stopped else task for id_, task in tasks.items()}

    async def _stopped(self, run_id: str) -> Collection[str]:
        kept = await self._store.find_value(_key(run_id))
        return set(json.loads(kept)) if kept else set()


def _key(run_id: str) -> str:
    return f"stopped:{run_id}"


def _gave_way(task: Task) -> bool:
    """Whether a task that was open has ended without coming to its own end."""
    return task.status.ended and task.status is not TaskStatus.DONE


def _stopped_one(task: Task) -> Task:
    return replace(task, status=TaskStatus.STOP, reason="") if task.status is TaskStatus.ERROR else task
