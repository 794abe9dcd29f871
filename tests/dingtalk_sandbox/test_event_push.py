"""Events that are pushed on order, or when a person reads or recalls a message of a robot."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.inbound.event_push import is_taken
from tests.dingtalk_sandbox.harness import GROUP, KEY, Client, Listener

EVENTS = [{"type": "EVENT", "topic": "*"}]
JOINED = {"eventType": "user_add_org", "data": {"userId": ["user05"]}}


async def answer(bot: Listener, frame: Any, status: str) -> None:
    headers = {"messageId": frame["headers"]["messageId"]}
    data = json.dumps({"status": status, "message": ""})
    await bot.socket.send_json({"code": 200, "headers": headers, "message": "OK", "data": data})


async def settled(client: Client, count: int) -> None:
    """Wait until so many acks have arrived."""
    async with asyncio.timeout(5):
        while (await client.counters())["stream"].get("acked", 0) < count:
            pass


async def test_an_event_is_pushed_as_documented(client: Client) -> None:
    async with client.listen(subscriptions=EVENTS) as bot:
        sent = await client.control("event", JOINED)
        frame = await bot.frame()
        await answer(bot, frame, "SUCCESS")
    headers = frame["headers"]
    assert (sent["delivered"], frame["type"], headers["topic"]) == (True, "EVENT", "*")
    assert (headers["eventId"], headers["eventType"]) == (sent["id"], "user_add_org")
    assert (headers["eventCorpId"], headers["eventBornTime"].isdigit()) == ("dingsandboxcorp", True)
    assert json.loads(frame["data"]) == JOINED["data"]
    assert (await client.counters())["buckets"]["stream_webhook"] == 1


async def test_an_event_needs_a_subscription(client: Client) -> None:
    async with client.listen():
        sent = await client.control("event", JOINED)
    assert (sent["delivered"], sent["why"]) == (False, "no connection subscribed to events")
    assert (await client.post("/_sandbox/event", JOINED | {"app": "nobody"})).status == 400
    assert (await client.post("/_sandbox/event", {"eventType": ""})).status == 400


async def test_an_event_that_is_to_come_later_comes_again_with_its_id(client: Client) -> None:
    async with client.listen(subscriptions=EVENTS) as bot:
        await client.control("event", JOINED)
        first = await bot.frame()
        await answer(bot, first, "LATER")
        await settled(client, 1)
        await client.later(60)
        second = await bot.frame()
        await answer(bot, second, "SUCCESS")
        await settled(client, 2)
        await client.later(600)
        assert (await client.counters())["stream"]["pushed"] == 2
    assert first["headers"]["eventId"] == second["headers"]["eventId"]
    assert first["headers"]["messageId"] != second["headers"]["messageId"]
    calls = (await client.call("GET", "/_sandbox/calls", params={"endpoint": "EVENT"})).body
    assert [json.loads(each["response"]["data"])["status"] for each in calls] == ["LATER", "SUCCESS"]


async def test_an_event_without_an_ack_comes_again_until_a_reset(client: Client) -> None:
    async with client.listen(subscriptions=EVENTS) as bot:
        await client.control("event", JOINED)
        await bot.frame()
        await client.later(60)
        await bot.frame()
        await client.control("reset")
        await client.later(60)
        assert (await client.counters())["stream"]["pushed"] == 2


@pytest.mark.parametrize(
    ("ack", "taken"),
    [
        ({"code": 200, "data": '{"status": "SUCCESS"}'}, True),
        ({"code": 200, "data": '{"userId": []}'}, True),
        ({"code": 200, "data": None}, True),
        ({"code": 200, "data": 5}, True),
        ({"code": 200, "data": "x"}, True),
        ({"code": 200, "data": '{"status": "LATER"}'}, False),
        ({"code": 500, "data": '{"status": "SUCCESS"}'}, False),
        ({}, False),
    ],
)
def test_an_ack_says_whether_the_event_was_taken(ack: dict[str, Any], taken: bool) -> None:
    assert is_taken(ack) is taken


@pytest.mark.parametrize(("call", "kind"), [("read", "robot_msg_read"), ("recall", "robot_msg_recall")])
async def test_what_a_person_does_with_a_message_comes_if_the_app_gets_it(
    client: Client, sandbox: Sandbox, call: str, kind: str
) -> None:
    key = (await client.group_send("sampleText", {"content": "hi"})).body["processQueryKey"]
    id_ = (await client.last())["id"]
    async with client.listen(subscriptions=EVENTS) as bot:
        await client.control(call, {"id": id_, "user": "user01"})
        assert (await client.counters())["stream"].get("pushed", 0) == 0
        app = replace(sandbox.state.scenario.apps[0], events=(kind,))
        sandbox.state.scenario = replace(sandbox.state.scenario, apps=(app,))
        await client.control(call, {"id": id_, "user": "user01"})
        data = await bot.said()
    assert (data["processQueryKey"], data["robotCode"], data["openConversationId"]) == (key, KEY, GROUP)
    assert (data["userId"], data["unionId"]) == ("user01", "union-user01")
