"""Merge reports into a run, whatever their order, and read a run as tasks. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bot.external.models import ExternalRun, ReportedStatus, ReportedTask, RunEvent, RunLink
from bot.models import MAX_CLOCK_SKEW, Task, TaskStatus
from bot.reasons import reason, reported_reason

MAX_EVENTS = 100  # kept of a run
MAX_TASKS = 500  # of a run
LATE_UPLOADS = timedelta(minutes=10)  # after the end, log, assets and files are still taken
PRESUMED_KEY = "presumed end"  # of the report that ends a silent run
SUPERSEDED_KEY = "superseded"  # of the report that ends a run whose place a later one takes
RUN_TASK = "run"  # id of the task that stands for a whole run

_TASK_STATUS = {
    ReportedStatus.QUEUED: TaskStatus.WAITING,
    ReportedStatus.RUNNING: TaskStatus.RUNNING,
    ReportedStatus.WAITING: TaskStatus.RUNNING,
    ReportedStatus.SUCCESS: TaskStatus.DONE,
    ReportedStatus.FAILED: TaskStatus.ERROR,
    ReportedStatus.STOPPED: TaskStatus.STOP,
    ReportedStatus.TIMED_OUT: TaskStatus.ERROR,
    ReportedStatus.LOST: TaskStatus.MISSING,
}


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """Content of one report about a run. None = it does not say."""

    status: ReportedStatus | None = None
    event: str = ""  # name of the event; "" = that of the status
    key: str = ""  # the same key is the same report; "" = it is merged each time
    presumed: bool = False  # concluded by us, not reported
    title: str | None = None
    trigger: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    signal: str | None = None
    error: str | None = None
    tasks: Sequence[ReportedTask] | None = None
    counts: Mapping[str, int] | None = None
    links: Sequence[RunLink] | None = None
    labels: Mapping[str, str] | None = None

    @property
    def name(self) -> str:
        return self.event or (self.status.value if self.status else "update")

    @property
    def detail(self) -> str:
        """Return what the audit trail says besides the name."""
        exit_code = "" if self.exit_code is None else f"exit {self.exit_code}"
        return " ".join(filter(None, (exit_code, self.signal or "", self.error or "")))[:200]


class MergeOutcome(StrEnum):
    """Effect of a report on a run."""

    MERGED = "merged"  #: the run changed
    SAME = "same"  #: the report, or the end that it tells, is known already
    CONFLICT = "conflict"  #: the run has another end; the report is kept as an event


REPLACED_FIELDS = ("title", "trigger", "started_at", "ended_at", "exit_code", "signal", "error", "links")


def merge(run: ExternalRun, report: RunReport, now: datetime) -> tuple[ExternalRun, MergeOutcome]:
    """Merge a report into a run. The first end wins, unless it was only presumed."""
    if report.key and any(event.key == report.key for event in run.events):
        return run, MergeOutcome.SAME
    is_end = report.status is not None and report.status.ended
    if run.status.ended and not (run.presumed and is_end):
        return _merge_late(run, report, now)
    changes = _changes(run, report)
    merged = replace(run, **{**changes, **_times(run, report, now)})
    return _with_event(merged, report, now), MergeOutcome.MERGED


def _merge_late(run: ExternalRun, report: RunReport, now: datetime) -> tuple[ExternalRun, MergeOutcome]:
    """Merge a report about a run that has ended."""
    if report.status is None or not report.status.ended:
        return _with_event(_with_earlier_start(run, report), report, now), MergeOutcome.MERGED
    same = report.status is run.status and report.exit_code in {None, run.exit_code}
    if same:
        return run, MergeOutcome.SAME
    return _with_event(run, report, now, accepted=False), MergeOutcome.CONFLICT


def _with_earlier_start(run: ExternalRun, report: RunReport) -> ExternalRun:
    """Take the start time of a report that arrived after the end."""
    if report.started_at is None or run.ended_at is None or report.started_at > run.ended_at:
        return run
    return replace(run, started_at=report.started_at)


def _changes(run: ExternalRun, report: RunReport) -> dict[str, Any]:
    given = {name: getattr(report, name) for name in REPLACED_FIELDS if getattr(report, name) is not None}
    if report.links is not None:
        given["links"] = tuple(report.links)
    if report.tasks is not None:
        given["tasks"] = _merged_tasks(run.tasks, report.tasks)
    if report.counts is not None:
        given["counts"] = {**run.counts, **report.counts}
    if report.labels is not None:
        given["labels"] = {**run.labels, **report.labels}
    if report.status is not None:
        given |= {"status": report.status, "presumed": report.presumed}
    return given


def _times(run: ExternalRun, report: RunReport, now: datetime) -> dict[str, Any]:
    """Return start and end: as reported, else the time of the report. Never in the future, nor swapped."""
    status = report.status or run.status
    started = report.started_at or run.started_at
    if started is None and status is not ReportedStatus.QUEUED and not status.ended:
        started = now
    ended = (report.ended_at or now) if status.ended else None
    latest = now + MAX_CLOCK_SKEW
    started = now if started and started > latest else started
    ended = now if ended and ended > latest else ended
    if ended:
        started = min(started or ended, ended)
    return {"started_at": started, "ended_at": ended}


def _merged_tasks(
    known: Sequence[ReportedTask], reported: Sequence[ReportedTask]
) -> tuple[ReportedTask, ...]:
    """Replace tasks with the same id, and add the others behind them."""
    tasks = {task.id: task for task in known} | {task.id: task for task in reported}
    return tuple(tasks.values())[:MAX_TASKS]


def _with_event(run: ExternalRun, report: RunReport, now: datetime, *, accepted: bool = True) -> ExternalRun:
    event = RunEvent(at=now, kind=report.name, key=report.key, detail=report.detail, accepted=accepted)
    return replace(run, events=(*run.events, event)[-MAX_EVENTS:])


def presumed_end(run: ExternalRun) -> RunReport:
    """Return the report that ends a run which was silent for too long.

    It counts as timed out, or as lost if its system never began it.
    """
    waiting = run.status is ReportedStatus.QUEUED
    status = ReportedStatus.LOST if waiting else ReportedStatus.TIMED_OUT
    return RunReport(status=status, presumed=True, key=PRESUMED_KEY)


def superseded_end() -> RunReport:
    """Return the report that ends a run whose place a later one takes. Nobody knows what became of it."""
    return RunReport(status=ReportedStatus.LOST, presumed=True, key=SUPERSEDED_KEY)


def earlier_open(run: ExternalRun, open_runs: Sequence[ExternalRun]) -> Sequence[ExternalRun]:
    """Return the runs that began before this one. Those that are only queued have not begun."""
    return [
        each for each in open_runs if each.status is not ReportedStatus.QUEUED and _begin(each) < _begin(run)
    ]


def _begin(run: ExternalRun) -> tuple[datetime, datetime, str]:
    return run.started_at or run.created_at, run.created_at, run.id


def has_real_end(run: ExternalRun) -> bool:
    """Tell if a run was reported to have ended after its end was presumed."""
    presumed = any(event.key in {PRESUMED_KEY, SUPERSEDED_KEY} for event in run.events)
    return presumed and run.status.ended and not run.presumed


def last_sign(run: ExternalRun) -> datetime:
    """Return when a run was last heard of."""
    return max([run.started_at or run.created_at, *(event.at for event in run.events)])


def takes_uploads(run: ExternalRun, now: datetime) -> bool:
    """Tell if log, assets and files are still taken."""
    return run.ended_at is None or now - run.ended_at <= LATE_UPLOADS


def tasks_of(run: ExternalRun) -> Mapping[str, Task]:
    """Read a run as tasks, by id.

    - A run without tasks is one task.
    - Tasks that were open when the run ended have ended with it.
    - A run that ended badly although no task did has one more task that says so.
    - The counts of the run, and of the assets that were uploaded, are those of its first task.
    """
    tasks = [_task(run, each) for each in run.tasks]
    whole = _whole(run)
    bad = whole.status.ended and whole.status is not TaskStatus.DONE
    if not tasks or (bad and all(task.status is TaskStatus.DONE for task in tasks)):
        tasks.append(whole)
    uploaded = {upload.kind: upload.rows for upload in run.assets}
    tasks[0] = replace(tasks[0], found={**run.counts, **uploaded})
    return {task.id: task for task in tasks}


def _task(run: ExternalRun, task: ReportedTask) -> Task:
    status, ended_at = task.status, task.ended_at
    if run.status.ended and not status.ended:
        status, ended_at = run.status, run.ended_at
    return Task(
        id=f"{run.id}-{task.id}",
        run_id=run.id,
        target=task.name or task.id,
        status=_TASK_STATUS[status],
        reason=reported_reason(task.reason) or ("" if status is not run.status else failure_reason(run)),
        start_time=task.started_at or run.started_at,
        end_time=(ended_at or run.ended_at) if status.ended else None,
    )


def _whole(run: ExternalRun) -> Task:
    return Task(
        id=f"{run.id}-{RUN_TASK}",
        run_id=run.id,
        target=run.slug,
        status=_TASK_STATUS[run.status],
        reason=failure_reason(run),
        start_time=run.started_at,
        end_time=run.ended_at,
    )


def failure_reason(run: ExternalRun) -> str:
    """Say why a run failed. "" if it did not, or was stopped."""
    if not run.status.ended or run.status in {ReportedStatus.SUCCESS, ReportedStatus.STOPPED}:
        return ""
    if run.signal:
        return reason("killed", signal=run.signal, why=run.error)
    if run.exit_code:
        return reason("exit_status", status=run.exit_code, why=run.error)
    if run.error:
        return reported_reason(run.error)
    if run.presumed and any(event.key == SUPERSEDED_KEY for event in run.events):
        return reason("superseded")
    codes = {ReportedStatus.TIMED_OUT: "end_overdue", ReportedStatus.LOST: "contact_lost"}
    return reason(codes[run.status]) if run.status in codes else ""


def asset_owner(tasks: Mapping[str, Task]) -> str:
    """Return the task that the assets of a run belong to: the first that failed, else the first.

    Assets of a run in which anything failed may be incomplete, so none of them counts as gone.
    """
    failed = (id_ for id_, task in tasks.items() if task.status.ended and task.status is not TaskStatus.DONE)
    return next(failed, next(iter(tasks)))
