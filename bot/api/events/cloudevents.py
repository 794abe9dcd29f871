"""CloudEvents: pipeline runs of CDEvents and of Tekton. Pure.

https://cdevents.dev/docs/core/, https://tekton.dev/docs/pipelines/events/
"""

import re
from collections.abc import Mapping

from bot.api.events.reading import (
    MAX_TEXT_CHARACTERS,
    Event,
    EventReport,
    at,
    event_key,
    id_from,
    items_at,
    line,
    links_to,
    required,
    slug_from,
    text_at,
    time_at,
)
from bot.external.merge import RunReport
from bot.external.models import ReportedStatus, ReportedTask

_CDEVENTS = re.compile(r"dev\.cdevents\.(pipelinerun|taskrun)\.(queued|started|finished)(\..{0,200})?")
_TEKTON = re.compile(r"dev\.tekton\.event\.(pipelinerun|taskrun)\.(\w{1,40})(\.v\d\w{0,40})?")

PHASES = {
    "queued": ReportedStatus.QUEUED,
    "started": ReportedStatus.RUNNING,
    "running": ReportedStatus.RUNNING,
    "successful": ReportedStatus.SUCCESS,
    "failed": ReportedStatus.FAILED,
}
OUTCOMES = {
    "success": ReportedStatus.SUCCESS,
    "failure": ReportedStatus.FAILED,
    "error": ReportedStatus.FAILED,
    "cancel": ReportedStatus.STOPPED,
}
PIPELINE_LABEL = "tekton.dev/pipeline"
RUN_LABEL = "tekton.dev/pipelineRun"


def parse_cloudevent(event: Event) -> EventReport | None:
    """Return the report of an event, or None if it is about something else. Raises `BadEventError`."""
    key = event_key(required(event, "source"), required(event, "id"))
    kind = required(event, "type")
    if found := _CDEVENTS.fullmatch(kind):
        return _parse_cdevent(event, found[1], found[2], key)
    if found := _TEKTON.fullmatch(kind):
        return _parse_tekton(event, found[1], found[2], key)
    return None


def _parse_cdevent(event: Event, subject_kind: str, phase: str, key: str) -> EventReport:
    content = at(event, "data", "subject", "content")
    subject = required(event, "data", "subject", "id")
    status = PHASES.get(phase) or OUTCOMES.get(text_at(content, "outcome").lower(), ReportedStatus.FAILED)
    time = time_at(event, "time") or time_at(event, "data", "context", "timestamp")
    error = text_at(content, "errors")[:MAX_TEXT_CHARACTERS]
    if subject_kind == "taskrun":
        task = ReportedTask(
            id=id_from(subject), name=line(text_at(content, "taskName")), status=status, reason=error
        )
        run = text_at(content, "pipelineRun", "id") or subject
        name = text_at(content, "pipelineRun", "pipelineName") or run
        return EventReport(
            slug=slug_from(name),
            client_id=id_from(run),
            report=RunReport(key=key, event="task", tasks=[task]),
        )
    return EventReport(
        slug=slug_from(required(content, "pipelineName")),
        client_id=id_from(subject),
        report=RunReport(
            status=status,
            key=key,
            started_at=time if phase == "started" else None,
            ended_at=time if phase == "finished" else None,
            error=error or None,
            links=links_to(text_at(content, "uri") or text_at(content, "url"), "Pipeline"),
        ),
    )


def _parse_tekton(event: Event, subject_kind: str, phase: str, key: str) -> EventReport | None:
    status = PHASES.get(phase)
    if status is None:  # `unknown` says nothing
        return None
    if subject_kind == "taskrun":
        return _parse_tekton_task(event, status, key)
    resource = at(event, "data", "pipelineRun")
    meta, state = at(resource, "metadata"), at(resource, "status")
    name = text_at(meta, "labels", PIPELINE_LABEL) or required(meta, "name")
    conditions = items_at(state, "conditions")
    return EventReport(
        slug=slug_from(name),
        client_id=id_from(text_at(meta, "uid") or required(meta, "name")),
        report=RunReport(
            status=status,
            key=key,
            title=line(text_at(meta, "name")) or None,
            started_at=time_at(state, "startTime"),
            ended_at=time_at(state, "completionTime") if status.ended else None,
            error=_message(conditions[0] if conditions else {}) if status is ReportedStatus.FAILED else None,
        ),
    )


def _parse_tekton_task(event: Event, status: ReportedStatus, key: str) -> EventReport | None:
    meta = at(event, "data", "taskRun", "metadata")
    labels = at(meta, "labels")
    run = _owner(meta)
    if not run:  # a task run of its own
        return None
    task = ReportedTask(
        id=id_from(required(meta, "name")),
        name=line(text_at(labels, "tekton.dev/pipelineTask") or text_at(meta, "name")),
        status=status,
    )
    slug = slug_from(text_at(labels, PIPELINE_LABEL) or text_at(labels, RUN_LABEL))
    return EventReport(
        slug=slug, client_id=id_from(run), report=RunReport(key=key, event="task", tasks=[task])
    )


def _owner(meta: object) -> str:
    """Return the uid of the pipeline run that a task run belongs to."""
    owners = [each for each in items_at(meta, "ownerReferences") if each.get("kind") == "PipelineRun"]
    return text_at(owners[0], "uid") if owners else ""


def _message(condition: Mapping[str, object]) -> str | None:
    return text_at(condition, "message")[:MAX_TEXT_CHARACTERS] or None
