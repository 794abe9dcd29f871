"""The description of the control API: complete, valid, and true of the sandbox."""

import json
from typing import Any

import pytest
import schemathesis

from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.control.routes import Control
from dingtalk_sandbox.control.templates import Templates
from dingtalk_sandbox.reference.answers import CallsAnswer
from dingtalk_sandbox.reference.document import build_document
from dingtalk_sandbox.reference.operations import OPERATIONS, Operation
from dingtalk_sandbox.transcripts.routes import TranscriptRoutes
from tests.dingtalk_sandbox.harness import BOTH, Client, card
from tests.dingtalk_sandbox.template_builder import component, export, text
from tests.dingtalk_sandbox.test_event_push import EVENTS
from tests.dingtalk_sandbox.test_registration import begin


async def body_of(client: Client, operation: Operation) -> Any:
    """Return the example of an operation, with ids that exist."""
    if operation.call == "POST registration":
        return operation.example | {"user_code": (await begin(client))["user_code"]}
    if operation.call == "POST templates":
        return {"mine.schema": export(component("BaseText", text=text("hello")))}
    if "id" in (operation.example or {}):
        said = await client.say("@DingRun 状态")
        return operation.example | {"id": said["id"]}
    return operation.example


def test_the_document_is_valid() -> None:
    schemathesis.openapi.from_dict(build_document(OPERATIONS)).validate()


def test_every_call_is_described(sandbox: Sandbox) -> None:
    routes = [
        *Control(sandbox.state, sandbox.hub, sandbox.actions).routes(),
        *Templates(sandbox.state).routes(),
        *TranscriptRoutes(sandbox.transcripts).routes(),
    ]
    assert {(r.method, r.path) for r in routes} == {(each.method, each.path) for each in OPERATIONS}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.call)
async def test_an_example_is_taken_and_answered_as_described(client: Client, operation: Operation) -> None:
    await client.api(BOTH, card())
    async with client.listen():
        body = await body_of(client, operation)
        answer = await client.call(operation.method, operation.path, json=body)
    assert answer.status == 200, answer.body
    operation.answer.model_validate(answer.body)
    if operation.body:
        operation.body.model_validate_json(json.dumps(body))


async def test_a_call_without_an_answer_is_listed_as_described(client: Client) -> None:
    async with client.listen(subscriptions=EVENTS):
        await client.control("event", {"eventType": "user_add_org"})
        listed = (await client.call("GET", "/_sandbox/calls", params={"endpoint": "EVENT"})).body
    assert len(listed) == 1
    CallsAnswer.model_validate(listed)


async def test_a_wrong_body_is_answered_with_its_fields_and_what_is_wrong(client: Client) -> None:
    answer = await client.post("/_sandbox/tap", {"card": "run-1", "user": 5, "action": "rerun"})
    assert answer.status == 400
    assert answer.body["error"].startswith("expected {card, user, action, params}; user: Input should be")


async def test_the_page_lists_every_call_in_both_languages(client: Client) -> None:
    async with client.http.get(client.sandbox.url + "/_sandbox/") as page:
        told = await page.text()
    assert all(f"{each.chinese} · {each.english}" in told for each in OPERATIONS)
    assert "<code>{card, user, action, params?}</code>" in told


async def test_the_document_is_served(client: Client) -> None:
    served = await client.call("GET", "/_sandbox/openapi.json")
    assert served.body == build_document(OPERATIONS)
