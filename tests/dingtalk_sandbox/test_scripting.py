"""Scripting: expect, scene files, the pytest fixture, and the documentation of all calls."""

import asyncio
import json
import re
from typing import Any

import pytest
import yaml
from aiohttp import web

from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.control.events import Events
from dingtalk_sandbox.control.routes import Control
from dingtalk_sandbox.control.templates import Templates
from dingtalk_sandbox.pytest_plugin import DingTalk, dingtalk
from tests import ROOT
from tests.dingtalk_sandbox.harness import BOTH, GROUP, SAY_HI, Client, card, variables
from tests.dingtalk_sandbox.template_builder import bound, component, export, text, variable

__all__ = ["dingtalk"]


async def expect(client: Client, **wanted: Any) -> Any:
    return await client.post("/_sandbox/expect", {"conversation": GROUP, **wanted})


async def test_what_is_there_is_answered_at_once(client: Client) -> None:
    await client.webhook(SAY_HI)
    answer = await expect(client, kind="text", contains="hi")
    assert (answer.status, len(answer.body["messages"])) == (200, 1)


@pytest.mark.parametrize(("robot", "status"), [(None, 200), (True, 200), (False, 408)])
async def test_who_sent_it_matters_if_it_is_asked(client: Client, robot: bool | None, status: int) -> None:
    await client.webhook(SAY_HI)
    assert (await expect(client, robot=robot, within=0)).status == status


async def test_what_comes_later_is_waited_for(client: Client) -> None:
    waiting = asyncio.create_task(expect(client, kind="card", contains="Nightly", within=10))
    await client.webhook(SAY_HI)
    await client.api(BOTH, card(cardData={"cardParamMap": {"title": "Nightly", "markdown": "x"}}))
    answer = await waiting
    assert [m["outTrackId"] for m in answer.body["messages"]] == ["run-1"]


async def test_what_components_of_a_template_show_is_found(client: Client) -> None:
    table = {"meta": [{"alias": "a", "aliasName": "任务"}], "data": [{"a": {"value": "主机"}}]}
    form = {"fields": [{"name": "w", "label": "原因", "type": "SELECT", "options": [{"text": "超时"}]}]}
    chart = {"type": "pieChart", "data": [{"x": "周一", "y": 1}]}
    drawn = export(
        component("Table", data=bound("table")),
        component("Form", formSchema=bound("form"), submitText=text("提交")),
        component("Chart", data=bound("chart")),
        variables=tuple(variable(kind, kind) for kind in ("table", "form", "chart")),
    )
    await client.control("templates", {"mine.schema": drawn})
    values = variables(table=json.dumps(table), form=json.dumps(form), chart=json.dumps(chart))
    await client.api(BOTH, card(cardTemplateId="mine.schema", cardData=values))
    for seen in ("任务", "主机", "原因", "超时", "提交", "周一"):
        assert (await expect(client, contains=seen, within=0)).status == 200, seen


async def test_what_does_not_come_is_told_with_what_is_there(client: Client) -> None:
    await client.webhook(SAY_HI)
    answer = await expect(client, kind="card", within=0.05)
    assert (answer.status, answer.body["found"]) == (408, 0)
    assert [m["kind"] for m in answer.body["messages"]] == ["text"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": 5},
        {"count": "x"},
        {"count": True},
        {"robot": 1},
        {"within": -1},
        {"within": 9e9},
        {"conversation": "none"},
        {"x": 1},
    ],
)
async def test_a_wrong_wish_says_what_it_takes(client: Client, wrong: dict[str, Any]) -> None:
    assert (await expect(client, **wrong)).status == 400


async def test_a_wish_is_a_mapping(client: Client) -> None:
    assert (await client.post("/_sandbox/expect", [1])).status == 400


async def test_a_saved_scene_can_be_loaded_again(client: Client) -> None:
    people = [{"id": "a", "name": "甲", "role": "admin"}]
    groups = [{"id": "cidA==", "title": "A", "members": ["a"], "robots": ["dingsandboxapp"]}]
    await client.control("scene", {"people": people, "groups": groups, "chips": ["hi", ["你好", "hello"]]})
    saved = (await client.call("GET", "/_sandbox/save")).body
    await client.control("scene", {})
    await client.control("scene", saved)
    assert (await client.call("GET", "/_sandbox/save")).body == saved
    shown = (await client.call("GET", "/_sandbox/scene")).body
    assert (shown["people"][0]["name"], shown["chips"]) == ("甲", ["hi", ["你好", "hello"]])


async def test_a_scene_is_loaded_as_yaml_too(client: Client) -> None:
    text = yaml.safe_dump({"corp_id": "dingX", "settings": {"qps": 5}})
    answer = await client.call("POST", "/_sandbox/scene", data=text)
    assert answer.status == 200
    assert (await client.call("GET", "/_sandbox/scene")).body["corpId"] == "dingX"


@pytest.mark.parametrize(
    "text", ["a: [", "a: &x [1]\nb: *x", "[" * 9000, "chips: [1]", "chips: x", "- a", "5"]
)
async def test_what_is_no_scene_is_told(client: Client, text: str) -> None:
    assert (await client.call("POST", "/_sandbox/scene", data=text)).status == 400


async def test_an_empty_scene_is_the_default_one(client: Client) -> None:
    assert (await client.call("POST", "/_sandbox/scene", data="")).status == 200


async def test_all_conversations_are_listed_at_once(client: Client) -> None:
    await client.webhook(SAY_HI)
    await client.say("hi", conversation="cidSandboxOto-user01==")
    places = [m["conversation"] for m in (await client.call("GET", "/_sandbox/messages")).body]
    assert places == [GROUP, "cidSandboxOto-user01=="]


async def test_a_card_is_pressed_by_the_id_of_its_message_too(client: Client) -> None:
    await client.api(BOTH, card())
    (message,) = await client.messages()
    assert (await client.tap(card=message["id"]))["reason"] == "no connection"


async def test_the_streams_are_listed(client: Client) -> None:
    async with client.listen():
        (stream,) = (await client.call("GET", "/_sandbox/scene")).body["streams"]
    assert (stream["muted"], stream["leaving"]) == (False, False)


async def test_the_fixture_drives_a_sandbox(dingtalk: DingTalk) -> None:
    assert (await dingtalk.say("@DingRun hi"))["why"] == "no connection"
    (said,) = await dingtalk.expect(kind="text", contains="hi")
    assert said["sender"]["name"] == "李雷"
    await dingtalk.set_faults({"match": "accessToken", "kind": "html"})
    await dingtalk.advance(60)
    assert (await dingtalk.counters())["calls"] == {}
    with pytest.raises(AssertionError, match="no such card"):
        await dingtalk.tap("none", "rerun")


def routes() -> list[tuple[str, str]]:
    sandbox = Sandbox()
    control = Control(sandbox.state, sandbox.hub, sandbox.actions)
    defined = [*control.routes(), *Templates(sandbox.state).routes(), *Events(sandbox.state).routes()]
    return [(route.method, route.path) for route in defined if isinstance(route, web.RouteDef)]


@pytest.mark.parametrize(("method", "path"), routes())
def test_every_control_call_is_documented(method: str, path: str) -> None:
    text = (ROOT / "docs/sandbox.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| `{method} {re.escape(path)}\b", text, re.MULTILINE)
