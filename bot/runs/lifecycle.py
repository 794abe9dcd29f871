"""The life of a run: triggered, submitted to the engine, ended."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.audit.request import note_run
from bot.delivery.lapses.alerts import recovery_jobs
from bot.delivery.plan import jobs_for_finished_run
from bot.delivery.policy.effective import count_muted_before
from bot.delivery.policy.start_notices import awaiting_update, start_jobs
from bot.delivery.recipients import recipients
from bot.errors import DingRunError, PermanentError, TemporaryError
from bot.jobs.queue import Claim, JobKind, Jobs, Result
from bot.models import (
    OPEN_LAPSES,
    Destination,
    ExportStatus,
    Job,
    JobState,
    Lapse,
    Person,
    PushStatus,
    Run,
    RunStatus,
    Schedule,
    Task,
    TaskCounts,
    Trigger,
    deterministic_id,
    new_job,
)
from bot.ports import Engine, EngineRun, LapseStore, Store
from bot.runs.corrections import correct_outcome
from bot.runs.decisions import NotificationDecisions
from bot.runs.history import Repetition, RunHistory
from bot.runs.outcome import count_tasks, list_failures, task_failed
from bot.runs.stops import StopResult, Stops
from bot.runs.trend import compare_with_earlier
from bot.telemetry.logging import fields
from bot.telemetry.rescues import Rescue, count_rescue

log = logging.getLogger(__name__)

COMPARED_RUNS = 20  # that are read to find those before a run that ends; some may be open or stopped


@dataclass(frozen=True, kw_only=True)
class TriggerRequest:
    """A request for a run. The same idempotency key is the same run."""

    idempotency_key: str
    trigger: Trigger
    asked_by: Person | None = None
    asked_in: Destination | None = None
    approved_by: Person | None = None  # second person, for a protected schedule


class Runs(RunHistory):
    """Triggers runs, submits them to the engine, and records how they ended."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        jobs: Jobs,
        *,
        decisions: NotificationDecisions,
        lapses: LapseStore,
    ) -> None:
        super().__init__(store)
        self._engine = engine
        self._jobs = jobs
        self._decisions = decisions
        self._stops = Stops(store, engine)
        self._lapses = lapses
        self._clock = jobs.clock
        self.wakeup = asyncio.Event()  # of the watcher: this process has stored an open run, or a task ended

    @property
    def kinds(self) -> Mapping[str, JobKind]:
        return {"submit": JobKind(run=self._submit, on_finished=self._fail_if_dead)}

    async def trigger(self, schedule: Schedule, request: TriggerRequest) -> Run:
        """Store a run and the job that submits it. The same request again returns the same run."""
        run = Run(
            id=deterministic_id("r", request.idempotency_key),
            idempotency_key=request.idempotency_key,
            schedule=schedule,
            trigger=request.trigger,
            asked_by=request.asked_by,
            asked_in=request.asked_in,
            approved_by=request.approved_by,
            start_time=self._clock(),
            export_status=ExportStatus.PENDING if schedule.export else ExportStatus.SKIPPED,
        )
        await self.record_start(schedule.id, run.start_time)
        if await self._store.add_run(run):
            log.info("run %s of %s triggered by %s", run.id, schedule.name, request.idempotency_key)
            self.wakeup.set()
        else:
            count_rescue(Rescue.RUN_KNOWN)
        await self.enqueue_submit(run.id)
        await self.enqueue_start_notices(run)
        return note_run(await self._store.find_run(run.id) or run)

    async def record_external_run(self, external: EngineRun, *, notify: bool) -> Run | None:
        """Record a run that the engine triggered. Returns None if it is recorded already.

        Without `notify` nobody is notified and no report is made.
        """
        schedule = external.schedule
        if not notify:
            schedule = replace(schedule, notify_enable=False, export=False)
        run = Run(
            id=deterministic_id("r", external.idempotency_key),
            idempotency_key=external.idempotency_key,
            schedule=schedule,
            trigger=Trigger.ENGINE,
            start_time=external.start_time,
            task_ids=external.task_ids,
            push_status=PushStatus.PENDING if notify else PushStatus.SKIPPED,
            export_status=ExportStatus.PENDING if schedule.export else ExportStatus.SKIPPED,
        )
        await self.record_start(schedule.id, run.start_time)
        if not await self._store.add_run(run):
            return None
        self.wakeup.set()
        log.info(
            "run %s of %s was triggered by the engine: %s", run.id, schedule.name, external.idempotency_key
        )
        await self.enqueue_start_notices(run)
        return run

    async def enqueue_start_notices(self, run: Run) -> None:
        """Add the jobs that send a card when the run starts. Idempotent."""
        for job in start_jobs(run, self._clock()):
            await self._jobs.add(job)

    async def record_start(self, schedule_id: str, at: datetime) -> None:
        """Record that a schedule started at a time, so that this time is not missed. Idempotent.

        It is called before the run is stored, so that no crash in between makes a start look missed.
        """
        await self._lapses.record_start(schedule_id, at)

    async def enqueue_submit(self, run_id: str) -> None:
        """Add the job that submits a run to the engine. Idempotent."""
        now = self._clock()
        await self._jobs.add(new_job("submit", run_id, now, run_id=run_id))

    async def _submit(self, claim: Claim) -> Result:
        run = await self._store.find_run(claim.job.run_id)
        if run is None or run.task_ids or run.status is not RunStatus.RUNNING:
            return {}
        task_ids = tuple(await self._submit_tasks(run))
        if not task_ids:
            raise PermanentError("the engine created no task")
        await self._store.update_run(run.id, {"task_ids": task_ids}, when=RunStatus.RUNNING)
        log.info("run %s submitted as %d tasks", run.id, len(task_ids))
        return {"tasks": len(task_ids)}

    async def _submit_tasks(self, run: Run) -> Sequence[str]:
        """Submit the tasks of the schedule, or what is repeated of an earlier run."""
        repeated, earlier = await self._repeated(run)
        if repeated is None or earlier is None:
            return await self._engine.submit(run)
        if repeated.targets:
            chosen = replace(run.schedule, targets=repeated.chosen_targets(earlier, run))
            return await self._engine.submit(replace(run, schedule=chosen))
        if repeated.tasks:
            return await self._engine.restart(run, repeated.task_ids(earlier))
        tasks = await self._engine.tasks(earlier.task_ids)
        failed = [id_ for id_ in earlier.task_ids if task_failed(tasks.get(id_))]
        return await self._engine.restart(run, failed)

    async def _repeated(self, run: Run) -> tuple[Repetition | None, Run | None]:
        repeated = Repetition.parse(run.idempotency_key)
        return repeated, await self._store.find_run(repeated.run_id) if repeated else None

    async def _fail_if_dead(self, job: Job) -> None:
        if job.state in {JobState.DEAD, JobState.UNCONFIRMED}:
            await self.fail(job.run_id, job.error)

    async def fail(self, run_id: str, error: str) -> None:
        """End a run whose tasks could not be submitted."""
        run = await self._store.find_run(run_id)
        if run and run.status is RunStatus.RUNNING:
            no_tasks = TaskCounts(total=0)
            await self._end(run, {"status": RunStatus.ERROR, "error_msg": error, "task_counts": no_tasks})

    async def finish(self, run: Run, tasks: Mapping[str, Task], *, ended_at: datetime | None = None) -> bool:
        """End a run if all its tasks have ended. Returns True if they have.

        `ended_at` is the time at which it ended, if that is known.
        """
        own = {id_: tasks[id_] for id_ in run.task_ids if id_ in tasks}
        tasks = await self._stops.with_stops(run.id, own)
        counts = count_tasks(run.task_ids, tasks)
        if counts.ended < counts.total:
            return False
        targets = await self._targets(run) if counts.missing else ()
        changes: dict[str, object] = {
            "status": RunStatus.FINISHED,
            "task_counts": counts,
            "failures": list_failures(run.task_ids, tasks, targets),
        }
        ends = [task.end_time for task in tasks.values() if task.end_time]
        if ended_at or (run.trigger is Trigger.ENGINE and ends):  # it may have been discovered long after
            changes["end_time"] = ended_at or max(ends)
        await self._end(run, changes)
        return True

    async def correct(self, run: Run, tasks: Mapping[str, Task]) -> None:
        """Replace the outcome of an ended run, whose end was only presumed, and update its cards once."""
        found = await self._store.find_runs(schedule_id=run.schedule_id, limit=COMPARED_RUNS)
        await correct_outcome(self._store, self._jobs, run, tasks, found)
        log.info("run %s of %s is corrected", run.id, run.schedule_name)

    async def _end(self, run: Run, changes: dict[str, object]) -> None:
        """Store the jobs for the finished run, then its status.

        After a crash in between, both are repeated.
        """
        now = max(self._clock(), run.start_time)  # another bot may have triggered it, by another clock
        changes = {"end_time": now, **changes}
        found = await self._store.find_runs(schedule_id=run.schedule_id, limit=COMPARED_RUNS)
        changes["trend"] = compare_with_earlier(_with(run, changes), found)
        ended = _with(run, changes)
        decided = await self._decisions.decide(run, ended.end_time or now)
        ended = replace(ended, schedule=decided.schedule, muted=decided.muted)
        changes |= {"muted": ended.muted, "muted_before": count_muted_before(ended, found)}
        earlier = [each for each in found if each.start_time < run.start_time]
        started = await self._started(run)
        jobs = [*jobs_for_finished_run(ended, now, started), *recovery_jobs(ended, earlier, now)]
        for job in (*jobs, *self._decisions.reminders(ended, now)):
            await self._store.add_job(job)  # without waking workers: the status comes first
        if not recipients(ended) and not started:
            changes["push_status"] = PushStatus.SKIPPED
        if not any(job.kind == "export" for job in jobs):
            changes["export_status"] = ExportStatus.SKIPPED
        done = await self._store.update_run(run.id, changes, when=RunStatus.RUNNING)
        if done:
            ended_as = fields(run=run.id, schedule=run.schedule_id, outcome=done.status.value)
            log.info("run %s of %s is %s", run.id, run.schedule_name, done.status, extra=ended_as)
            self._jobs.wake()

    async def _started(self, run: Run) -> Sequence[Destination]:
        """Return the destinations whose cards show that a run is running."""
        if not run.schedule.start_notice:
            return ()
        return awaiting_update(await self._store.find_jobs(run_id=run.id, kind="start"))

    async def stop(
        self, run: Run, by: Person | None = None, *, approved_by: Person | None = None
    ) -> StopResult:
        """Ask the engine to stop the open tasks of a run. The watcher then ends it."""
        if by:
            changes = {"stopped_by": by, "stopped_at": self._clock(), "stop_approved_by": approved_by}
            await self._store.update_run(run.id, changes)
        return await self._stops.stop(run)

    async def _targets(self, run: Run) -> Sequence[str]:
        """Return the targets of a run: its schedule's, or those that are repeated of an earlier run."""
        repeated, earlier = await self._repeated(run)
        if repeated is None or earlier is None:
            return run.schedule.targets
        if repeated.targets:
            return repeated.chosen_targets(earlier, run)
        only = set(repeated.task_ids(earlier)) or {failure.task_id for failure in earlier.failures}
        return [word for each in earlier.failures if each.task_id in only for word in each.target.split()]

    async def open_lapses(self) -> Sequence[Lapse]:
        """List what was expected of schedules and has not happened yet, oldest first."""
        return await self._lapses.find_lapses(OPEN_LAPSES)

    async def progress(self, runs: Sequence[Run]) -> Mapping[str, TaskCounts]:
        """Count the tasks of runs, by run id, with one query to each engine.

        Runs on an engine that does not answer are left out. Raises its error if no engine answers.
        """
        counts: dict[str, TaskCounts] = {}
        errors: list[DingRunError] = []
        for group in by_engine(runs):
            try:
                tasks = await self._engine.tasks([id_ for run in group for id_ in run.task_ids])
            except (TemporaryError, PermanentError) as error:
                errors.append(error)
            else:
                counts |= {run.id: count_tasks(run.task_ids, tasks) for run in group}
        if errors and not counts:
            raise errors[0]
        return counts


def by_engine(runs: Iterable[Run]) -> Sequence[Sequence[Run]]:
    """Group runs by the engine that executes them, each group in the given order."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.schedule.engine, []).append(run)
    return list(groups.values())


def _with(run: Run, changes: Mapping[str, object]) -> Run:
    return replace(run, **changes)  # type: ignore[arg-type]
