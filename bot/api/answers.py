"""Describe runs and schedules as the API answers them. Pure."""

from collections.abc import Sequence
from typing import Literal

from bot.api.models import (
    DestinationState,
    ExpectBody,
    FileAnswer,
    LinkBody,
    RerunAnswer,
    RunAnswer,
    ScheduleAnswer,
    TaskBody,
)
from bot.delivery.payload import DeliveryResult
from bot.external.models import ExternalRun, ExternalSchedule, ReportedStatus, slug_of
from bot.models import EXTERNAL, Expectation, Job, JobState, Run, RunStatus, Schedule
from cards.catalogue import explain

DELIVERY_KINDS: dict[str, Literal["card", "message", "file"]] = {
    "card": "card",
    "note": "message",
    "file": "file",
}
STATES: dict[JobState, Literal["waiting", "delivered", "given_up", "unconfirmed"]] = {
    JobState.TODO: "waiting",
    JobState.DOING: "waiting",
    JobState.DONE: "delivered",
    JobState.DEAD: "given_up",
    JobState.UNCONFIRMED: "unconfirmed",
}
LANG = "en"  # of texts in answers


def describe_run(run: Run, external: ExternalRun | None, jobs: Sequence[Job] = ()) -> RunAnswer:
    """Describe a run of any engine."""
    reported = _reported(external) if external else {}
    return RunAnswer.model_validate({
        "id": run.id,
        "run": run.id,
        "schedule": schedule_key(run.schedule),
        "schedule_name": run.schedule_name,
        "engine": run.schedule.engine,
        "status": _status(run),
        "trigger": run.trigger.value,
        "started_at": run.start_time,
        "ended_at": run.end_time,
        "error": explain(run.error_msg, LANG),
        "counts": dict(run.task_counts.found) if run.task_counts else {},
        "push_status": run.push_status,
        "destinations": [_delivery(job) for job in jobs if job.kind in DELIVERY_KINDS],
        **reported,
    })


def _reported(external: ExternalRun) -> dict[str, object]:
    reported: dict[str, object] = {
        "id": external.client_id,
        "status": external.status,
        "title": external.title,
        "started_at": external.started_at,
        "ended_at": external.ended_at,
        "exit_code": external.exit_code,
        "signal": external.signal,
        "error": external.error,
        "tasks": [TaskBody.model_construct(**vars(task)) for task in external.tasks],
        "counts": dict(external.counts),
        "links": [LinkBody.model_construct(**vars(link)) for link in external.links],
        "labels": dict(external.labels),
        "assets": list(external.asset_kinds),
        "files": [FileAnswer(name=f.name, size=f.size, sha256=f.sha256) for f in external.files],
    }
    return reported | ({"trigger": external.trigger} if external.trigger else {})


def _status(run: Run) -> ReportedStatus:
    """Return how a run of another engine stands, in the words of the API."""
    if run.status is RunStatus.RUNNING:
        return ReportedStatus.RUNNING if run.task_ids else ReportedStatus.QUEUED
    outcomes = {True: ReportedStatus.SUCCESS, False: ReportedStatus.FAILED, None: ReportedStatus.STOPPED}
    return outcomes[run.well]


def _delivery(job: Job) -> DestinationState:
    result = DeliveryResult.of(job)
    return DestinationState(
        destination=str(job.payload.get("destination", "")),
        kind=DELIVERY_KINDS[job.kind],
        state=STATES[job.state],
        detail=explain(next(filter(None, (job.error, result.skipped, result.fallback_reason)), ""), LANG),
    )


def describe_schedule(schedule: Schedule, external: ExternalSchedule | None = None) -> ScheduleAnswer:
    """Describe a schedule of any engine."""
    expect = schedule.expect if schedule.expect != Expectation() else None
    rerun = external.rerun if external else None
    return ScheduleAnswer(
        slug=schedule_key(schedule),
        name=schedule.name,
        engine=schedule.engine,
        owner=external.owner if external else "",
        expect=ExpectBody.of(expect) if expect else None,
        rerun=RerunAnswer(url=rerun.url, runner=rerun.runner, gone=rerun.gone) if rerun else None,
        configured=external is None or not external.version,
    )


def schedule_key(schedule: Schedule) -> str:
    """Return the slug of a schedule, or its id on another engine."""
    return slug_of(schedule.id) if schedule.engine == EXTERNAL else schedule.id
