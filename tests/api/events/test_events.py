"""Events of other systems become runs."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import ClientResponse

from bot.api.events.reading import MAX_TEXT_CHARACTERS
from bot.external.models import ExternalRun, ReportedStatus
from bot.wiring.stores import sqlite_stores
from tests.api.harness import HOOK_SECRET, HOOKS, PING, SIGNED, ApiHarness, Client, bearer
from tests.conftest import CoreHarness

TIME = "2026-11-24T02:00:00Z"
PIPELINE = {"id": "run-1", "type": "pipelineRun"}


@pytest.fixture
def api(core: CoreHarness) -> ApiHarness:
    return ApiHarness(core, sqlite_stores(core.store), create=True)


@pytest.fixture
async def client(api: ApiHarness) -> AsyncIterator[Client]:
    async with api.client() as client:
        yield client


async def reported(api: ApiHarness) -> ExternalRun:
    external = await api.records.runs.find((await api.run()).id)
    assert external is not None
    return external


def cdevent(phase: str, **content: Any) -> dict[str, Any]:
    subject = PIPELINE | {"content": {"pipelineName": "Nightly build"} | content}
    return {
        "specversion": "1.0",
        "source": "/ci",
        "id": f"e-{phase}",
        "time": TIME,
        "type": f"dev.cdevents.pipelinerun.{phase}.0.2.0",
        "data": {"subject": subject},
    }


async def send(client: Client, path: str, payload: object, **headers: str) -> ClientResponse:
    return await client.post(path, data=json.dumps(payload), headers={**bearer(), **headers})


async def test_a_pipeline_run_of_cdevents_is_a_run(api: ApiHarness, client: Client) -> None:
    await send(client, "/v1/events", cdevent("started"))
    await send(client, "/v1/events", cdevent("finished", outcome="failure", errors="tests failed"))
    external = await reported(api)
    assert (external.slug, external.status, external.error) == ("nightly-build", "failed", "tests failed")
    assert external.started_at == datetime(2026, 11, 24, 2, tzinfo=UTC)


async def test_the_same_event_again_changes_nothing(api: ApiHarness, client: Client) -> None:
    for _ in range(2):
        assert (await send(client, "/v1/events", cdevent("started"))).status == 202
    assert len((await reported(api)).events) == 1


async def test_a_batch_and_the_binary_mode_are_taken(api: ApiHarness, client: Client) -> None:
    event = cdevent("finished", outcome="success")
    answer = await send(client, "/v1/events", [cdevent("started"), {**event, "type": "com.example.other"}])
    assert (await answer.json()) == {"accepted": 1}
    attributes = {f"ce-{name}": str(value) for name, value in event.items() if name != "data"}
    await send(client, "/v1/events", event["data"], **attributes)
    assert (await reported(api)).status is ReportedStatus.SUCCESS


async def test_a_pipeline_run_of_tekton_is_a_run_with_tasks(api: ApiHarness, client: Client) -> None:
    meta = {"name": "build-x7", "uid": "u1", "labels": {"tekton.dev/pipeline": "build"}}
    state = {"startTime": TIME, "completionTime": TIME, "conditions": [{"message": "Tasks failed: 1"}]}
    run = {"source": "t", "id": "1", "type": "dev.tekton.event.pipelinerun.failed.v1"}
    owner = {"kind": "PipelineRun", "uid": "u1"}
    labels = {"tekton.dev/pipeline": "build", "tekton.dev/pipelineTask": "compile"}
    task_meta = {"name": "build-x7-compile", "ownerReferences": [owner], "labels": labels}
    task = {"source": "t", "id": "2", "type": "dev.tekton.event.taskrun.failed.v1"}
    await send(client, "/v1/events", task | {"data": {"taskRun": {"metadata": task_meta}}})
    await send(client, "/v1/events", run | {"data": {"pipelineRun": {"metadata": meta, "status": state}}})
    external = await reported(api)
    assert (external.slug, external.status, external.error) == ("build", "failed", "Tasks failed: 1")
    assert [(each.name, each.status) for each in external.tasks] == [("compile", "failed")]


def lineage(state: str, run: str, job: str, **facets: Any) -> dict[str, Any]:
    return {
        "eventType": state,
        "eventTime": TIME,
        "run": {"runId": run, "facets": facets},
        "job": {"namespace": "airflow", "name": job},
        "producer": "https://github.com/apache/airflow",
    }


async def test_runs_of_openlineage_have_their_children_as_tasks(api: ApiHarness, client: Client) -> None:
    parent = {"run": {"runId": "dag-1"}, "job": {"namespace": "airflow", "name": "etl"}}
    error = {"message": "no such table"}
    for event in (
        lineage("START", "dag-1", "etl"),
        lineage("START", "task-1", "etl.load", parent=parent),
        lineage("FAIL", "task-1", "etl.load", parent=parent, errorMessage=error),
        lineage("FAIL", "dag-1", "etl"),
    ):
        assert (await send(client, "/api/v1/lineage", event)).status == 202
    external = await reported(api)
    assert (external.slug, external.status) == ("etl", "failed")
    assert [(each.name, each.reason) for each in external.tasks] == [("load", "no such table")]


async def test_an_event_without_a_state_is_taken_and_ignored(api: ApiHarness, client: Client) -> None:
    answer = await send(client, "/api/v1/lineage", lineage("OTHER", "r", "j"))
    assert (answer.status, await answer.json()) == (202, {"accepted": 0})
    assert await api.runs() == []


GITHUB = {
    "action": "completed",
    "repository": {"name": "site"},
    "workflow_run": {
        "id": 42, "name": "Deploy", "run_attempt": 1, "status": "completed", "conclusion": "failure",
        "run_started_at": TIME, "updated_at": TIME, "html_url": "https://github.com/a/site/actions/runs/42",
        "head_branch": "main", "display_title": "Fix it", "event": "push",
    },
}  # fmt: skip
GITLAB = {
    "object_kind": "pipeline",
    "object_attributes": {
        "id": 7, "status": "success", "source": "push", "ref": "main",
        "created_at": "2026-11-24 02:00:00 UTC", "finished_at": "2026-11-24 02:10:00 UTC",
    },
    "project": {"name": "Site"},
    "builds": [{"id": 1, "name": "test", "status": "success"}],
}  # fmt: skip
JENKINS = {
    "name": "nightly",
    "build": {
        "number": 9, "phase": "FINALIZED", "status": "ABORTED", "full_url": "https://ci.example.com/job/9/",
    },
}  # fmt: skip
ALERTS = [
    {
        "status": "firing", "fingerprint": "f1", "startsAt": TIME, "endsAt": "0001-01-01T00:00:00Z",
        "labels": {"alertname": "DiskFull", "host": "db1"}, "annotations": {"summary": "98 % used"},
    }
]  # fmt: skip
ALERT = {"version": "4", "alerts": ALERTS}
DOLPHIN = {
    "content": json.dumps([
        {
            "projectName": "dw", "processId": 3, "processName": "daily-1-20261124020000123",
            "processState": "FAILURE", "runTimes": 1, "processStartTime": "2026-11-24 02:00:00",
            "processEndTime": "2026-11-24 02:05:00",
        }
    ])
}  # fmt: skip


@pytest.mark.parametrize(
    ("sender", "payload", "expected"),
    [
        ("github", GITHUB, "site-deploy failed 42:1"),
        ("gitlab", GITLAB, "site success 7"),
        ("jenkins", JENKINS, "nightly stopped 9"),
        ("alertmanager", ALERT, "diskfull failed f1:"),
        ("dolphinscheduler", DOLPHIN, "dw-daily failed 3:1"),
    ],
)
async def test_a_webhook_of_each_sender_is_a_run(
    api: ApiHarness, client: Client, sender: str, payload: object, expected: str
) -> None:
    answer = await send(client, f"/v1/hooks/{HOOKS}/{sender}", payload, **{"X-GitHub-Event": "workflow_run"})
    assert (answer.status, await answer.json()) == (202, {"accepted": 1})
    external = await reported(api)
    assert f"{external.slug} {external.status} {external.client_id}".startswith(expected)


async def test_the_reason_of_a_job_is_kept_short(api: ApiHarness, client: Client) -> None:
    job = {"id": 1, "status": "failed", "failure_reason": "x" * 9_000}
    await send(client, f"/v1/hooks/{HOOKS}/gitlab", {**GITLAB, "builds": [job]})
    (task,) = (await reported(api)).tasks
    assert task.reason == "x" * MAX_TEXT_CHARACTERS


async def test_an_alert_that_ends_is_a_run_that_ended_well(api: ApiHarness, client: Client) -> None:
    await send(client, f"/v1/hooks/{HOOKS}/alertmanager", ALERT)
    (firing,) = ALERTS
    resolved = {"alerts": [{**firing, "status": "resolved", "endsAt": "2026-11-24T02:30:00Z"}]}
    await send(client, f"/v1/hooks/{HOOKS}/alertmanager", resolved)
    assert {run.well for run in await api.runs()} == {False, True}


async def test_a_key_with_a_secret_takes_only_what_is_signed(api: ApiHarness, client: Client) -> None:
    path, body = f"/v1/hooks/{SIGNED}/github", json.dumps(GITHUB).encode()
    signature = "sha256=" + hmac.new(HOOK_SECRET, body, hashlib.sha256).hexdigest()
    event = {"X-GitHub-Event": "workflow_run"}
    assert (await client.post(path, data=body, headers=event)).status == 404
    signed = {**event, "X-Hub-Signature-256": signature}
    assert (await client.post(path, data=body, headers=signed)).status == 202
    token = {"X-Gitlab-Token": HOOK_SECRET.decode()}
    path = f"/v1/hooks/{SIGNED}/gitlab"
    assert (await client.post(path, data=json.dumps(GITLAB), headers=token)).status == 202
    assert (await client.post(path, data=json.dumps(GITLAB))).status == 404
    path = f"/v1/hooks/{SIGNED}/jenkins"
    assert (await client.post(path, data=json.dumps(JENKINS))).status == 202  # it cannot sign


@pytest.mark.parametrize(
    ("path", "payload", "status"),
    [
        (f"/v1/hooks/{HOOKS}/travis", {}, 404),
        (f"/v1/hooks/{PING}/jenkins", JENKINS, 404),  # the key does not reach this slug
        (f"/v1/hooks/{HOOKS}/jenkins", {"build": {}}, 422),
        ("/v1/events", {"type": "dev.cdevents.pipelinerun.started.0.2.0"}, 422),
        ("/v1/events", [1], 422),
        ("/api/v1/lineage", {"eventType": "START"}, 422),
    ],
)
async def test_what_cannot_be_taken_is_refused(
    client: Client, path: str, payload: object, status: int
) -> None:
    assert (await send(client, path, payload)).status == status


@pytest.mark.parametrize("sender", ["github", "gitlab", "jenkins", "alertmanager", "dolphinscheduler"])
@pytest.mark.parametrize("payload", ["x", [], {}, [{"processState": 1}], {"alerts": [1, {}]}, {"build": "x"}])
async def test_an_odd_webhook_is_no_mistake_of_ours(client: Client, sender: str, payload: object) -> None:
    headers = {"X-GitHub-Event": "workflow_run"}
    assert (await send(client, f"/v1/hooks/{HOOKS}/{sender}", payload, **headers)).status in {202, 422}
