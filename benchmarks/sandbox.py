"""Measure the sandbox under load: 200 Stream connections, frames a second, an hour of its time, its memory.

`python -m benchmarks.sandbox` says messages as a person would, to bots on 200 connections that acknowledge
each frame. The reference is a bare WebSocket server of aiohttp in the same run, with as many connections. It
sends frames of the same size and reads the same acks. Servers and clients share one process with one thread:
rates are per second of its CPU time, so that other programs on the machine matter less.
"""

import argparse
import asyncio
import json
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from rich.console import Console
from rich.table import Table

from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.inbound.speech import Speech
from dingtalk_sandbox.scenario import default_scenario

CONNECTIONS = 200
FRAMES = 20_000
WANTED_RATE = 2_000.0  # frames a second
HOUR_LIMIT_SECONDS = 60.0
TOPIC = "/v1.0/im/bot/messages/get"
GROUP = "cidSandboxGroupOps=="
STEP_SECONDS = 20.0  # of the sandbox's clock, between two pings of a connection


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Frames that were sent and acknowledged, and the CPU time that they took."""

    frames: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.frames / self.seconds


def ack_of(text: str) -> str:
    """Return the ack of a frame, as a client sends it."""
    frame = json.loads(text)
    headers = {"messageId": frame["headers"]["messageId"], "contentType": "application/json"}
    return json.dumps({"code": 200, "headers": headers, "message": "OK", "data": frame["data"]})


async def acknowledge(socket: aiohttp.ClientWebSocketResponse) -> None:
    async for message in socket:
        await socket.send_str(ack_of(message.data))


@asynccontextmanager
async def bots(connect: Callable[[], Awaitable[str]], count: int) -> AsyncIterator[None]:
    """Keep connections open, whose URLs `connect` returns, and acknowledge what comes."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        tasks = []
        for _ in range(count):
            socket = await stack.enter_async_context(http.ws_connect(await connect()))
            tasks.append(group.create_task(acknowledge(socket)))
        yield
        for task in tasks:
            task.cancel()


async def measure_reference(frames: int, connections: int, size: int) -> Rate:
    """Send frames of `size` bytes by a bare server, each after the ack of one before it."""
    acks = asyncio.Semaphore(0)
    sockets: list[web.WebSocketResponse] = []

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        sockets.append(socket)
        async for message in socket:
            json.loads(message.data)
            acks.release()
        return socket

    application = web.Application()
    application.router.add_get("/", serve)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"

    async def connect() -> str:
        return url

    frame = {"headers": {"messageId": "m"}, "data": "x" * size}
    async with bots(connect, connections):
        started = time.process_time()
        for number in range(frames):
            await sockets[number % connections].send_str(json.dumps(frame))
            await asyncio.sleep(0)
        for _ in range(frames):
            await acks.acquire()
        rate = Rate(frames=frames, seconds=time.process_time() - started)
    await runner.cleanup()
    return rate


@asynccontextmanager
async def loaded_sandbox(connections: int) -> AsyncIterator[Sandbox]:
    """Start a sandbox with that many connections."""
    settings = {"ping_every": STEP_SECONDS, "redeliver_after": 30, "stream_limit": 0, "keep_messages": 2_000}
    async with Sandbox(scenario={"settings": settings}) as sandbox:
        app = default_scenario().apps[0]
        topics = [{"type": "CALLBACK", "topic": TOPIC}]
        body = {"clientId": app.key, "clientSecret": app.secret, "subscriptions": topics}
        async with aiohttp.ClientSession() as http:

            async def connect() -> str:
                async with http.post(f"{sandbox.url}/v1.0/gateway/connections/open", json=body) as answer:
                    door: Any = await answer.json(content_type=None)
                return f"{door['endpoint']}?ticket={door['ticket']}"

            async with bots(connect, connections):
                yield sandbox


async def measure_frames(sandbox: Sandbox, frames: int) -> Rate:
    """Say messages to the robot until all are acknowledged."""
    before, started = sandbox.hub.counts["acked"], time.process_time()
    speech = Speech(conversation=GROUP, user="user01", text="@DingRun 状态")
    for _ in range(frames):
        await sandbox.actions.say(speech)
        await asyncio.sleep(0)
    while sandbox.hub.counts["acked"] - before < frames:  # noqa: ASYNC110 - counts have no event
        await asyncio.sleep(0.001)
    return Rate(frames=frames, seconds=time.process_time() - started)


async def measure_hour(sandbox: Sandbox) -> float:
    """Move the clock by an hour in steps, and wait for the ping of every connection at each."""
    started, wanted = time.perf_counter(), sandbox.hub.counts["pongs"]
    for _ in range(int(3600 / STEP_SECONDS)):
        sandbox.state.clock.advance(STEP_SECONDS)
        wanted += len(sandbox.hub.connections)
        while sandbox.hub.counts["pongs"] < wanted:  # noqa: ASYNC110 - counts have no event
            await asyncio.sleep(0.001)
    return time.perf_counter() - started


def memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def frame_size(sandbox: Sandbox) -> int:
    """Return the bytes of the data of a pushed frame."""
    (message,) = sandbox.state.conversations.messages(GROUP)[-1:]
    return int((message.exchange or {}).get("bytes", 0))


async def run(frames: int, connections: int) -> bool:
    """Measure everything and print it. Returns True if the aims are met."""
    async with loaded_sandbox(connections) as sandbox:
        await measure_frames(sandbox, frames // 10)
        size, before = frame_size(sandbox), memory_mb()
        rate = await measure_frames(sandbox, frames)
        grown = memory_mb() - before
        hour = await measure_hour(sandbox)
    reference = await measure_reference(frames, connections, size)
    table = Table("", "measured", "aim", title=f"{connections} connections, {frames} frames of {size} bytes")
    table.add_row("frames a CPU second", f"{rate.per_second:,.0f}", f"{WANTED_RATE:,.0f}")
    table.add_row("bare WebSocket server", f"{reference.per_second:,.0f}", "")
    table.add_row("sandbox / bare server", f"{rate.per_second / reference.per_second:.2f}", "")
    table.add_row("an hour of its time", f"{hour:.1f} s", f"{HOUR_LIMIT_SECONDS:.0f} s")
    table.add_row("memory grown by these frames", f"{grown:.1f} MB", "")
    Console().print(table)
    return rate.per_second >= WANTED_RATE and hour <= HOUR_LIMIT_SECONDS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    given = parser.parse_args()
    raise SystemExit(not asyncio.run(run(given.frames, given.connections)))


if __name__ == "__main__":
    main()
