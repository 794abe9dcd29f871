"""OpenLineage run events of Airflow, Dagster, Spark and dbt. Pure.

https://openlineage.io/docs/spec/run-cycle. A run with a parent is a task of the parent's run.
"""

from bot.api.events.reading import (
    MAX_TEXT_CHARACTERS,
    Event,
    EventReport,
    at,
    event_key,
    id_from,
    line,
    required,
    slug_from,
    text_at,
    time_at,
)
from bot.external.merge import RunReport
from bot.external.models import ReportedStatus, ReportedTask

STATES = {
    "START": ReportedStatus.RUNNING,
    "RUNNING": ReportedStatus.RUNNING,
    "COMPLETE": ReportedStatus.SUCCESS,
    "FAIL": ReportedStatus.FAILED,
    "ABORT": ReportedStatus.STOPPED,
}


def parse_lineage_event(event: Event) -> EventReport | None:
    """Return the report of an event, or None if it says nothing about the state of a run.

    Raises `BadEventError`.
    """
    state = text_at(event, "eventType").upper()
    status = STATES.get(state)
    if status is None:
        return None
    run_id, job = required(event, "run", "runId"), required(event, "job", "name")
    time = time_at(event, "eventTime")
    key = event_key(run_id, state, text_at(event, "eventTime"))
    error = text_at(event, "run", "facets", "errorMessage", "message")[:MAX_TEXT_CHARACTERS]
    parent = at(event, "run", "facets", "parent")
    started, ended = time if state == "START" else None, time if status.ended else None
    if text_at(parent, "run", "runId") and text_at(parent, "job", "name"):
        name = text_at(parent, "job", "name")
        task = ReportedTask(
            id=id_from(run_id),
            name=line(job.removeprefix(f"{name}.")),
            status=status,
            reason=error,
            started_at=started,
            ended_at=ended,
        )
        report = RunReport(key=key, event="task", tasks=[task])
        return EventReport(
            slug=slug_from(name), client_id=id_from(required(parent, "run", "runId")), report=report
        )
    report = RunReport(
        status=status, key=key, started_at=started, ended_at=ended, error=error or None, trigger="openlineage"
    )
    return EventReport(slug=slug_from(job), client_id=id_from(run_id), report=report)
