"""Bots that receive by HTTP: the signed request, the reply in its response, and redelivery."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.errors import UsageError
from dingtalk_sandbox.scenario import ReceiveMode, parse_scenario
from tests.dingtalk_sandbox.harness import GROUP, KEY, SECRET, Client


@dataclass(kw_only=True)
class Receiver:
    """A bot behind a URL. `answers` are its next responses, then 200 with an empty object."""

    heard: list[tuple[dict[str, str], Any]] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)

    async def hear(self, request: web.Request) -> web.StreamResponse:
        self.heard.append((dict(request.headers), json.loads(await request.read())))
        answer = self.answers.pop(0) if self.answers else {}
        if answer == "silence":
            await asyncio.sleep(5)
        return answer if isinstance(answer, web.Response) else web.json_response(answer)


async def posted_again(client: Client, times: int) -> None:
    """Wait until the first message was posted so many times more."""
    async with asyncio.timeout(5):
        while len((await client.messages())[0]["updates"]) < times:
            pass


@pytest.fixture
async def receiver(sandbox: Sandbox) -> AsyncIterator[Receiver]:
    """Let the default app receive by HTTP."""
    bot, application = Receiver(), web.Application()
    application.router.add_post("/robots", bot.hear)
    async with TestServer(application) as server:
        url = str(server.make_url("/robots?key=secret"))
        app = replace(sandbox.state.scenario.apps[0], mode=ReceiveMode.HTTP, url=url)
        sandbox.state.scenario = replace(sandbox.state.scenario, apps=(app,))
        yield bot


async def test_a_message_is_posted_with_its_signature(client: Client, receiver: Receiver) -> None:
    sent = await client.say("@DingRun 状态")
    ((headers, data),) = receiver.heard
    assert (sent["delivered"], data["msgId"]) == (True, sent["id"])
    assert (data["text"]["content"], data["robotCode"]) == (" 状态", KEY)
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    signed = f"{headers['timestamp']}\n{SECRET}".encode()
    digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
    assert headers["sign"] == base64.b64encode(digest).decode()
    assert (await client.counters())["buckets"]["stream_webhook"] == 1


async def test_the_inspector_shows_the_request_without_its_secrets(
    client: Client, receiver: Receiver
) -> None:
    await client.say("@DingRun 状态")
    wire = (await client.last())["wire"]
    assert (wire["status"], wire["request"]["headers"]["sign"]) == (200, "***")
    assert wire["endpoint"].endswith("/robots")


async def test_a_response_may_be_a_reply(client: Client, receiver: Receiver) -> None:
    receiver.answers = [{"msgtype": "markdown", "markdown": {"title": "t", "text": "**好**"}}]
    await client.say("@DingRun 状态")
    reply = await client.last()
    assert (reply["kind"], reply["content"]["text"], reply["sender"]["robot"]) == ("markdown", "**好**", True)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"msgtype": "empty"},
        {"msgtype": "link", "link": {"title": "t", "text": "x", "messageUrl": "https://example.com"}},
        {"msgtype": "text", "text": 5},
        web.Response(text="ok"),
        web.Response(text="[" * 5000),
    ],
)
async def test_a_response_that_is_no_reply_is_taken(
    client: Client, receiver: Receiver, answer: object
) -> None:
    receiver.answers = [answer]
    assert (await client.say("@DingRun 状态"))["delivered"]
    assert (await client.last())["kind"] == "text"


async def test_the_session_webhook_works_as_well(client: Client, receiver: Receiver) -> None:
    await client.say("@DingRun 状态")
    body = {"msgtype": "text", "text": {"content": "hi"}}
    async with client.http.post(receiver.heard[0][1]["sessionWebhook"], json=body) as response:
        assert (await response.json())["errcode"] == 0


async def test_what_was_not_taken_comes_again_until_it_is(client: Client, receiver: Receiver) -> None:
    await client.set(http_deadline=0.05)
    receiver.answers = [web.Response(status=500), "silence", {"msgtype": "text", "text": {"content": "hi"}}]
    sent = await client.say("@DingRun 状态")
    assert (sent["delivered"], sent["why"]) == (False, "the bot answered with status 500")
    for again in (1, 2):
        await client.later(60)
        await posted_again(client, again)
    assert {data["msgId"] for _, data in receiver.heard} == {sent["id"]}
    await client.control("expect", {"conversation": GROUP, "robot": True, "contains": "hi"})
    await client.later(600)
    assert len(receiver.heard) == 3


async def test_a_bot_that_is_away_is_told(client: Client, sandbox: Sandbox, receiver: Receiver) -> None:
    app = replace(sandbox.state.scenario.apps[0], url="http://127.0.0.1:1/")
    sandbox.state.scenario = replace(sandbox.state.scenario, apps=(app,))
    await client.set(redeliver=False)
    sent = await client.say("@DingRun 状态")
    assert (sent["delivered"], sent["why"]) == (False, "the bot cannot be reached: ClientConnectorError")


async def test_a_message_can_be_posted_again_on_order(client: Client, receiver: Receiver) -> None:
    sent = await client.say("@DingRun 状态")
    assert (await client.control("redeliver", {"id": sent["id"]}))["delivered"]
    assert [data["msgId"] for _, data in receiver.heard] == [sent["id"]] * 2


@pytest.mark.parametrize("url", ["", "ftp://example.com/", "http://", "http://[", "robots"])
def test_a_scene_needs_a_url_to_post_to(url: str) -> None:
    app = {"key": "a", "secret": "s", "agent_id": 1, "robot_name": "A", "mode": "http", "url": url}
    with pytest.raises(UsageError, match="mode http needs a url"):
        parse_scenario({"apps": [app]})
