"""The official Python client, unmodified, against the sandbox."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.intercept.interceptor import Interceptor
from tests.dingtalk_sandbox.harness import KEY, SECRET, Client, card

PROGRAM = Path(__file__).with_name("sdk_bot.py")


@pytest.mark.parametrize("way", ["endpoint", "intercepted"])
async def test_the_official_client_hears_acks_and_answers_a_tap(
    client: Client, sandbox: Sandbox, interceptor: Interceptor, way: str
) -> None:
    led = {"endpoint": {"DINGTALK_OPENAPI_ENDPOINT": sandbox.url}, "intercepted": interceptor.environment()}
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, str(PROGRAM), KEY, SECRET),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, **led[way]},
    )
    out = program.stdout
    assert out is not None
    try:
        async with asyncio.timeout(20):
            await _connected(client, sandbox)
            said = await client.say("@DingRun 重跑")
            assert (await out.readline()).decode() == f"message {said['id']} ' 重跑' user01\n"
            await client.api("/v1.0/card/instances/createAndDeliver", card())
            tapped = await client.tap(user="user02")
            assert (tapped["ok"], tapped["private"]) == (True, {"tips": "taken: rerun"})
            assert await out.readline() == b"tap run-1 rerun user02\n"
    finally:
        program.kill()
        await program.wait()
    assert (await client.messages())[0]["wire"]["response"]["code"] == 200


async def _connected(client: Client, sandbox: Sandbox) -> None:
    url = sandbox.url + "/_sandbox/events"
    async with client.http.get(url) as events:
        while not sandbox.hub.connections:
            await events.content.readline()
