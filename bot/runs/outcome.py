"""Outcome of a run, derived from its tasks alone. Pure."""

from collections.abc import Collection, Mapping, Sequence

from bot.models import Failure, Task, TaskCounts, TaskStatus

MAX_FAILURES = 100  # stored with a run; the counts are exact all the same


def count_tasks(task_ids: Collection[str], tasks: Mapping[str, Task]) -> TaskCounts:
    """Count the tasks of a run by status, and their assets by kind.

    A task that the engine does not know counts as missing. The run is over when `ended == total`.
    """
    statuses = [tasks[id_].status if id_ in tasks else TaskStatus.MISSING for id_ in task_ids]
    found: dict[str, int] = {}
    for id_ in task_ids:
        for kind, number in tasks[id_].found.items() if id_ in tasks else ():
            found[kind] = found.get(kind, 0) + number
    counts = {status.value: statuses.count(status) for status in TaskStatus if status.ended}
    return TaskCounts(total=len(statuses), found=found, **counts)


def task_failed(task: Task | None) -> bool:
    """Tell if a task ended in any other way than done. None is a task that the engine does not know."""
    return task is None or (task.status.ended and task.status is not TaskStatus.DONE)


def list_failures(
    task_ids: Collection[str], tasks: Mapping[str, Task], targets: Sequence[str] = ()
) -> tuple[Failure, ...]:
    """List the failed tasks of a run with their reasons, the first `MAX_FAILURES` of them.

    A task that the engine does not know stands for those of `targets` that no other task has.
    """
    covered = {word for task in tasks.values() for word in task.target.lower().split()}
    rest = " ".join(target for target in targets if target.lower() not in covered)
    failed = [
        Failure(task_id=id_, target=task.target, status=task.status, reason=task.reason)
        for id_ in task_ids
        for task in [tasks.get(id_) or Task(id=id_, run_id="", target=rest, status=TaskStatus.MISSING)]
        if task_failed(task)
    ]
    return tuple(failed[:MAX_FAILURES])
