"""Bots on Stream clients that nobody changed. Their environment leads them to the sandbox.

Each program prints what it hears, and answers a tap.
"""

import asyncio
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dingtalk_sandbox.intercept.interceptor import Interceptor
from tests.dingtalk_sandbox.clients import PROGRAMS, PYTHON, clients, connected, running
from tests.dingtalk_sandbox.harness import KEY, SECRET, Client, card

__all__ = ["clients"]
PYTHON_BOT = (PYTHON, str(PROGRAMS / "python/stream_bot.py"))
BOTS = {
    "go": ("{clients}/go/bot",),
    "java": ("java", "-cp", "{clients}/java:{clients}/java/*", "Bot"),
    "node": ("node", "{clients}/node/bot.mjs"),
}
if os.environ.get("CAMPAIGN") == "full":
    BOTS["rust"] = ("{clients}/rust/debug/bot",)


async def check_contract(client: Client, command: Iterable[str], environment: Mapping[str, str]) -> None:
    async with running(*command, KEY, SECRET, environment=environment) as bot:
        await connected(client)
        said = await client.say("@DingRun 重跑")
        assert await bot.line("message") == f'message {said["id"]} " 重跑" user01'
        await client.api("/v1.0/card/instances/createAndDeliver", card())
        tapped = await client.tap(user="user02")
        assert (tapped["ok"], tapped["private"]) == (True, {"tips": "taken: rerun"})
        assert await bot.line("tap") == "tap run-1 rerun user02"
        assert (await first_ack(client))["code"] == 200


async def first_ack(client: Client) -> Any:
    """Wait for the ack of the first message. Clients with threads may send it after that of the tap."""
    while "response" not in (wire := (await client.messages())[0]["wire"]):  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.02)
    return wire["response"]


async def test_the_official_python_client_takes_an_endpoint(client: Client) -> None:
    await check_contract(client, PYTHON_BOT, {"DINGTALK_OPENAPI_ENDPOINT": client.sandbox.url})


async def test_the_official_python_client_hears_acks_and_answers_a_tap(
    client: Client, interceptor: Interceptor
) -> None:
    await check_contract(client, PYTHON_BOT, interceptor.environment())


@pytest.mark.parametrize("name", BOTS)
async def test_a_stream_client_hears_acks_and_answers_a_tap(
    client: Client, interceptor: Interceptor, clients: Path, name: str
) -> None:
    command = [word.format(clients=clients) for word in BOTS[name]]
    await check_contract(client, command, interceptor.environment())
