"""Choose the baseline of a run: for each target, the last earlier task that covered it.

A run may cover only some of its targets: tasks fail or are stopped, and a rerun of failed tasks repeats
only those. Such a run is no baseline for the targets that it did not cover.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from bot.models import Failure, Run, Task, TaskStatus
from bot.ports import Baseline, Engine, ReportInput

MAX_RUNS_QUERIED = 30  # whose tasks are read from the engine
UNSUCCESSFUL = frozenset({TaskStatus.ERROR, TaskStatus.STOP})


async def with_baseline(engine: Engine, report_input: ReportInput) -> ReportInput:
    """Fill in the unsuccessful tasks of the run, its baseline, and the kinds of its assets."""
    run = report_input.run
    tasks = await engine.tasks(run.task_ids)
    done = {id_ for id_, task in tasks.items() if task.status is TaskStatus.DONE}
    # true even when the engine has deleted the tasks since
    all_well = run.task_counts is not None and not run.task_counts.failed
    unfinished = () if all_well else tuple(id_ for id_ in run.task_ids if id_ not in done)
    baseline = await find_baseline(engine, run, covered_targets(tasks.values()), report_input.earlier)
    kinds = tuple(await engine.asset_kinds(run))
    return replace(report_input, earlier=(), unfinished=unfinished, baseline=baseline, kinds=kinds)


def task_targets(task: Task | Failure) -> frozenset[str]:
    """Return the single targets of a task, whose line may hold several."""
    return single_targets([task.target])


def single_targets(lines: Iterable[str]) -> frozenset[str]:
    """Split lines of targets. All but URLs are lower-cased."""
    found = (each for line in lines for each in line.replace(",", " ").split())
    return frozenset(each if "://" in each else each.lower() for each in found)


def covered_targets(tasks: Iterable[Task]) -> frozenset[str]:
    """Return the targets of the successful tasks."""
    return frozenset().union(*(task_targets(task) for task in tasks if task.status is TaskStatus.DONE))


async def find_baseline(
    engine: Engine, run: Run, covered: frozenset[str], earlier: Sequence[Run]
) -> Baseline | None:
    """Choose the baseline among earlier runs, newest first. None when no target was ever covered.

    The search ends when

    - every target of the schedule has a task, or
    - every target of this run has one and a complete run was met, or
    - the tasks of `MAX_RUNS_QUERIED` runs were read from the engine.
    """
    search = BaselineSearch(covered, wanted=covered | single_targets(run.schedule.targets))
    asked = 0
    for each in earlier:
        if search.is_complete or asked == MAX_RUNS_QUERIED:
            break
        if search.may_cover_more(each):
            asked += 1
            tasks = await engine.tasks(each.task_ids)
            search.add(each, tasks)
        else:
            search.add(each, {failure.task_id: failure for failure in each.failures})
    return search.result()


class BaselineSearch:
    """Collects the tasks of a baseline from earlier runs, added newest first."""

    def __init__(self, covered: frozenset[str], *, wanted: frozenset[str]) -> None:
        self._covered = covered
        self._wanted = wanted
        self._found: frozenset[str] = frozenset()
        self._runs: list[Run] = []
        self._has_complete_run = False
        self._complete: list[str] = []
        self._partial: list[str] = []
        self._elsewhere: list[str] = []

    @property
    def is_complete(self) -> bool:
        """Return whether no older run can add anything."""
        needed = self._covered if self._has_complete_run else self._wanted
        return bool(self._runs) and needed <= self._found

    def may_cover_more(self, run: Run) -> bool:
        """Return whether a task of this run may have covered a target still wanted, without its tasks."""
        failed = frozenset().union(*map(task_targets, run.failures))
        return bool(run.task_counts and run.task_counts.done and self._wanted - self._found - failed)

    def add(self, run: Run, tasks: Mapping[str, Task | Failure]) -> None:
        """Add the tasks of a run whose targets no newer task covered."""
        done: frozenset[str] = frozenset()
        for id_, task, targets in self._uncovered(tasks):
            if task.status is TaskStatus.DONE:
                done |= targets
                (self._complete if targets <= self._covered else self._elsewhere).append(id_)
            elif task.status in UNSUCCESSFUL:
                (self._partial if targets <= self._covered else self._elsewhere).append(id_)
        self._has_complete_run |= is_complete(run)
        if done:
            self._runs.append(run)
            self._found |= done

    def _uncovered(
        self, tasks: Mapping[str, Task | Failure]
    ) -> Iterator[tuple[str, Task | Failure, frozenset[str]]]:
        for id_, task in tasks.items():
            targets = task_targets(task)
            if targets - self._found:
                yield id_, task, targets

    def result(self) -> Baseline | None:
        """Return the baseline, or None when no successful task was added."""
        if not self._runs:
            return None
        return Baseline(
            runs=tuple(self._runs),
            complete=tuple(self._complete),
            partial=tuple(self._partial),
            elsewhere=tuple(self._elsewhere),
            first_covered=tuple(sorted(self._covered - self._found)),
        )


def is_complete(run: Run) -> bool:
    """Return whether a run covered all targets of its schedule."""
    return run.task_counts is not None and run.task_counts.done == run.task_counts.total and not run.is_retry
