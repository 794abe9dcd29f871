"""Presses of cards with an exported template: what the bot gets, and what the person sees."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.dingtalk_sandbox.harness import BOTH, BY_KEY, Client, card, variables
from tests.dingtalk_sandbox.template_builder import (
    Node,
    bound,
    component,
    export,
    param,
    text,
    variable,
    when,
)

ID = "mine.schema"
OPTIONS = [{"value": "a", "text": "A"}, {"value": "b", "text": "B"}]
FORM: dict[str, Any] = {"fields": [
    {"name": "system", "type": "TEXT", "hidden": True, "defaultValue": "s"},
    {"name": "why", "label": "原因", "type": "TEXT_AREA", "required": True, "requiredMsg": "请写原因"},
    {"name": "days", "label": "天数", "type": "NUMBER", "defaultValue": 1},
    {"name": "pick", "label": "选择", "type": "SELECT", "options": OPTIONS},
    {"name": "many", "label": "多选", "type": "MULTI_SELECT", "options": OPTIONS},
    {"name": "sure", "label": "确认", "type": "CHECKBOX"},
    {"name": "fixed", "label": "只读", "type": "TEXT", "readOnly": True, "defaultValue": "r"},
]}  # fmt: skip
TABLE: dict[str, Any] = {
    "meta": [{"alias": "go", "aliasName": "", "dataType": "BUTTON"}],
    "data": [{"go": {"id": "again", "text": n, "request": True}} for n in ("a", "b")],
}


def request(name: str, **props: Any) -> dict[str, Any]:
    return {"actionType": "request", "actionId": text(name), **props}


def button(**props: Any) -> Node:
    return component("SingleButton", text=text("go"), id_="go", **props)


async def show(client: Client, *nodes: Node, data: Mapping[str, Any] | None = None, **more: Any) -> None:
    """Send a card whose template has these components."""
    await client.control("templates", {ID: export(*nodes, **more)})
    values = {k: v if isinstance(v, str) else json.dumps(v) for k, v in (data or {}).items()}
    answer = await client.api(BOTH, card(cardTemplateId=ID, cardData=variables(**values)))
    assert answer.status == 200, answer


async def press(client: Client, action: str, params: Any = None, *, answer: Any = None) -> tuple[Any, Any]:
    """Press as user01. Returns what the bot got in `cardPrivateData`, and what the person saw."""
    async with client.listen() as bot:
        tap = asyncio.create_task(quietly(client, action, params))
        frame = await bot.frame()
        await bot.ack(frame, answer or {})
        content = json.loads(json.loads(frame["data"])["content"])
        return content["cardPrivateData"], await tap


async def quietly(client: Client, action: str, params: Any = None) -> Any:
    """Press something that reaches no bot."""
    body = {"card": "run-1", "user": "user01", "action": action, "params": params or {}}
    return await client.control("tap", body)


async def test_a_button_sends_its_action_id_and_its_params(client: Client) -> None:
    params = [param("run", "fixed-${s}"), param("rows", variable="rows"), param("", "unnamed")]
    declared = (variable("s"), variable("rows", "loopArray"))
    await show(
        client,
        button(**request("rerun", params=params)),
        variables=declared,
        data={"s": "x", "rows": [{"a": 1}]},
    )
    (listed,) = (await client.last())["buttons"]
    assert (listed["id"], listed["text"], listed["params"]) == (
        "rerun",
        "go",
        {"run": "fixed-x", "rows": [{"a": 1}]},
    )
    sent, seen = await press(client, "rerun")
    assert sent == {"actionIds": ["rerun"], "params": {"run": "fixed-x", "rows": [{"a": 1}]}}
    assert seen["ok"]


async def test_a_cell_of_a_table_sends_its_row_and_its_column(client: Client) -> None:
    await show(
        client, component("Table", data=bound("t")), variables=(variable("t", "table"),), data={"t": TABLE}
    )
    sent, _ = await press(client, "again", {"row": TABLE["data"][1]})
    assert sent == {"actionIds": ["again"], "params": {"row": TABLE["data"][1], "column": TABLE["meta"][0]}}
    first = (await client.last())["buttons"][0]["control"]
    assert (await press(client, first))[0]["params"]["row"] == TABLE["data"][0]


async def test_what_the_bot_returns_is_drawn_for_the_tapper_alone(client: Client) -> None:
    declared = (variable("s"), variable("mine", private=True))
    await show(client, component("BaseText", text=text("${s}|${mine}")), button(**request("go")),
               variables=declared, data={"s": "all"})  # fmt: skip
    response = {
        "cardUpdateOptions": BY_KEY,
        "cardData": variables(s="tapped"),
        "userPrivateData": variables(mine="me"),
    }
    await press(client, "go", answer=response)
    seen = {
        user: (await client.last(viewer=user))["view"]["nodes"][0]["text"] for user in ("user01", "user02")
    }
    assert seen == {"user01": "tapped|me", "user02": "all|"}


async def test_a_form_sends_its_values_as_documented(client: Client) -> None:
    form = component(
        "Form", id="rerun", submitText=text("提交"), formSchema=bound("f"), params=[param("run", "7")]
    )
    await show(client, form, variables=(variable("f", "form"),), data={"f": FORM})
    filled = {"why": "失败了", "days": "2.5", "pick": "b", "many": ["a"], "sure": True}
    sent, _ = await press(client, "rerun", filled)
    assert sent["actionIds"] == ["rerun"]
    assert sent["params"] == {"run": "7", "rerun": {
        "system": "s", "why": "失败了", "days": 2.5, "pick": {"index": 1, "value": "b"},
        "many": {"index": [0], "value": ["a"]}, "sure": True, "fixed": "r",
    }}  # fmt: skip


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"nope": 1}, "no such field: nope"),
        ({"why": "x", "days": "many"}, "days must be a number"),
        ({"why": "x", "pick": "z"}, "pick must be one of a, b"),
        ({"why": "x", "many": "a"}, "many must be a list"),
        ({"why": "x", "sure": "yes"}, "sure must be true or false"),
        ({"why": ["x"]}, "why must be a text"),
    ],
)
async def test_wrong_values_of_a_form_are_named(client: Client, given: Any, problem: str) -> None:
    await show(
        client,
        component("Form", id="f", formSchema=bound("f")),
        variables=(variable("f", "form"),),
        data={"f": FORM},
    )
    body = {"card": "run-1", "user": "user01", "action": "f", "params": given}
    answer = await client.post("/_sandbox/tap", body)
    assert (answer.status, problem in answer.body["error"]) == (400, True)


async def test_an_empty_required_field_is_not_sent(client: Client) -> None:
    await show(
        client,
        component("Form", id="f", formSchema=bound("f")),
        variables=(variable("f", "form"),),
        data={"f": FORM},
    )
    assert await quietly(client, "f", {"why": ""}) == {
        "ok": False,
        "reason": "required",
        "message": "请写原因",
    }


async def test_fields_are_kept_locally_and_a_button_sends_them(client: Client) -> None:
    options = [{"label": text("一"), "value": text("1")}, {"label": text("二"), "value": text("2")}]
    items = [{"value": n, "text": str(n)} for n in (5, 6)]
    keep = {"actionType": "setLocalState"}
    await show(
        client,
        component("Input", id="word", localVarAction=bound("word"), **keep),
        component("SelectBlock", id="pick", options=options, localVarAction=bound("pick"), **keep),
        component("Input", id="inner", localVarAction=bound("form"), keyOfDynamicObject=text("pn"), **keep),
        component("CheckboxListMulti", listData=bound("items"), localVarAction=bound("checked"),
                  updateVarValue=bound("items[0].value", loop=True), id_="list", **keep),
        component("BaseText", text=text("${word}")),
        button(**request("send", params=[param(n, variable=n) for n in ("word", "pick", "form", "checked")])),
        variables=(variable("items", "loopArray"),), data={"items": items},
        local=(variable("word"), variable("pick", "object"), variable("form", "dynamicObject"),
               variable("checked", "numberArray")),
    )  # fmt: skip
    for action, value in (("word", "hello"), ("pick", "2"), ("inner", "138"), ("list", ["6"])):
        assert (await quietly(client, action, {"value": value}))["ok"]
    sent, _ = await press(client, "send")
    assert sent["params"] == {
        "word": "hello", "pick": {"index": 1, "value": "2"}, "form": {"pn": "138"}, "checked": [6],
    }  # fmt: skip
    theirs = await client.last(viewer="user02")
    assert [n["text"] for n in theirs["view"]["nodes"] if n["type"] == "text"] == []
    assert (await client.counters())["buckets"]["stream_webhook"] == 1


async def test_a_field_with_a_request_sends_its_value(client: Client) -> None:
    await show(client, component("Input", id="remark", actionType="request", params=[param("name", "n")]))
    sent, _ = await press(client, "remark", {"value": "好"})
    assert sent == {"actionIds": ["remark"], "params": {"name": "n", "remark": "好"}}


async def test_a_confirmation_comes_before_its_request(client: Client) -> None:
    asked = {
        "actionType": "confirm", "confirmTitle": text("停止？"), "confirmOkText": text("停止"),
        "confirmOkAction": "request", "confirmOkReqActionActionId": text("stop"),
        "confirmOkReqActionParams": [param("a", "1")], "confirmCancelAction": "none",
    }  # fmt: skip
    await show(client, button(**asked))
    (dialog,) = (await quietly(client, "go"))["effects"]
    assert (dialog["kind"], dialog["title"], dialog["cancel"]["control"]) == ("confirm", "停止？", "")
    sent, _ = await press(client, dialog["ok"]["control"])
    assert sent == {"actionIds": ["stop"], "params": {"a": "1"}}


async def test_an_event_chain_follows_the_answer_of_its_request(client: Client) -> None:
    opens = {
        "event": {
            "actionType": "url",
            "url": {"type": "dynamicLink", "valueType": "eventData", "eventData": "cardData.url"},
        }
    }
    fails = {"event": {"actionType": "toast", "toastContent": text("${event.cardData.why}"), "toastType": 2}}
    condition = {
        "conditions": [{"type": "eventData", "eventData": "cardData.state", "op": "equal", "value": "ok"}]
    }
    callbacks = {"success": {"leftEvent": opens, "condition": condition, "rightEvent": fails}}
    event = {"event": {"actionType": "request", "params": [param("var", "x")]}, "callbacks": callbacks}
    await show(client, button(actionType="eventChain", events=[event]))
    sent, seen = await press(
        client, "main", answer={"cardData": variables(state="ok", url="https://a.example/")}
    )
    assert sent == {"actionIds": ["main"], "params": {"var": "x"}}
    assert seen["effects"] == [{"kind": "open", "url": "https://a.example/"}]
    _, seen = await press(client, "main", answer={"cardData": variables(state="no", why="没有报告")})
    assert seen["effects"] == [{"kind": "toast", "text": "没有报告", "tone": "error"}]


async def test_a_chain_toasts_and_sets_a_local_variable(client: Client) -> None:
    toast = {"event": {"actionType": "toast", "toastContent": text("${label}"), "toastType": 1}}
    turn = {
        "event": {
            "actionType": "setLocalState",
            "localVarAction": bound("open"),
            "numberLocalValue": bound("next"),
        }
    }
    await show(
        client, component("BaseText", text=text("inside"), visible=when("open", "equal", 1)),
        button(actionType="eventChain", events=[toast, turn]), local=(variable("open", "number"),),
        expressions={"next": "open ? 0 : 1", "label": "open ? '折叠' : '展开'"},
    )  # fmt: skip
    assert (await quietly(client, "go"))["effects"] == [{"kind": "toast", "text": "展开", "tone": "info"}]
    assert (await client.last(viewer="user01"))["view"]["nodes"][0]["text"] == "inside"
    assert (await quietly(client, "go"))["effects"][0]["text"] == "折叠"


async def test_a_menu_offers_its_items(client: Client) -> None:
    chosen = [{"event": {"actionType": "request", "params": [param("a", "1")]}}]
    event = {
        "event": {"actionType": "select", "selectOptions": [{"text": text("请求"), "value": "1"}]},
        "callbacks": [chosen],
    }
    await show(client, button(actionType="eventChain", events=[event]))
    (menu,) = (await quietly(client, "go"))["effects"]
    assert [item["text"] for item in menu["items"]] == ["请求"]
    sent, _ = await press(client, menu["items"][0]["control"])
    assert sent == {"actionIds": ["main_0_0"], "params": {"a": "1"}}


async def test_toasts_of_a_request_follow_its_condition(client: Client) -> None:
    condition = {"conditions": [{"type": "variable", "variable": "done", "op": "isTrue"}]}
    toasts = {"successToast": text("好"), "failureToast": text("${why}"), "successCondition": condition}
    declared = (variable("done", "boolean", private=True), variable("why", private=True))
    await show(client, button(**request("go", **toasts)), variables=declared)
    _, seen = await press(client, "go", answer={"userPrivateData": variables(done="true")})
    assert seen["effects"] == [{"kind": "toast", "text": "好", "tone": "success"}]
    _, seen = await press(client, "go", answer={"userPrivateData": variables(done="false", why="没填")})
    assert seen["effects"] == [{"kind": "toast", "text": "没填", "tone": "error"}]


@pytest.mark.parametrize(
    ("props", "effects"),
    [
        ({"actionType": "copy", "copyValue": text("id-1")}, [{"kind": "copy", "text": "id-1"}]),
        ({"actionType": "url", "url": {"value": "https://a.example/"}},
         [{"kind": "open", "url": "https://a.example/"}]),
        ({"actionType": "openModal"}, [{"kind": "unsupported", "text": "openModal"}]),
        ({"actionType": "actionSheet", "actionSheetTitle": text("t"),
          "actionSheetItems": [{"text": text("x")}]},
         [{"kind": "menu", "title": "t", "items": [{"text": "x", "control": "go/0"}]}]),
    ],
)  # fmt: skip
async def test_other_actions_have_effects_on_the_page_only(client: Client, props: Any, effects: Any) -> None:
    await show(client, button(**props))
    assert (await quietly(client, "go"))["effects"] == effects


@pytest.mark.parametrize(
    ("props", "action", "reason"),
    [
        (request("go", status=text("disabled")), "go", "disabled"),
        (request("go"), "nope", "no such button"),
        (request("go"), "go/5", "no such button"),
        (request("go"), "go", "no connection"),
        ({}, "go", "not a callback button"),
    ],
)
async def test_a_press_that_cannot_be_sent_says_why(
    client: Client, props: Any, action: str, reason: str
) -> None:
    await show(client, button(**props))
    assert (await quietly(client, action))["reason"] == reason


async def test_a_chain_that_does_not_end_is_cut(client: Client) -> None:
    event: dict[str, Any] = {"event": {"actionType": "toast", "toastContent": text("x")}}
    await show(client, button(actionType="eventChain", events=[event] * 500))
    assert len((await quietly(client, "go"))["effects"]) < 20


async def test_params_and_value_have_to_be_right(client: Client) -> None:
    await show(client, component("Input", id="w"))
    wrong: tuple[Any, ...] = ([], {})
    for params in wrong:
        body = {"card": "run-1", "user": "user01", "action": "w", "params": params}
        assert (await client.post("/_sandbox/tap", body)).status == 400
