"""Webhooks of GitHub, GitLab, Jenkins, Alertmanager and DolphinScheduler. Pure."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

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

Q, R, W = ReportedStatus.QUEUED, ReportedStatus.RUNNING, ReportedStatus.WAITING
S, F, X = ReportedStatus.SUCCESS, ReportedStatus.FAILED, ReportedStatus.STOPPED

GITHUB_STATES = {"queued": Q, "requested": Q, "waiting": W, "pending": Q, "in_progress": R}
GITHUB_ENDS = {
    "success": S,
    "neutral": S,
    "skipped": S,
    "cancelled": X,
    "timed_out": ReportedStatus.TIMED_OUT,
}
GITLAB_STATES = {
    "created": Q, "waiting_for_resource": W, "preparing": Q, "pending": Q, "running": R, "manual": W,
    "scheduled": W, "success": S, "failed": F, "canceled": X, "canceling": R, "skipped": S,
}  # fmt: skip
JENKINS_ENDS = {"SUCCESS": S, "UNSTABLE": F, "FAILURE": F, "ABORTED": X, "NOT_BUILT": X}
DOLPHIN_ENDS = {"SUCCESS": S, "STOP": X, "PAUSE": X}
_INSTANCE = re.compile(r"(?P<name>.{1,300}?)-\d{1,9}-\d{14,20}")  # a workflow instance: name, version, time


def parse_github(payload: Any, headers: Mapping[str, str]) -> Sequence[EventReport]:
    """Map the event `workflow_run`.

    https://docs.github.com/en/webhooks/webhook-events-and-payloads
    """
    if headers.get("X-GitHub-Event") != "workflow_run":
        return ()
    run = at(payload, "workflow_run")
    state = text_at(run, "status")
    ended = state == "completed"
    status = GITHUB_ENDS.get(text_at(run, "conclusion"), F) if ended else GITHUB_STATES.get(state, R)
    repository = text_at(payload, "repository", "name")
    report = RunReport(
        status=status,
        title=line(text_at(run, "display_title")) or None,
        trigger=line(text_at(run, "event")) or None,
        started_at=time_at(run, "run_started_at"),
        ended_at=time_at(run, "updated_at") if ended else None,
        error=line(text_at(run, "conclusion")) if status is F else None,
        links=links_to(text_at(run, "html_url"), "GitHub"),
        labels={"branch": line(text_at(run, "head_branch"))},
    )
    slug = slug_from(repository, required(run, "name"))
    return [
        EventReport(
            slug=slug, client_id=id_from(required(run, "id"), text_at(run, "run_attempt")), report=report
        )
    ]


def parse_gitlab(payload: Any, headers: Mapping[str, str]) -> Sequence[EventReport]:
    """Map pipeline events.

    https://docs.gitlab.com/user/project/integrations/webhook_events/
    """
    if text_at(payload, "object_kind") != "pipeline":
        return ()
    pipeline = at(payload, "object_attributes")
    status = GITLAB_STATES.get(text_at(pipeline, "status"), R)
    report = RunReport(
        status=status,
        title=line(text_at(payload, "commit", "title")) or None,
        trigger=line(text_at(pipeline, "source")) or None,
        started_at=time_at(pipeline, "created_at"),
        ended_at=time_at(pipeline, "finished_at") if status.ended else None,
        tasks=[_gitlab_job(job) for job in items_at(payload, "builds")] or None,
        links=links_to(text_at(pipeline, "url"), "GitLab"),
        labels={"branch": line(text_at(pipeline, "ref"))},
    )
    slug = slug_from(required(payload, "project", "name"))
    return [EventReport(slug=slug, client_id=id_from(required(pipeline, "id")), report=report)]


def _gitlab_job(job: Event) -> ReportedTask:
    return ReportedTask(
        id=id_from(required(job, "id")),
        name=line(text_at(job, "name")),
        status=GITLAB_STATES.get(text_at(job, "status"), R),
        reason=text_at(job, "failure_reason")[:MAX_TEXT_CHARACTERS],
        started_at=time_at(job, "started_at"),
        ended_at=time_at(job, "finished_at"),
    )


def parse_jenkins(payload: Any, headers: Mapping[str, str]) -> Sequence[EventReport]:
    """Map the notification plugin.

    https://plugins.jenkins.io/notification/
    """
    build = at(payload, "build")
    phase, result = text_at(build, "phase").upper(), text_at(build, "status").upper()
    ended = phase in {"COMPLETED", "FINALIZED"}
    status = JENKINS_ENDS.get(result, F) if ended else (Q if phase == "QUEUED" else R)
    name = required(payload, "name")
    report = RunReport(
        status=status,
        error=line(text_at(build, "log").strip().rpartition("\n")[2]) or None if status is F else None,
        links=links_to(text_at(build, "full_url"), "Jenkins"),
    )
    return [EventReport(slug=slug_from(name), client_id=id_from(required(build, "number")), report=report)]


def parse_alertmanager(payload: Any, headers: Mapping[str, str]) -> Sequence[EventReport]:
    """Map alerts: a firing one is a run that failed, its end a run that ended well.

    https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
    """
    return [_alert(each) for each in items_at(payload, "alerts")]


def _alert(alert: Event) -> EventReport:
    firing = text_at(alert, "status") != "resolved"
    started = required(alert, "startsAt")
    id_ = id_from(text_at(alert, "fingerprint") or required(alert, "labels", "alertname"), event_key(started))
    summary = text_at(alert, "annotations", "summary") or text_at(alert, "annotations", "description")
    end = time_at(alert, "endsAt")
    report = RunReport(
        status=F if firing else S,
        trigger="alert",
        title=line(summary) or None,
        started_at=time_at(alert, "startsAt") if firing else end,
        ended_at=None if firing else end,
        error=summary[:MAX_TEXT_CHARACTERS] or None if firing else None,
        links=links_to(text_at(alert, "generatorURL"), "Prometheus"),
        labels=_labels(at(alert, "labels")),
    )
    slug = slug_from(required(alert, "labels", "alertname"))
    return EventReport(slug=slug, client_id=id_ if firing else f"{id_}:end"[-64:], report=report)


def _labels(labels: object) -> Mapping[str, str]:
    found = labels.items() if isinstance(labels, Mapping) else ()
    return {line(str(name))[:40]: line(str(value)) for name, value in list(found)[:20]}


def parse_dolphinscheduler(payload: Any, headers: Mapping[str, str]) -> Sequence[EventReport]:
    """Map the HTTP alert plugin, whose content is a list of workflow instances, often as text.

    https://dolphinscheduler.apache.org/en-us/docs/latest/user_doc/guide/alert/http
    """
    return [_workflow(each) for each in _workflows(payload)]


def _workflows(payload: Any) -> Sequence[Event]:
    if isinstance(payload, str):
        try:
            return _workflows(json.loads(payload))
        except (ValueError, RecursionError):
            return ()
    if isinstance(payload, list):
        return [each for each in payload if isinstance(each, Mapping) and _state(each)]
    if not isinstance(payload, Mapping):
        return ()
    if _state(payload):
        return [payload]
    inner = [value for value in payload.values() if isinstance(value, list) or _looks_like_list(value)]
    return _workflows(inner[0]) if inner else ()


def _looks_like_list(value: object) -> bool:
    return isinstance(value, str) and value.lstrip().startswith("[")


def _state(instance: Event) -> str:
    return (text_at(instance, "processState") or text_at(instance, "workflowExecutionStatus")).upper()


def _workflow(instance: Event) -> EventReport:
    state = _state(instance)
    status = DOLPHIN_ENDS.get(state, F)
    name = text_at(instance, "processName") or required(instance, "workflowInstanceName")
    found = _INSTANCE.fullmatch(name)
    id_ = text_at(instance, "processId") or required(instance, "workflowInstanceId")
    report = RunReport(
        status=status,
        title=line(name) or None,
        started_at=_time(instance, "processStartTime", "workflowStartTime"),
        ended_at=_time(instance, "processEndTime", "workflowEndTime"),
        error=line(state) if status is F else None,
        labels={"project": line(text_at(instance, "projectName"))},
    )
    slug = slug_from(text_at(instance, "projectName"), found["name"] if found else name)
    return EventReport(slug=slug, client_id=id_from(id_, text_at(instance, "runTimes")), report=report)


def _time(instance: Event, *names: str) -> Any:
    return next((time for name in names if (time := time_at(instance, name))), None)


SENDERS: Mapping[str, Callable[[Any, Mapping[str, str]], Sequence[EventReport]]] = {
    "github": parse_github,
    "gitlab": parse_gitlab,
    "jenkins": parse_jenkins,
    "alertmanager": parse_alertmanager,
    "dolphinscheduler": parse_dolphinscheduler,
}
