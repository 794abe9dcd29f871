"""Schedules and acts by the API."""

from typing import Any

import pytest
from aiohttp import ClientResponse

from bot.errors import TemporaryError
from bot.models import AuditOutcome, RunStatus
from bot.runs.approvals import Protection
from bot.wiring.stores import sqlite_stores
from tests.api.harness import READER, ApiHarness, Client, bearer
from tests.conftest import CoreHarness
from tests.external.harness import RUNNING, SLUG, SUCCESS

ENGINE_SCHEDULE = "s1"  # of the other engine


async def put(client: Client, slug: str = "nightly", **body: Any) -> ClientResponse:
    return await client.put(f"/v1/schedules/{slug}", json=body, headers=bearer())


async def start(client: Client, schedule: str = SLUG, **headers: str) -> ClientResponse:
    return await client.post(f"/v1/schedules/{schedule}/runs", headers={**bearer(), **headers})


async def test_a_schedule_is_created_and_then_changed(client: Client) -> None:
    created = await put(client, name="夜间构建", expect={"every": 3600}, rerun={"runner": "db1"})
    changed = await put(client, owner="manager01", rerun=None)
    assert (created.status, changed.status) == (201, 200)
    answer = await changed.json()
    assert (answer["name"], answer["owner"], answer["rerun"]) == ("夜间构建", "manager01", None)
    assert answer["expect"]["every"] == 3600


async def test_the_secret_of_a_schedule_is_never_shown(client: Client) -> None:
    rerun = {"url": "https://jenkins.example.com/hook", "secret": "whsec_verysecret"}
    answer = await put(client, rerun=rerun)
    assert (await answer.json())["rerun"]["url"] == rerun["url"]
    assert "verysecret" not in await answer.text()


@pytest.mark.parametrize(
    ("slug", "body", "status"),
    [
        ("nightly", {"rerun": {"url": "https://evil.example/x"}}, 422),
        ("nightly", {"rerun": {"url": "https://jenkins.example.com", "runner": "x"}}, 422),
        ("nightly", {"rerun": {}}, 422),
        ("nightly", {"title": "x"}, 422),
        ("Nightly", {}, 422),
        (SLUG, {"name": "x"}, 409),  # it is in the settings
    ],
)
async def test_what_a_schedule_cannot_be_is_refused(
    client: Client, slug: str, body: dict[str, Any], status: int
) -> None:
    assert (await put(client, slug, **body)).status == status


async def test_schedules_of_all_engines_are_listed(client: Client) -> None:
    answer = await (await client.get("/v1/schedules", headers=bearer(READER))).json()
    found = {each["slug"]: (each["engine"], each["configured"]) for each in answer["schedules"]}
    assert found == {ENGINE_SCHEDULE: ("", True), SLUG: ("external", True)}


async def test_a_schedule_is_changed_while_another_engine_is_down(api: ApiHarness, client: Client) -> None:
    api.other.schedule_trouble = TemporaryError("ARL does not answer")
    assert (await put(client, name="夜间构建")).status == 201
    assert (await client.get(f"/v1/schedules/{SLUG}", headers=bearer())).status == 200


async def test_a_slug_stands_for_the_reported_schedule_whatever_others_are_called(client: Client) -> None:
    answer = await put(client, ENGINE_SCHEDULE, name="夜间构建")
    assert (answer.status, (await answer.json())["name"]) == (201, "夜间构建")


async def test_a_run_is_started_as_the_command_does(api: ApiHarness, client: Client) -> None:
    answer = await start(client)
    await api.core.do_jobs()
    body = await answer.json()
    assert (answer.status, body["status"], body["trigger"]) == (202, "queued", "api")
    (command,) = api.sender.sent
    assert (command.run_id, command.asked_by) == (body["run"], "ci")


async def test_the_same_request_starts_once(api: ApiHarness, client: Client) -> None:
    key = {"Idempotency-Key": "a"}
    first, again = await start(client, **key), await start(client, **key)
    assert (await first.json())["run"] == (await again.json())["run"]
    assert len(await api.runs()) == 1


async def test_a_schedule_that_runs_is_not_started_again(api: ApiHarness, client: Client) -> None:
    running = (await api.report(RUNNING)).run
    answer = await start(client)
    assert (answer.status, (await answer.json())["run"]) == (409, running.id)


async def test_schedules_of_every_engine_are_started_and_stopped(api: ApiHarness, client: Client) -> None:
    run = (await (await start(client, ENGINE_SCHEDULE)).json())["run"]
    await api.core.do_jobs()
    stopped = await client.post(f"/v1/runs/{run}/stop", headers=bearer())
    assert (stopped.status, (await stopped.json())["stopped"]) == (202, 1)
    await api.core.watcher.tick()
    assert (await api.run()).status is RunStatus.FINISHED


async def test_a_stop_is_asked_of_the_system_that_runs_it(api: ApiHarness, client: Client) -> None:
    external = (await api.report(RUNNING)).run
    answer = await (await client.post(f"/v1/runs/{external.id}/stop", headers=bearer())).json()
    assert (answer["stopped"], answer["left"]) == (0, [SLUG])
    assert [command.kind for command in api.sender.sent] == ["run.stop"]


async def test_a_run_that_has_ended_cannot_be_stopped(api: ApiHarness, client: Client) -> None:
    external = (await api.report(SUCCESS)).run
    assert (await client.post(f"/v1/runs/{external.id}/stop", headers=bearer())).status == 409


async def test_acts_are_recorded_in_the_audit(api: ApiHarness, client: Client) -> None:
    await start(client)
    await start(client)
    entries = await sqlite_stores(api.core.store).audit.find_entries()
    found = {(each.command, each.actor.name, each.rule, each.outcome) for each in entries}
    assert ("rerun", "ci", "api.keys.ci", AuditOutcome.ACCEPTED) in found
    assert ("rerun", "ci", "api.keys.ci", AuditOutcome.REFUSED) in found


async def test_a_key_without_the_scope_may_not_act(client: Client) -> None:
    answer = await client.post(f"/v1/schedules/{SLUG}/runs", headers=bearer(READER))
    assert answer.status == 403


async def test_a_key_is_one_person_where_a_schedule_takes_two(core: CoreHarness) -> None:
    core.protected = {"*": Protection.TWO_PERSON}
    core.build()
    api = ApiHarness(core, sqlite_stores(core.store))
    external = (await api.report(RUNNING)).run
    async with api.client() as client:
        stopped = await client.post(f"/v1/runs/{external.id}/stop", headers=bearer())
        assert [(await start(client, ENGINE_SCHEDULE)).status, stopped.status] == [403, 403]
