"""The Stream gateway: tickets, frames, acks, redelivery and disconnects."""

import asyncio
import json

import aiohttp
import pytest

from dingtalk_sandbox import Sandbox
from tests.dingtalk_sandbox.harness import CARDS, GROUP, KEY, MESSAGES, SECRET, Client, card


async def test_opening_needs_the_right_secret(client: Client) -> None:
    answer = await client.open(clientSecret="no")
    assert (answer.status, answer.code) == (400, "invalidClientIdOrSecret")


@pytest.mark.parametrize(
    "subscriptions",
    [None, [], {}, ["x"], [{"type": "X", "topic": "*"}], [{"type": "EVENT", "topic": "a"}],
     [{"type": "CALLBACK"}], [{"type": [], "topic": {}}]],
)  # fmt: skip
async def test_opening_needs_subscriptions(client: Client, subscriptions: object) -> None:
    assert (await client.open(subscriptions=subscriptions)).status == 400


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/xml", "application/xml"),
        ("text/xml;q=0.9, text/html", "application/xml"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("application/xml, */*;q=0.1", "application/json"),
        ("", "application/json"),
    ],
)
async def test_only_who_asks_for_xml_gets_it(client: Client, accept: str, kind: str) -> None:
    body = {"clientId": KEY, "clientSecret": SECRET, "subscriptions": [{"type": "EVENT", "topic": "*"}]}
    url = client.sandbox.url + "/v1.0/gateway/connections/open"
    async with client.http.post(url, json=body, headers={"Accept": accept}) as response:
        assert response.content_type == kind
        assert "ticket" in await response.text()


async def test_opening_takes_json_alone(client: Client) -> None:
    body = {"clientId": KEY, "clientSecret": SECRET, "subscriptions": [{"type": "EVENT", "topic": "*"}]}
    url = client.sandbox.url + "/v1.0/gateway/connections/open"
    async with client.http.post(url, data=json.dumps(body)) as response:
        assert response.status == 400


async def test_system_subscriptions_are_taken_as_the_go_sdk_sends_them(client: Client) -> None:
    system = [{"type": "SYSTEM", "topic": topic} for topic in ("ping", "disconnect")]
    async with client.listen(subscriptions=[*system, {"type": "CALLBACK", "topic": MESSAGES}]) as bot:
        await client.say("@DingRun hi")
        assert (await bot.said())["text"]["content"] == " hi"


async def test_a_ticket_opens_one_connection(client: Client) -> None:
    door = (await client.open()).body
    url = f"{door['endpoint']}?ticket={door['ticket']}"
    async with client.http.ws_connect(url):
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            await client.http.ws_connect(url)


async def test_a_ticket_ends_after_90_seconds(client: Client) -> None:
    door = (await client.open()).body
    await client.later(90)
    with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
        await client.http.ws_connect(f"{door['endpoint']}?ticket={door['ticket']}")


async def test_a_mention_in_a_group_reaches_the_robot(client: Client) -> None:
    async with client.listen() as bot:
        said = await client.say("@dingrun 重跑")
        data = await bot.said()
    assert said == {"id": data["msgId"], "delivered": True, "why": ""}
    assert (data["text"]["content"], data["senderStaffId"], data["conversationType"]) == (
        " 重跑",
        "user01",
        "2",
    )
    assert (data["conversationId"], data["isAdmin"], data["robotCode"]) == (GROUP, False, KEY)
    assert data["sessionWebhookExpiredTime"] - data["createAt"] == 5_400_000


async def test_the_frame_is_as_documented(client: Client) -> None:
    async with client.listen() as bot:
        await client.say("@DingRun hi")
        frame = await bot.frame()
    assert (frame["specVersion"], frame["type"], frame["headers"]["topic"]) == ("1.0", "CALLBACK", MESSAGES)
    assert frame["headers"]["time"].isdigit()
    assert isinstance(frame["data"], str)


async def test_talk_without_a_mention_stays_in_the_group(client: Client) -> None:
    async with client.listen():
        said = await client.say("@DingRunner hi")
    assert (said["delivered"], said["why"]) == (False, "the robot was not mentioned")


async def test_other_mentions_stay_in_the_text(client: Client) -> None:
    async with client.listen() as bot:
        await client.say("@DingRun 状态 @李雷 @外部顾问")
        data = await bot.said()
    assert data["text"]["content"] == " 状态 @李雷 @外部顾问"
    assert [user.get("staffId") for user in data["atUsers"]] == [None, "user01", None]


async def test_one_to_one_needs_no_mention(client: Client) -> None:
    async with client.listen() as bot:
        await client.say("状态", "manager01", "cidSandboxOto-manager01==")
        data = await bot.said()
    assert (data["conversationType"], data["isAdmin"], data["text"]["content"]) == ("1", True, "状态")
    assert not {"conversationTitle", "isInAtList", "atUsers"} & data.keys()


async def test_an_outsider_has_no_staff_id(client: Client) -> None:
    async with client.listen() as bot:
        await client.say("@DingRun hi", "outsider01")
        assert "senderStaffId" not in await bot.said()


async def test_nobody_listens(client: Client) -> None:
    assert (await client.say("@DingRun hi"))["why"] == "no connection"


async def test_only_subscribed_topics_are_pushed(client: Client) -> None:
    async with client.listen(subscriptions=[{"type": "CALLBACK", "topic": CARDS}]):
        assert (await client.say("@DingRun hi"))["why"] == "no connection"


async def test_an_unacked_message_comes_again_with_a_new_message_id(client: Client) -> None:
    async with client.listen() as bot:
        await client.say("@DingRun hi")
        first = await bot.frame()
        await client.later(60)
        second = await bot.frame()
    assert first["headers"]["messageId"] != second["headers"]["messageId"]
    assert json.loads(first["data"])["msgId"] == json.loads(second["data"])["msgId"]


async def test_an_acked_message_does_not_come_again(client: Client, sandbox: Sandbox) -> None:
    async with client.listen() as bot:
        await client.say("@DingRun hi")
        await bot.said()
        while not sandbox.hub.counts["acked"]:
            await client.counters()
        await client.later(600)
        assert sandbox.hub.counts["redelivered"] == 0
    assert (await client.last())["wire"]["response"]["code"] == 200


async def test_a_message_waits_for_its_ack_though_nobody_is_connected_any_more(
    client: Client, sandbox: Sandbox
) -> None:
    async with client.listen() as bot:
        said = await client.say("@DingRun hi")
        await bot.frame()
    while sandbox.hub.connections:
        await client.counters()
    await client.later(60)
    async with client.listen() as bot:
        await client.later(60)
        assert (await bot.said())["msgId"] == said["id"]


async def test_redelivery_gives_up(client: Client, sandbox: Sandbox) -> None:
    await client.set(redeliver_limit=2)
    async with client.listen() as bot:
        await client.say("@DingRun hi")
        for _ in range(3):
            await bot.frame()
            await client.later(60)
        await client.later(60)
        await client.counters()
    assert sandbox.hub.counts["pushed"] == 3


async def test_redelivery_can_be_off(client: Client, sandbox: Sandbox) -> None:
    await client.set(redeliver=False)
    async with client.listen() as bot:
        await client.say("@DingRun hi")
        await bot.frame()
        await client.later(60)
        await client.counters()
    assert sandbox.hub.counts["pushed"] == 1


async def test_the_same_message_can_be_asked_for_again(client: Client) -> None:
    async with client.listen() as bot:
        said = await client.say("@DingRun hi")
        await bot.said()
        await client.control("redeliver", {"id": said["id"]})
        assert (await bot.said())["msgId"] == said["id"]


async def test_a_reset_forgets_what_was_to_be_redelivered(client: Client, sandbox: Sandbox) -> None:
    async with client.listen() as bot:
        await client.say("@DingRun hi")
        await bot.frame()
        await client.control("reset")
        await client.later(60)
        await client.counters()
    assert sandbox.hub.counts["pushed"] == 1


async def test_a_ping_wants_its_opaque_back(client: Client, sandbox: Sandbox) -> None:
    await client.set(ping_every=20)
    async with client.listen() as bot:
        await client.later(20)
        frame = await bot.frame()
        assert (frame["type"], frame["headers"]["topic"]) == ("SYSTEM", "ping")
        await bot.socket.send_json({"code": 200, "headers": frame["headers"], "data": frame["data"]})
        while not sandbox.hub.counts["pongs"]:
            await client.counters()


async def test_a_ping_can_be_asked_for(client: Client, sandbox: Sandbox) -> None:
    async with client.listen() as bot:
        asking = asyncio.create_task(client.control("stream", {"action": "ping"}))
        assert (await bot.frame())["headers"]["topic"] == "ping"
        await client.later(5)
        await asking
    assert sandbox.hub.counts["missed_pongs"] == 1


async def test_pushes_are_spread_over_connections(client: Client) -> None:
    async with client.listen() as one, client.listen() as two:
        for _ in range(20):
            await client.say("@DingRun hi")
        counts = (await client.counters())["stream"]
        assert counts["connections"] == 2
        assert [(await bot.frame())["type"] for bot in (one, two)] == ["CALLBACK"] * 2


async def test_after_disconnect_nothing_is_pushed_and_the_end_comes(client: Client) -> None:
    async with client.listen() as bot:
        await client.control("stream", {"action": "disconnect"})
        frame = await bot.frame()
        assert (frame["type"], frame["headers"]["topic"]) == ("SYSTEM", "disconnect")
        assert (await client.say("@DingRun hi"))["why"] == "no connection"
        await client.later(10)
        assert (await bot.socket.receive(timeout=5)).type == aiohttp.WSMsgType.CLOSE


async def test_a_dropped_connection_just_ends(client: Client) -> None:
    async with client.listen() as bot:
        await client.control("stream", {"action": "drop"})
        assert (await bot.socket.receive(timeout=5)).type in {
            aiohttp.WSMsgType.CLOSED,
            aiohttp.WSMsgType.ERROR,
        }


async def test_a_mute_connection_swallows_pushes(client: Client) -> None:
    async with client.listen() as bot:
        await client.control("stream", {"action": "mute"})
        assert (await client.say("@DingRun one"))["why"] == "the connection is mute"
        await client.control("stream", {"action": "unmute"})
        await client.say("@DingRun two")
        assert (await bot.said())["text"]["content"] == " two"


async def test_one_connection_can_be_meant(client: Client, sandbox: Sandbox) -> None:
    async with client.listen():
        id_ = next(iter(sandbox.hub.connections))
        assert await client.control("stream", {"action": "mute", "connection": "x"}) == {
            "ok": True,
            "connections": 0,
        }
        assert (await client.control("stream", {"action": "drop", "connection": id_}))["connections"] == 1


@pytest.mark.parametrize(
    "junk", ["", "[]", "null", "{", '{"headers":[]}', '{"headers":{"messageId":{}}}', "[" * 5000]
)
async def test_junk_from_a_bot_is_ignored(client: Client, sandbox: Sandbox, junk: str) -> None:
    async with client.listen() as bot:
        await bot.socket.send_str(junk)
        await bot.socket.send_bytes(b"\x00")
        await client.say("@DingRun hi")
        assert (await bot.said())["msgtype"] == "text"
        assert sandbox.hub.counts["bad_frames"] == 2


async def test_without_stream_quota_the_text_is_missing(client: Client) -> None:
    await client.set(stream_limit=1)
    async with client.listen() as bot:
        await client.say("@DingRun one")
        await bot.said()
        await client.say("@DingRun two")
        data = await bot.said()
    assert "text" not in data
    assert (data["errorCode"], data["errCode"]) == (20001, 20001)


async def test_stop_ends_everything_that_is_open(client: Client, sandbox: Sandbox) -> None:
    async with client.listen() as bot, client.http.get(sandbox.url + "/_sandbox/events") as events:
        await client.api("/v1.0/card/instances/createAndDeliver", card())
        await client.say("@DingRun hi")
        await sandbox.stop()
        await bot.frame()
        assert (await bot.socket.receive(timeout=5)).type == aiohttp.WSMsgType.CLOSE
        assert b"event: change" in await events.read()
