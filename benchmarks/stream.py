"""Measure how many chat messages per second the whole bot takes, and how soon each is acknowledged.

`python -m benchmarks.stream` runs `python -m bot` as a process on SQLite, connected to a small gateway that
sends prepared frames and notes when their acks and the replies come. First 100 messages a second, then 2,000
messages within 10 s. The reference is what SQLite alone commits on the same disk in the same run.
`--store mongodb://…/name --rate 20` measures another store, at one rate for 10 s.
"""

import argparse
import asyncio
import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import yaml
from aiohttp import WSMsgType, web
from rich.console import Console
from rich.table import Table

LOADS = ((100, 10.0), (200, 10.0))  # messages a second, seconds
WARM_UP = 50  # messages
COMMITS = 500
TIMEOUT_SECONDS = 60.0
ACK_LIMIT_SECONDS = 1.2
TOPIC = "/v1.0/im/bot/messages/get"


def frame(number: int, reply_to: str) -> tuple[str, str]:
    """A message's id, and its frame."""
    id_ = f"m{number}"
    data = {
        "conversationId": "cidBench==", "chatbotUserId": "$:LWCP_v1:$b", "msgId": f"msg{number}",
        "senderNick": "李雷", "senderStaffId": "user01", "senderId": "$:LWCP_v1:$u", "isAdmin": True,
        "sessionWebhook": reply_to, "sessionWebhookExpiredTime": int(time.time() * 1000) + 5_400_000,
        "createAt": int(time.time() * 1000), "conversationType": "2", "conversationTitle": "安全运营群",
        "isInAtList": True, "robotCode": "k", "msgtype": "text", "text": {"content": " 帮助 "},
    }  # fmt: skip
    headers = {"messageId": id_, "topic": TOPIC, "contentType": "application/json", "time": "0"}
    whole = {"specVersion": "1.0", "type": "CALLBACK", "headers": headers, "data": json.dumps(data)}
    return id_, json.dumps(whole)


class Gateway:
    """The other side: opens connections, sends frames, takes acks and replies."""

    def __init__(self) -> None:
        self.socket: web.WebSocketResponse | None = None
        self.connected = asyncio.Event()
        self.sent: dict[str, float] = {}
        self.took: dict[str, float] = {}
        self.refused = self.replies = self._numbers = 0
        self._acked = asyncio.Semaphore(0)
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Gateway"]:
        app = web.Application()
        app.router.add_post("/v1.0/gateway/connections/open", self._open)
        app.router.add_get("/connect", self._connect)
        app.router.add_post("/reply", self._reply)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _open(self, request: web.Request) -> web.Response:
        endpoint = self.url.replace("http", "ws", 1) + "/connect"
        return web.json_response({"endpoint": endpoint, "ticket": "t"})

    async def _connect(self, request: web.Request) -> web.WebSocketResponse:
        self.socket = web.WebSocketResponse()
        await self.socket.prepare(request)
        self.connected.set()
        async for received in self.socket:
            if received.type is WSMsgType.TEXT:
                self._ack(json.loads(received.data))
        return self.socket

    def _ack(self, ack: dict[str, Any]) -> None:
        id_ = ack["headers"]["messageId"]
        self.took[id_] = time.perf_counter() - self.sent[id_]
        self.refused += ack["code"] != 200  # noqa: PLR2004 - the wire's word for taken
        self._acked.release()

    async def _reply(self, request: web.Request) -> web.Response:
        await request.read()
        self.replies += 1
        return web.json_response({"errcode": 0, "errmsg": "ok"})

    async def send(self, id_: str, text: str) -> None:
        assert self.socket  # noqa: S101 - connected
        self.sent[id_] = time.perf_counter()
        await self.socket.send_str(text)

    def frames(self, messages: int) -> list[tuple[str, str]]:
        first, self._numbers = self._numbers, self._numbers + messages
        return [frame(number, self.url + "/reply") for number in range(first, self._numbers)]

    async def steady(self, rate: int, seconds: float) -> Sequence[float]:
        """Send so many messages a second; how long their acks took, shortest first."""
        frames = self.frames(int(rate * seconds))
        started = time.perf_counter()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            for place, (id_, text) in enumerate(frames):
                await asyncio.sleep(max(0.0, started + place / rate - time.perf_counter()))
                await self.send(id_, text)
            for _ in frames:
                await self._acked.acquire()
        return sorted(self.took[id_] for id_, _ in frames)

    @property
    def ended(self) -> int:
        """Messages that were answered to people, or refused: nothing here delivers those again."""
        return self.replies + self.refused

    async def answered(self, messages: int) -> None:
        """Wait until so many messages have ended in all."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while self.ended < messages:  # noqa: ASYNC110 - another process answers
                await asyncio.sleep(0.02)


@asynccontextmanager
async def running_bot(gateway: Gateway, config: Path) -> AsyncIterator[int]:
    """Run the bot against the gateway; its process id once it is connected and warm."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "--config", str(config),
        stderr=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await gateway.connected.wait()
        await gateway.steady(WARM_UP, 1.0)
        await gateway.answered(WARM_UP)
        yield process.pid
    finally:
        process.kill()
        await process.wait()


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far, by Linux' own account (user and system)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def commits_per_second(folder: Path) -> float:
    """Commit one row at a time, as durably as the store does."""
    db = sqlite3.connect(folder / "reference.db", isolation_level=None)
    for pragma in ("journal_mode=wal", "synchronous=full"):
        db.execute(f"pragma {pragma}")
    db.execute("create table rows (text text) strict")
    started = time.perf_counter()
    for number in range(COMMITS):
        db.execute("insert into rows values (?)", (str(number) * 100,))
    rate = COMMITS / (time.perf_counter() - started)
    db.close()
    return rate


def settings(gateway: Gateway, folder: Path, store: str) -> Path:
    ding = {"APP_KEY": "k", "APP_SECRET": "s", "OPENAPI_BASE": gateway.url, "OAPI_BASE": gateway.url}
    values = {
        "DINGDING": ding,
        "store": {"url": store or f"sqlite:///{folder}/bench.db"},
        "web": {"port": 0},
        "log": {"level": "WARNING"},
    }
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(values), encoding="utf-8")
    return config


async def main(store: str, loads: Sequence[tuple[int, float]]) -> None:
    console = Console()
    table = Table(
        "messages / s", "ack p50 (ms)", "p99 (ms)", "slowest (ms)", "answered / s", "CPU ms each", "holds"
    )
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(Gateway().serving())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        config = await asyncio.to_thread(settings, gateway, folder, store)
        pid = await stack.enter_async_context(running_bot(gateway, config))
        for rate, seconds in loads:
            table.add_row(*await measure(gateway, pid, rate, seconds))
        commits = await asyncio.to_thread(commits_per_second, folder)
    console.print(table)
    console.print(f"{gateway.refused} refused; SQLite alone commits {commits:.0f} rows / s here")


async def measure(gateway: Gateway, pid: int, rate: int, seconds: float) -> Sequence[str]:
    """Send at one rate; a row of the table."""
    before, used, started = gateway.ended, cpu_seconds(pid), time.perf_counter()
    took = await gateway.steady(rate, seconds)
    await gateway.answered(before + len(took))
    answered = len(took) / (time.perf_counter() - started)
    cost = (cpu_seconds(pid) - used) / len(took) * 1000
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
    times = (f"{value * 1000:.0f}" for value in (p50, p99, took[-1]))
    holds = "yes" if p99 < ACK_LIMIT_SECONDS and not gateway.refused else "NO"
    return (str(rate), *times, f"{answered:.0f}", f"{cost:.1f}", holds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stream", description="See the docstring.")
    parser.add_argument("--store", default="", metavar="URL", help="another store.url than SQLite")
    parser.add_argument("--rate", type=int, help="messages a second, for 10 s")
    asked = parser.parse_args()
    asyncio.run(main(asked.store, [(asked.rate, 10.0)] if asked.rate else LOADS))
