"""Take reports about runs that other systems execute, and let everything follow from them."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.delivery.plan import jobs_for_finished_run
from bot.delivery.recipients import told_if_failed
from bot.errors import TemporaryError
from bot.external.merge import (
    MergeOutcome,
    RunReport,
    earlier_open,
    has_real_end,
    last_sign,
    merge,
    presumed_end,
    superseded_end,
    tasks_of,
)
from bot.external.models import ExternalRun, ReportedStatus, schedule_id
from bot.external.repository import MAX_ATTEMPTS, ExternalRecords, Leftover, uploads_key
from bot.jobs.queue import Jobs
from bot.models import (
    ExportStatus,
    Overlap,
    Run,
    RunStatus,
    Schedule,
    Task,
    Trigger,
    deterministic_id,
    new_job,
)
from bot.ports import Store
from bot.runs.lifecycle import Runs
from bot.telemetry.loops import loop_item, loop_step

log = logging.getLogger(__name__)

LOG_BYTES = 100_000  # kept of the log of a run
LOG_LIFETIME = timedelta(days=30)
LATE_EXPORT_DELAY = timedelta(seconds=5)  # more uploads may follow
REPLACED_AFTER = timedelta(hours=1)  # for which an export may still read a replaced upload
SETTLE_GRACE = timedelta(seconds=5)  # after which a report is settled by whoever notices


@dataclass(frozen=True, kw_only=True)
class ReportResult:
    """Outcome of a report."""

    run: ExternalRun
    outcome: MergeOutcome
    created: bool = False


class RunReports:
    """Merges reports into runs, in whatever order and by however many bots they arrive.

    A report is stored first. Then the run is recorded, its tasks are updated and, at its end, the jobs are
    added that notify people. A crash in between is repaired by the next report, or by `repair`.
    """

    def __init__(self, store: Store, records: ExternalRecords, runs: Runs, jobs: Jobs) -> None:
        self._store = store
        self._external = records.runs
        self._schedules = records.schedules
        self._runs = runs
        self._jobs = jobs
        self._clock = jobs.clock

    async def report(self, slug: str, client_id: str, report: RunReport) -> ReportResult:
        """Merge a report into the run that its system calls `client_id`, which may be new."""
        for _ in range(MAX_ATTEMPTS):
            known = await self._find(slug, client_id)
            if result := await self._merge(known or self._new(slug, client_id), report):
                if result.run.unsettled_since:
                    await self.settle(result.run)
                return result
        raise TemporaryError(f"too many reports about run {client_id} of {slug} at once")

    async def _find(self, slug: str, client_id: str) -> ExternalRun | None:
        """Find a run by the id of its system, which is ours if we asked for the run."""
        run = await self._external.find(deterministic_id("r", idempotency_key(slug, client_id)))
        if run is None and client_id.startswith("r"):
            run = await self._external.find(client_id)
        return run if run and (run.slug, run.client_id) == (slug, client_id) else None

    def _new(self, slug: str, client_id: str) -> ExternalRun:
        id_ = deterministic_id("r", idempotency_key(slug, client_id))
        return ExternalRun(id=id_, slug=slug, client_id=client_id, created_at=self._clock())

    async def _merge(self, run: ExternalRun, report: RunReport) -> ReportResult | None:
        """Merge and store. None if somebody else changed the run meanwhile."""
        now, is_new = self._clock(), not run.version
        merged, outcome = merge(run, report, now)
        if merged == run:
            return ReportResult(run=run, outcome=outcome)
        if merged.status is not run.status or is_new or outcome is MergeOutcome.MERGED:
            merged = replace(merged, unsettled_since=now)
        saved = await (self._external.add(merged) if is_new else self._external.save(merged))
        if not saved:
            return None
        return ReportResult(run=replace(merged, version=run.version + 1), outcome=outcome, created=is_new)

    async def find_open(self, slug: str) -> ExternalRun | None:
        """Find the newest open run of a slug."""
        runs = await self._external.find_open(slug)
        return max(runs, key=lambda run: run.started_at or run.created_at, default=None)

    async def find_last(self, slug: str) -> ExternalRun | None:
        """Find the newest run of a slug."""
        runs = await self._store.find_runs(schedule_id=schedule_id(slug), limit=1)
        return await self._external.find(runs[0].id) if runs else None

    async def append_log(self, run: ExternalRun, text: str) -> None:
        """Append to the log of a run, of which the end is kept."""
        expires = self._clock() + LOG_LIFETIME
        await self._external.append_log(run.id, text, max_bytes=LOG_BYTES, expires=expires)

    async def end_if_silent(self, run: Run, allowed: timedelta) -> bool:
        """End a run that was silent for longer than allowed. False if no other system reports it.

        Its summary then says that it timed out. A reported end corrects it.
        """
        external = await self._external.find(run.id)
        if external is None:
            return False
        if self._clock() - last_sign(external) >= allowed:
            await self.report(external.slug, external.client_id, presumed_end(external))
        return True

    async def mark_leftover(self, leftover: Leftover, after: timedelta = REPLACED_AFTER) -> None:
        """Have an upload deleted after a time, unless its run refers to it then."""
        await self._external.mark_leftover(leftover, self._clock() + after)

    async def change(self, run_id: str, change: Callable[[ExternalRun], ExternalRun]) -> None:
        """Change a run, for what is uploaded, and let everything follow."""
        now = self._clock()
        run = await self._external.change(
            run_id, lambda each: replace(change(each), unsettled_since=now) if change(each) != each else each
        )
        if run and run.unsettled_since:
            await self.settle(run)

    async def settle(self, external: ExternalRun) -> None:
        """Record the run, update its tasks and, at its end, finish it. Repeatable."""
        known = None if external.is_new else await self._store.find_run(external.id)
        run = known or await self._record(external)
        if run.status is RunStatus.RUNNING:
            run = await self._update(run, external)
        if not known:
            await self._runs.enqueue_start_notices(run)
        if external.status.ended:
            await self._finish(run, external)
        await self._external.settle(external)

    async def _finish(self, run: Run, external: ExternalRun) -> None:
        """End the run, or correct its start and its presumed end."""
        if run.status is RunStatus.RUNNING:
            uploads = _uploads(external)
            if uploads:  # they will be part of the report
                await self._store.set_value(uploads_key(run.id), uploads)
            await self._runs.finish(run, _tasks(external, run.schedule), ended_at=external.ended_at)
        elif has_real_end(external):
            await self._correct(run, external)
            return
        if external.started_at and external.started_at < run.start_time:
            await self._store.update_run(run.id, {"start_time": external.started_at})
        if external.assets or external.files:
            await self._report_late(run, external)

    async def _report_late(self, run: Run, external: ExternalRun) -> None:
        """Export what was uploaded after the end, soon, so that the next uploads are part of it.

        The card shows the new counts, and the file follows where none has been sent.
        """
        known, current = await self._store.find_value(uploads_key(run.id)), _uploads(external)
        if known == current or run.status is not RunStatus.FINISHED:
            return
        now = self._clock()
        reported = replace(run, schedule=replace(run.schedule, export=True))
        changes = {"schedule": reported.schedule, "export_status": ExportStatus.PENDING}
        await self._store.update_run(run.id, changes)
        key = deterministic_id(f"{run.id}~", current)
        late = new_job("export", key, now, run_id=run.id, payload={"late": True})
        await self._jobs.add(replace(late, due_at=now + LATE_EXPORT_DELAY))
        for job in jobs_for_finished_run(reported, now + LATE_EXPORT_DELAY):
            if job.kind == "file":
                await self._jobs.add(job)
        await self._store.set_value(uploads_key(run.id), current)

    async def _correct(self, run: Run, external: ExternalRun) -> None:
        """Replace the presumed outcome of a run by the reported one."""
        tasks = _tasks(external, run.schedule)
        await self._runs.correct(replace(run, task_ids=tuple(tasks), end_time=external.ended_at), tasks)

    async def _record(self, external: ExternalRun) -> Run:
        """Store the run of the first report."""
        schedule = await self._schedules.find_schedule(external.slug)
        run = Run(
            id=external.id,
            idempotency_key=idempotency_key(external.slug, external.client_id),
            schedule=schedule,
            trigger=Trigger.API,
            start_time=external.started_at or external.created_at,
            task_ids=tuple(_tasks(external, schedule)),
            export_status=ExportStatus.PENDING if schedule.export else ExportStatus.SKIPPED,
        )
        await self._runs.record_start(schedule.id, run.start_time)
        if await self._store.add_run(run):
            log.info("run %s of %s is reported", run.id, schedule.name)
        return await self._store.find_run(run.id) or run

    async def _apply_overlap(self, external: ExternalRun, schedule: Schedule) -> Schedule:
        """Apply the overlap policy, repeatably, to a run that has begun elsewhere. Returns its schedule.

        - `skip`: it cannot be prevented, so people are told only if it fails.
        - `supersede`: earlier runs that are open end as lost, until their systems report another end.
        """
        overlap, has_begun = schedule.expect.overlap, external.status is not ReportedStatus.QUEUED
        if overlap is Overlap.ALLOW or not has_begun or external.presumed:
            return schedule
        earlier = earlier_open(external, await self._external.find_open(external.slug))
        if overlap is Overlap.SKIP:
            return told_if_failed(schedule) if earlier else schedule
        for each in earlier:
            log.warning("run %s of %s is superseded by %s", each.id, schedule.name, external.id)
            await self.report(each.slug, each.client_id, superseded_end())
        return schedule

    async def _update(self, run: Run, external: ExternalRun) -> Run:
        """Store the tasks, the start and the need of a report that the last reports tell."""
        schedule = await self._apply_overlap(external, run.schedule)
        if external.assets or external.files:
            schedule = replace(schedule, export=True)
        changes: dict[str, object] = {
            "task_ids": tuple(_tasks(external, run.schedule)),
            "start_time": external.started_at or run.start_time,
            "schedule": schedule,
            "export_status": ExportStatus.PENDING if schedule.export else ExportStatus.SKIPPED,
        }
        changed = {name: value for name, value in changes.items() if getattr(run, name) != value}
        if not changed:
            return run
        return await self._store.update_run(run.id, changed, when=RunStatus.RUNNING) or run

    async def repair(self) -> int:
        """Let everything follow from reports whose bot died. Returns their number."""
        unsettled = await self._external.find_unsettled(self._clock() - SETTLE_GRACE)
        for run in unsettled:
            with loop_item("api"):
                await self.settle(run)
        return len(unsettled)

    async def run(self, interval_seconds: float) -> None:
        """Repair at an interval until cancelled."""
        while True:
            with loop_step("api"):
                await self.repair()
            await asyncio.sleep(interval_seconds)

    async def find(self, id_: str) -> Sequence[ExternalRun]:
        """Find runs by our id, by that of their system, or by `slug:id` of both."""
        run = await self._external.find(id_)
        if run:
            return [run]
        slug, _, client_id = id_.partition(":")
        found = await self._external.find_by_client_id(id_)
        return found or (await self._external.find_by_client_id(client_id, slug) if client_id else ())


def _tasks(external: ExternalRun, schedule: Schedule) -> Mapping[str, Task]:
    """Return the tasks of a run under the ids by which the engine router knows them."""
    prefix = f"{schedule.engine}/" if schedule.engine else ""
    return {f"{prefix}{id_}": replace(task, id=f"{prefix}{id_}") for id_, task in tasks_of(external).items()}


def _uploads(external: ExternalRun) -> str:
    """Return what identifies the uploads of a run together."""
    uploads = [*(upload.place for upload in external.assets), *(file.sha256 for file in external.files)]
    return " ".join(sorted(uploads))


def idempotency_key(slug: str, client_id: str) -> str:
    """Return the idempotency key of a reported run."""
    return f"api:{slug}:{client_id}"


def new_client_id() -> str:
    """Return an id for a run to which its system gave none."""
    return secrets.token_hex(16)
