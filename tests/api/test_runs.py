"""The JSON API of runs."""

from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientResponse

from bot.models import RunStatus
from bot.wiring.stores import sqlite_stores
from tests.api.harness import PING, READER, TOKEN, ApiHarness, Client, bearer
from tests.conftest import CoreHarness
from tests.external.harness import SLUG
from tests.factories import NOW

TOO_LATE = timedelta(minutes=11)


async def put(client: Client, id_: str = "7", **body: Any) -> ClientResponse:
    return await client.put(f"/v1/runs/{id_}", json=body, headers=bearer())


async def test_a_run_is_created_and_then_merged(api: ApiHarness, client: Client) -> None:
    first = await put(client, schedule=SLUG, status="running", title="夜间", labels={"host": "db1"})
    second = await put(client, status="success", counts={"rows": 12})
    assert (first.status, second.status) == (201, 200)
    answer = await second.json()
    assert (answer["id"], answer["schedule"], answer["title"]) == ("7", SLUG, "夜间")
    assert (answer["labels"], answer["counts"]) == ({"host": "db1"}, {"rows": 12})
    assert (await api.run()).status is RunStatus.FINISHED


async def test_the_times_of_a_report_are_those_of_the_run(api: ApiHarness, client: Client) -> None:
    start, end = NOW - timedelta(hours=2), NOW - timedelta(hours=1)
    times = {"started_at": start.isoformat(), "ended_at": end.isoformat()}
    await put(client, schedule=SLUG, status="failed", error="disk full", **times)
    run = await api.run()
    assert (run.start_time, run.end_time, run.failures[0].reason) == (start, end, "disk full")


@pytest.mark.parametrize(("exit_code", "status"), [(0, "success"), (3, "failed"), (-9, "failed")])
async def test_an_exit_code_says_how_it_ended(client: Client, exit_code: int, status: str) -> None:
    answer = await put(client, schedule=SLUG, exit_code=exit_code)
    assert (await answer.json())["status"] == status


async def test_the_same_end_again_is_fine_and_another_is_a_conflict(client: Client) -> None:
    assert (await put(client, schedule=SLUG, status="success")).status == 201
    assert (await put(client, status="success")).status == 200
    conflict = await put(client, status="failed")
    assert (conflict.status, conflict.content_type) == (409, "application/problem+json")
    assert "success" in (await conflict.json())["detail"]


async def test_a_pinged_run_is_the_same_run(api: ApiHarness, client: Client) -> None:
    await client.get(f"/ping/{PING}/{SLUG}/start?rid=7")
    assert (await put(client, schedule=SLUG, status="success")).status == 200
    assert (await put(client, id_=f"{SLUG}:7", title="x")).status == 200
    assert len(await api.runs()) == 1


@pytest.mark.parametrize(
    ("body", "field", "problem"),
    [
        ({"states": "running"}, "states", "is not a field"),
        ({"status": "done"}, "status", "Input should be 'queued', 'running'"),
        ({"started_at": "yesterday"}, "started_at", "Input should be a valid datetime"),
        ({"started_at": "2026-11-24T03:00:00"}, "started_at", "Input should have timezone info"),
        ({"started_at": 1764000000}, "started_at", "takes a time such as"),
        ({"exit_code": True}, "exit_code", "takes a whole number"),
        ({"counts": {"rows": -1}}, "counts.rows", "greater than or equal to 0"),
        ({"links": [{"title": "x", "url": "javascript:alert(1)"}]}, "links.0.url", "takes an http"),
        ({"tasks": [{"id": "a b"}]}, "tasks.0.id", "String should match pattern"),
        ({"labels": {"a": "two\nlines"}}, "labels.a", "takes one line"),
        ({"expect": {"cron": "0 3 * *"}}, "expect.cron", "takes five cron fields"),
        ({"expect": {"timezone": "Mars/Olympus"}}, "expect.timezone", "takes an IANA time zone"),
        ({"schedule": "Backup"}, "schedule", "String should match pattern"),
    ],
)
async def test_what_is_invalid_is_named(
    client: Client, body: dict[str, Any], field: str, problem: str
) -> None:
    answer = await put(client, **({"schedule": SLUG} | body))
    assert answer.status == 422
    (error,) = (await answer.json())["errors"]
    assert error["field"] == field
    assert problem in error["problem"]


async def test_a_new_run_needs_its_schedule(client: Client) -> None:
    assert (await put(client, status="running")).status == 422
    assert (await client.post("/v1/runs", json={}, headers=bearer())).status == 422


@pytest.mark.parametrize(
    ("data", "media", "status"),
    [(b"{", "application/json", 400), (b"{}", "text/plain", 415), (b"[]", "application/json", 422)],
)
async def test_what_is_no_json_is_refused(client: Client, data: bytes, media: str, status: int) -> None:
    headers = {**bearer(), "Content-Type": media}
    assert (await client.put("/v1/runs/1", data=data, headers=headers)).status == status


async def test_an_id_of_two_schedules_needs_the_name_of_one(core: CoreHarness) -> None:
    api = ApiHarness(core, sqlite_stores(core.store), create=True)
    async with api.client() as client:
        for slug in ("a", "b"):
            assert (await put(client, schedule=slug, status="running")).status == 201
        assert (await put(client, status="success")).status == 409
        assert (await put(client, schedule="b", status="success")).status == 200
        assert (await client.get("/v1/runs/b:7", headers=bearer())).status == 200


@pytest.mark.parametrize(
    ("token", "status"), [("", 401), ("Bearer drt_unknown-token-of-x", 404), (f"Bearer {READER}", 403)]
)
async def test_a_key_is_needed_that_may_do_it(client: Client, token: str, status: int) -> None:
    headers = {"Authorization": token} if token else {}
    assert (await client.put("/v1/runs/1", json={"schedule": SLUG}, headers=headers)).status == status


async def test_what_is_unknown_is_one_plain_404(client: Client) -> None:
    texts = set()
    for path in ("/v1/runs/unknown", "/v1/runs/raaaaaaaaaa", "/v1/schedules/unknown", "/v1/runs/%00"):
        answer = await client.get(path, headers=bearer())
        assert answer.status == 404
        texts.add(await answer.text())
    assert len(texts) == 1


async def test_a_post_gets_an_id_and_the_same_answer_again(api: ApiHarness, client: Client) -> None:
    headers = {**bearer(), "Idempotency-Key": "a"}
    body = {"schedule": SLUG, "status": "running"}
    first = await client.post("/v1/runs", json=body, headers=headers)
    again = await client.post("/v1/runs", json=body, headers=headers)
    assert (first.status, again.status, await first.json()) == (201, 201, await again.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (first.headers["Cache-Control"], again.headers["Cache-Control"]) == ("no-store", "no-store")
    other = await client.post("/v1/runs", json=body | {"title": "x"}, headers=headers)
    assert other.status == 422
    assert len(await api.runs()) == 1


async def test_an_idempotency_key_is_kept_for_a_day(api: ApiHarness, client: Client) -> None:
    headers, body = {**bearer(), "Idempotency-Key": "a"}, {"schedule": SLUG}
    first = await (await client.post("/v1/runs", json=body, headers=headers)).json()
    api.core.clock.turn(seconds=24 * 3600)
    again = await (await client.post("/v1/runs", json=body, headers=headers)).json()
    assert first["id"] != again["id"]


async def test_without_a_key_each_post_is_a_run(api: ApiHarness, client: Client) -> None:
    for _ in range(2):
        await client.post("/v1/runs", json={"schedule": SLUG}, headers=bearer())
    assert len(await api.runs()) == 2


async def test_a_log_keeps_its_end(api: ApiHarness, client: Client) -> None:
    await put(client, schedule=SLUG, status="running")
    answer = await client.post("/v1/runs/7/log", data="x" * 99_999 + "行", headers=bearer())
    assert (await answer.json())["bytes"] == 100_000
    await client.post("/v1/runs/7/log", data="last", headers=bearer())
    assert (await api.records.runs.find_log((await api.run()).id)).endswith("行last")


async def test_the_end_of_a_log_is_read_and_shown_in_the_proof(api: ApiHarness, client: Client) -> None:
    await put(client, schedule=SLUG, status="failed")
    await client.post("/v1/runs/7/log", data="copying\nno space left", headers=bearer())
    answer = await client.get("/v1/runs/7/log", headers=bearer(READER))
    assert await answer.text() == "copying\nno space left"
    shown = await api.core.say(f"凭据 {(await api.run()).id}")
    assert "- no space left" in shown


async def test_a_log_that_is_sent_again_by_its_key_counts_once(api: ApiHarness, client: Client) -> None:
    await put(client, schedule=SLUG, status="running")
    headers = {**bearer(), "Idempotency-Key": "7-log"}
    for _ in range(2):
        assert (await client.post("/v1/runs/7/log", data="once", headers=headers)).status == 200
    assert await api.records.runs.find_log((await api.run()).id) == "once"


async def test_a_log_is_taken_for_ten_more_minutes(api: ApiHarness, client: Client) -> None:
    await put(client, schedule=SLUG, status="success")
    assert (await client.post("/v1/runs/7/log", data="late", headers=bearer())).status == 200
    api.core.clock.turn(seconds=TOO_LATE.total_seconds())
    assert (await client.post("/v1/runs/7/log", data="later", headers=bearer())).status == 409


async def test_a_read_run_shows_its_deliveries(api: ApiHarness, client: Client) -> None:
    await put(client, schedule=SLUG, status="success")
    await api.core.do_jobs()
    answer = await (await client.get("/v1/runs/7?wait=delivered", headers=bearer(READER))).json()
    assert answer["push_status"] == "success"
    assert answer["destinations"] == [
        {"destination": "group:cidA", "kind": "card", "state": "delivered", "detail": ""}
    ]


async def test_a_run_of_another_engine_is_read_too(api: ApiHarness, client: Client) -> None:
    run = await api.core.trigger()
    api.other.end_all()
    await api.core.watcher.tick()
    answer = await (await client.get(f"/v1/runs/{run.id}", headers=bearer())).json()
    assert (answer["schedule"], answer["status"], answer["trigger"]) == ("s1", "success", "cron")


async def test_waiting_ends_when_its_time_is_over(client: Client) -> None:
    await put(client, schedule=SLUG, status="running")
    answer = await client.get("/v1/runs/7?wait=ended&within=1", headers=bearer())
    assert (await answer.json())["status"] == "running"


async def test_runs_are_listed_by_schedule_status_and_time(api: ApiHarness, client: Client) -> None:
    for number, status in enumerate(("success", "running", "failed")):
        await put(client, id_=str(number), schedule=SLUG, status=status)
        api.core.clock.turn(seconds=60)

    async def listed(query: str) -> list[str]:
        answer = await client.get(f"/v1/runs?{query}", headers=bearer())
        return [run["id"] for run in (await answer.json())["runs"]]

    assert await listed(f"schedule={SLUG}") == ["2", "1", "0"]
    assert await listed("status=open") == ["1"]
    api.core.clock.turn(seconds=1)
    before = (NOW + timedelta(seconds=61)).isoformat().replace("+00:00", "Z")
    assert await listed(f"before={before}&limit=1") == ["1"]
    assert await listed("schedule=unknown") == []


async def test_an_unknown_parameter_is_named(client: Client) -> None:
    answer = await client.get("/v1/runs?stauts=open", headers=bearer())
    assert (await answer.json())["detail"] == "stauts: is not a field"


async def test_a_report_may_tell_what_is_expected(core: CoreHarness) -> None:
    api = ApiHarness(core, sqlite_stores(core.store), create=True)
    async with api.client() as client:
        await put(client, schedule="nightly", status="running", expect={"cron": "0 3 * * *", "grace": 600})
        answer = await client.get("/v1/schedules/nightly", headers=bearer())
        expect = (await answer.json())["expect"]
    assert (expect["cron"], expect["grace"]) == ("0 3 * * *", 600)


async def test_the_token_never_stands_in_an_answer(client: Client) -> None:
    answer = await client.get("/v1/runs/unknown", headers={"Authorization": f"Bearer {TOKEN}x"})
    assert TOKEN not in await answer.text()
