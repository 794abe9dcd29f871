"""Answers of a scene to calls that are not emulated."""

from typing import Any

import pytest

from dingtalk_sandbox.scene.stubs import Stub, fill
from tests.dingtalk_sandbox.harness import Client

TODO = {
    "path": "/v1.0/todo/users/{user}/tasks",
    "body": {"id": "{{ id }}", "subject": "{{ body.subject }}", "owner": "{{ path.user }}!", "done": False},
}
OLD = {"path": "/topapi/process/get", "body": {"errcode": 0, "who": "{{ body.userid }}"}}


async def load(client: Client, *stubs: Any) -> None:
    await client.control("scene", {"stubs": list(stubs)})


async def test_a_stub_answers_with_values_of_the_call(client: Client) -> None:
    await load(client, TODO)
    body = (await client.api("/v1.0/todo/users/u1/tasks", {"subject": "x"})).body
    assert body == {"id": body["id"], "subject": "x", "owner": "u1!", "done": False}
    assert len(body["id"]) == 32


async def test_a_stub_of_the_old_api_takes_its_token(client: Client) -> None:
    await load(client, OLD)
    assert (await client.oapi("/topapi/process/get", {"userid": "u1"})).body == {"errcode": 0, "who": "u1"}
    assert (await client.post("/topapi/process/get")).body["errcode"] == 41001


async def test_a_stub_may_be_an_error(client: Client) -> None:
    await load(client, TODO | {"status": 404, "body": {"code": "x"}})
    answer = await client.api("/v1.0/todo/users/u1/tasks")
    assert (answer.status, answer.body) == (404, {"code": "x"})


async def test_calls_of_stubs_are_counted_and_shown(client: Client) -> None:
    await load(client, TODO)
    await client.api("/v1.0/todo/users/u1/tasks", {"subject": "x"})
    counters = await client.counters()
    assert counters["calls"]["POST /v1.0/todo/users/{user}/tasks"] == 1
    assert counters["buckets"]["api"] == 1
    calls = (await client.call("GET", "/_sandbox/calls", params={"endpoint": "todo"})).body
    assert calls[0]["request"] == {"subject": "x"}


async def test_what_no_stub_matches_is_a_501(client: Client) -> None:
    await load(client, TODO)
    for path, method in (("/v1.0/todo/users/u1/u2/tasks", "POST"), ("/v1.0/todo/users/u1/tasks", "GET")):
        assert (await client.api(path, method=method)).status == 501


async def test_a_wrong_stub_names_its_key(client: Client) -> None:
    answer = await client.post("/_sandbox/scene", {"stubs": [{"path": "/a", "verb": "GET"}]})
    assert "stubs: unknown verb" in answer.body["error"]


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"body": [1]}, "stubs.body"),
        ({"body": "{{ body }}"}, "stubs.body"),
        ({"path": "/a/{x}/{x}"}, "stubs"),
        ({"path": "/a/{1}"}, "stubs"),
    ],
)
async def test_a_stub_that_could_not_answer_is_refused_at_once(
    client: Client, wrong: dict[str, Any], key: str
) -> None:
    answer = await client.post("/_sandbox/scene", {"stubs": [TODO | wrong]})
    assert answer.status == 400
    assert answer.body["error"].startswith(key + ": ")


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("{{ body.rows.1.n }}", 2),
        ("{{body.rows.5.n}}", ""),
        ("{{body.rows.².n}}", ""),
        ("n: {{ body.rows.0.n }}", "n: 1"),
        ([{"a": "{{ body.rows }}"}, None], [{"a": [{"n": 1}, {"n": 2}]}, None]),
        ("{{ 1 + 1 }}", "{{ 1 + 1 }}"),
    ],
)
def test_a_value_keeps_its_type(template: Any, filled: Any) -> None:
    assert fill(template, {"body": {"rows": [{"n": 1}, {"n": 2}]}}) == filled


def test_a_path_is_matched_as_a_whole() -> None:
    stub = Stub(path="/a.b/{x}", method="GET")
    assert stub.match("GET", "/a.b/1") == {"x": "1"}
    assert stub.match("GET", "/aXb/1") is None
