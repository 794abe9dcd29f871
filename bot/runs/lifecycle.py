"""The life of a run: triggered, submitted, judged from its tasks, ended."""

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.delivery.plan import jobs_for_finished_run
from bot.delivery.recipients import all_recipients, recipients
from bot.errors import PermanentError
from bot.jobs.queue import Claim, JobKind, Jobs, Result
from bot.models import (
    RETRY,
    Clock,
    Destination,
    ExportStatus,
    Failure,
    Job,
    JobState,
    Person,
    PushStatus,
    Run,
    RunStatus,
    Schedule,
    Task,
    TaskCounts,
    TaskStatus,
    Trigger,
    deterministic_id,
    new_job,
)
from bot.ports import Engine, EngineRun, Store
from bot.runs.stops import StopResult, Stops

log = logging.getLogger(__name__)

MAX_FAILURES = 100  # of a run; their number is always exact
LAST_NOTIFIED_LIMIT = 100  # runs
PREFIX = 4  # letters of an id that are enough to tell it


@dataclass(frozen=True, kw_only=True)
class TriggerRequest:
    """What triggers a run: the same `id` is the same run."""

    idempotency_key: str
    trigger: Trigger
    asked_by: Person | None = None
    asked_in: Destination | None = None


def count_tasks(task_ids: Collection[str], tasks: Mapping[str, Task]) -> TaskCounts:
    """How far the tasks of a run are; the run is over when `ended == total`. Unknown tasks count as
    missing."""
    states = [tasks[id_].status if id_ in tasks else TaskStatus.MISSING for id_ in task_ids]
    found: dict[str, int] = {}
    for id_ in task_ids:
        for kind, number in tasks[id_].found.items() if id_ in tasks else ():
            found[kind] = found.get(kind, 0) + number
    counts = {state.value: states.count(state) for state in TaskStatus if state.ended}
    return TaskCounts(total=len(states), found=found, **counts)


def task_failed(task: Task | None) -> bool:
    """Whether a task has ended otherwise than well; one that the engine does not know has."""
    return task is None or (task.status.ended and task.status is not TaskStatus.DONE)


def retry_cause(run_id: str, cause: str) -> str:
    """The cause of a run that repeats what did not end well in another."""
    return f"{RETRY}{run_id}:{cause}"


def retried_run(cause: str) -> str:
    """The id of that other run, or ""."""
    return cause.removeprefix(RETRY).partition(":")[0] if cause.startswith(RETRY) else ""


def _retries(run: Run, wish: str) -> bool:
    """Whether this wish asked for the run, as the repetition of another."""
    return run.idempotency_key == retry_cause(retried_run(run.idempotency_key), wish)


def failures_of(
    task_ids: Collection[str], tasks: Mapping[str, Task], targets: Sequence[str] = ()
) -> tuple[Failure, ...]:
    """The tasks that did not end well, and why; the first 100.

    Of one that is gone its targets are known all the same: those that no other task is for.
    """
    taken = {word for task in tasks.values() for word in task.target.lower().split()}
    rest = " ".join(target for target in targets if target.lower() not in taken)
    bad = [
        Failure(task_id=id_, target=task.target, status=task.status, reason=task.reason)
        for id_ in task_ids
        for task in [tasks.get(id_) or Task(id=id_, run_id="", target=rest, status=TaskStatus.MISSING)]
        if task_failed(task)
    ]
    return tuple(bad[:MAX_FAILURES])


class Runs:
    """Triggers runs, hands them to the engine, and writes down how they ended."""

    def __init__(self, store: Store, engine: Engine, jobs: Jobs, *, clock: Clock) -> None:
        self._store = store
        self._engine = engine
        self._jobs = jobs
        self._stops = Stops(store, engine)
        self._clock = clock

    @property
    def kinds(self) -> Mapping[str, JobKind]:
        return {"submit": JobKind(run=self._submit, on_finished=self._submitted)}

    async def trigger(self, schedule: Schedule, cause: TriggerRequest) -> Run:
        """Store a run and the job that submits it; the same cause again changes nothing and is the same
        run."""
        run = Run(
            id=deterministic_id("r", cause.idempotency_key),
            idempotency_key=cause.idempotency_key,
            schedule=schedule,
            trigger=cause.trigger,
            asked_by=cause.asked_by,
            asked_in=cause.asked_in,
            start_time=self._clock(),
            export_status=ExportStatus.PENDING if schedule.export else ExportStatus.SKIPPED,
        )
        if await self._store.add_run(run):
            log.info("run %s of %s triggered by %s", run.id, schedule.name, cause.idempotency_key)
        await self.enqueue_submit(run.id)
        return await self._store.find_run(run.id) or run

    async def record_external_run(self, started: EngineRun, *, notify: bool) -> Run | None:
        """Keep a run that the engine began by itself; None when it is kept already.

        Without `notify` it is only recorded: nobody is notified, and no report is made.
        """
        schedule = started.schedule
        if not notify:
            schedule = replace(schedule, notify_enable=False, export=False)
        run = Run(
            id=deterministic_id("r", started.idempotency_key),
            idempotency_key=started.idempotency_key,
            schedule=schedule,
            trigger=Trigger.ENGINE,
            start_time=started.start_time,
            task_ids=started.task_ids,
            export_status=ExportStatus.PENDING if schedule.export else ExportStatus.SKIPPED,
        )
        if not await self._store.add_run(run):
            return None
        log.info("run %s of %s was begun by the engine: %s", run.id, schedule.name, started.idempotency_key)
        return run

    async def enqueue_submit(self, run_id: str) -> None:
        """The job that hands the run to the engine; asking twice is asking once."""
        now = self._clock()
        await self._jobs.add(new_job("submit", run_id, now, run_id=run_id))

    async def _submit(self, claim: Claim) -> Result:
        run = await self._store.find_run(claim.job.run_id)
        if run is None or run.task_ids or run.status is not RunStatus.RUNNING:
            return {}
        task_ids = tuple(await self._submit_tasks(run))
        if not task_ids:
            raise PermanentError("the engine made no task of it")
        await self._store.update_run(run.id, {"task_ids": task_ids}, when=RunStatus.RUNNING)
        log.info("run %s submitted as %d tasks", run.id, len(task_ids))
        return {"tasks": len(task_ids)}

    async def _submit_tasks(self, run: Run) -> Sequence[str]:
        """The tasks of a run: of its schedule, or those of an earlier run that did not end well."""
        earlier = await self._store.find_run(retried_run(run.idempotency_key))
        if earlier is None:
            return await self._engine.submit(run)
        tasks = await self._engine.tasks(earlier.task_ids)
        failed = [id_ for id_ in earlier.task_ids if task_failed(tasks.get(id_))]
        return await self._engine.restart(run, failed)

    async def _submitted(self, job: Job) -> None:
        if job.state in {JobState.DEAD, JobState.UNCONFIRMED}:
            await self.fail(job.run_id, job.error)

    async def fail(self, run_id: str, why: str) -> None:
        """The run came to nothing: its tasks could not be submitted."""
        run = await self._store.find_run(run_id)
        if run and run.status is RunStatus.RUNNING:
            await self._end(
                run, {"status": RunStatus.ERROR, "error_msg": why, "task_counts": TaskCounts(total=0)}
            )

    async def finish(self, run: Run, tasks: Mapping[str, Task]) -> bool:
        """End a run if all of its tasks have ended; says whether they have."""
        mine = {id_: tasks[id_] for id_ in run.task_ids if id_ in tasks}
        tasks = await self._stops.as_stopped(run.id, mine)
        tally = count_tasks(run.task_ids, tasks)
        if tally.ended < tally.total:
            return False
        targets = await self._targets(run) if tally.missing else ()
        changes: dict[str, object] = {
            "status": RunStatus.FINISHED,
            "task_counts": tally,
            "failures": failures_of(run.task_ids, tasks, targets),
        }
        ends = [task.end_time for task in tasks.values() if task.end_time]
        if run.trigger is Trigger.ENGINE and ends:  # it may have been found long after
            changes["end_time"] = max(ends)
        await self._end(run, changes)
        return True

    async def _end(self, run: Run, changes: dict[str, object]) -> None:
        """The jobs that follow from the end are written first, the status last: a crash between repeats
        both."""
        now = max(self._clock(), run.start_time)  # another bot began it, by another clock
        changes = {"end_time": now, **changes}
        ended = _with(run, changes)
        jobs = jobs_for_finished_run(ended, now)
        for job in jobs:
            await self._store.add_job(job)  # nobody is woken before the status is there
        if not recipients(ended):
            changes["push_status"] = PushStatus.SKIPPED
        if not any(job.kind == "export" for job in jobs):
            changes["export_status"] = ExportStatus.SKIPPED
        done = await self._store.update_run(run.id, changes, when=RunStatus.RUNNING)
        if done:
            log.info("run %s of %s is %s", run.id, run.schedule_name, done.status)
            self._jobs.wake()

    async def stop(self, run: Run) -> StopResult:
        """Ask the engine to stop what is left of a run. The watcher then ends it."""
        return await self._stops.stop(run)

    async def _targets(self, run: Run) -> Sequence[str]:
        """What the tasks of a run are for: of its schedule, or what did not end well in an earlier run."""
        earlier = await self._store.find_run(retried_run(run.idempotency_key))
        if earlier is None:
            return run.schedule.targets
        return [word for failure in earlier.failures for word in failure.target.split()]

    async def find(self, run_id: str) -> Run | None:
        """A run by its id."""
        return await self._store.find_run(run_id)

    async def find_like(self, beginning: str) -> Sequence[Run]:
        """The runs of late whose id begins so, newest first; too few letters are of none."""
        if not re.fullmatch(rf"r[a-z2-7]{{{PREFIX - 1},}}", beginning):
            return ()
        return [run for run in await self.recent(limit=LAST_NOTIFIED_LIMIT) if run.id.startswith(beginning)]

    async def begun_by(self, wish: str) -> Run | None:
        """The run that this wish has begun already: it may be asked for again after a crash."""
        run = await self._store.find_run(deterministic_id("r", wish))
        if run:
            return run
        return next(
            (each for each in await self.recent(limit=LAST_NOTIFIED_LIMIT) if _retries(each, wish)), None
        )

    async def recent(self, schedule_id: str = "", *, running: bool = False, limit: int = 10) -> Sequence[Run]:
        """The newest runs, of one schedule or of all, newest first."""
        status = RunStatus.RUNNING if running else None
        return await self._store.find_runs(status=status, schedule_id=schedule_id, limit=limit)

    async def last_of(self, schedule_id: str) -> Run | None:
        """The newest run of a schedule."""
        runs = await self.recent(schedule_id, limit=1)
        return runs[0] if runs else None

    async def last_notified(self, destination: Destination) -> Run | None:
        """The newest run whose summary this destination has, or will have."""
        for run in await self.recent(limit=LAST_NOTIFIED_LIMIT):
            if run.schedule.notify_enable and destination in all_recipients(run):
                return run
        return None

    async def open_run_of(self, schedule_id: str) -> Run | None:
        """The newest run of a schedule that has not ended."""
        runs = await self._store.find_runs(status=RunStatus.RUNNING, schedule_id=schedule_id, limit=1)
        return runs[0] if runs else None

    async def progress(self, runs: Sequence[Run]) -> Mapping[str, TaskCounts]:
        """How far these runs are, by run id, in one question to the engine."""
        tasks = await self._engine.tasks([id_ for run in runs for id_ in run.task_ids])
        return {run.id: count_tasks(run.task_ids, tasks) for run in runs}


def _with(run: Run, changes: Mapping[str, object]) -> Run:
    return replace(run, **changes)  # type: ignore[arg-type]
