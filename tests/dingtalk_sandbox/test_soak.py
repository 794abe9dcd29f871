"""Half an hour of sandbox time: tokens expire, connections close, messages are redelivered."""

import json
from datetime import timedelta

from dingtalk_sandbox import Sandbox
from tests.dingtalk_sandbox.harness import BOTH, Client, Listener, card


async def minute(client: Client, bot: Listener, number: int) -> str:
    """Send a message, ignore its first delivery, and ack the redelivery. Returns the text."""
    await client.say(f"@DingRun {number}")
    first = await bot.frame()
    await client.later(60)
    second = await bot.frame()
    await bot.ack(second)
    assert json.loads(first["data"])["msgId"] == json.loads(second["data"])["msgId"]
    return str(json.loads(second["data"])["text"]["content"])


async def test_half_an_hour_with_ends_and_repeats(client: Client, sandbox: Sandbox) -> None:
    await client.set(token_life=600, redeliver_limit=1)
    await client.__aenter__()
    start, tokens, heard = sandbox.state.clock.now(), {client.token}, []
    for number in range(30):
        async with client.listen() as bot:
            heard.append(await minute(client, bot, number))
            await client.control("stream", {"action": "disconnect"})
            assert (await bot.frame())["headers"]["topic"] == "disconnect"
        if (await client.api(BOTH, card(outTrackId=f"run-{number}"))).code == "InvalidAuthentication":
            await client.__aenter__()
            tokens.add(client.token)
    assert sandbox.state.clock.now() - start == timedelta(minutes=30)
    assert heard == [f" {number}" for number in range(30)]
    assert len(tokens) == 4
    assert sandbox.hub.counts["redelivered"] == 30
    assert sandbox.hub.counts["opened"] == 30
    said = next(m for m in await client.messages() if m["kind"] == "text")
    assert ["response" in wire for wire in (said["wire"], *said["updates"])] == [False, True]
