"""How many messages a second go through the whole bot, and how soon each is answered to DingTalk.

`python -m benchmarks.stream` runs `python -m bot`, and a program on the bare vendor's SDK whose handler does
nothing, each as a process against one small gateway, which is not what is measured: it sends prepared frames
and notes when their acks come. First as many messages as go, with up to 300 under way (the ratio is to the
SDK); then 50, 200 and 500 a second. "answered" counts to the last reply in the chat.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from aiohttp import WSMsgType, web
from rich.console import Console
from rich.table import Table

MESSAGES = 3_000
UNDER_WAY = 300
RATES = (50, 200, 500)  # messages a second
SECONDS = 4.0
PATIENCE = 60.0
GOAL, ACK_WITHIN = 0.5, 1.2
TOPIC = "/v1.0/im/bot/messages/get"
SDK = """
import sys, dingtalk_stream
from dingtalk_stream import AckMessage, ChatbotMessage, Credential, DingTalkStreamClient
dingtalk_stream.DingTalkStreamClient.OPEN_CONNECTION_API = sys.argv[1] + "/v1.0/gateway/connections/open"

class Nothing(dingtalk_stream.ChatbotHandler):
    async def process(self, message):
        return AckMessage.STATUS_OK, "OK"

client = DingTalkStreamClient(Credential("k", "s"))
client.register_callback_handler(ChatbotMessage.TOPIC, Nothing())
client.start_forever()
"""


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

    async def flood(self, messages: int) -> float:
        """Seconds until so many are acked, some hundreds under way."""
        frames = self.frames(messages)
        started = time.perf_counter()
        async with asyncio.timeout(PATIENCE):
            for place, (id_, text) in enumerate(frames):
                if place >= UNDER_WAY:
                    await self._acked.acquire()
                await self.send(id_, text)
            for _ in range(min(UNDER_WAY, messages)):
                await self._acked.acquire()
        return time.perf_counter() - started

    async def steady(self, rate: int) -> Sequence[float]:
        """How long the acks took, shortest first, at so many messages a second."""
        frames = self.frames(int(rate * SECONDS))
        started = time.perf_counter()
        async with asyncio.timeout(PATIENCE):
            for place, (id_, text) in enumerate(frames):
                await asyncio.sleep(max(0.0, started + place / rate - time.perf_counter()))
                await self.send(id_, text)
            for _ in frames:
                await self._acked.acquire()
        return sorted(self.took[id_] for id_, _ in frames)

    async def answered(self, messages: int) -> None:
        """Wait until so many replies have come in all."""
        async with asyncio.timeout(PATIENCE):
            while self.replies < messages:  # noqa: ASYNC110 - another process answers
                await asyncio.sleep(0.02)


@dataclass(frozen=True, kw_only=True)
class Flood:
    """Messages per second, acked and answered."""

    acked: float
    answered: float = 0.0


@asynccontextmanager
async def child(*command: str) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stderr=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def sdk() -> Flood:
    async with Gateway().serving() as gateway, child("-c", SDK, gateway.url):
        await gateway.connected.wait()
        await gateway.flood(UNDER_WAY)
        return Flood(acked=MESSAGES / await gateway.flood(MESSAGES))


def settings(gateway: Gateway, folder: Path) -> Path:
    ding = {"APP_KEY": "k", "APP_SECRET": "s", "OPENAPI_BASE": gateway.url, "OAPI_BASE": gateway.url}
    values = {
        "DINGDING": ding,
        "store": {"url": f"sqlite:///{folder}/bench.db"},
        "web": {"port": 0},
        "log": {"level": "WARNING"},
    }
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(values), encoding="utf-8")
    return config


async def bot(folder: Path) -> tuple[Flood, dict[int, Sequence[float]], int]:
    async with Gateway().serving() as gateway:
        config = await asyncio.to_thread(settings, gateway, folder)
        async with child("-m", "bot", "--config", str(config)):
            await gateway.connected.wait()
            await gateway.flood(UNDER_WAY)
            await gateway.answered(UNDER_WAY)
            started, before = time.perf_counter(), gateway.replies
            acked = MESSAGES / await gateway.flood(MESSAGES)
            await gateway.answered(before + MESSAGES)
            flood = Flood(acked=acked, answered=MESSAGES / (time.perf_counter() - started))
            steady = {}
            for rate in RATES:
                before = gateway.replies
                steady[rate] = await gateway.steady(rate)
                await gateway.answered(before + len(steady[rate]))
            return flood, steady, gateway.refused


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        reference = await sdk()
        flood, steady, refused = await bot(Path(folder))
    table = Table("who", "acked / s", "acked / SDK", "answered / s", f"≥ {GOAL}")
    table.add_row("the SDK, a handler that does nothing", f"{reference.acked:.0f}", "1.00", "", "")
    ratio = flood.acked / reference.acked
    verdict = "yes" if ratio >= GOAL else "NO"
    table.add_row("DingRun", f"{flood.acked:.0f}", f"{ratio:.2f}", f"{flood.answered:.0f}", verdict)
    Console().print(table)
    acks = Table("messages / s", "ack p50 (ms)", "p99 (ms)", "slowest (ms)", f"p99 under {ACK_WITHIN} s")
    for rate, took in steady.items():
        p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
        shown = (f"{value * 1000:.0f}" for value in (p50, p99, took[-1]))
        acks.add_row(str(rate), *shown, "yes" if p99 < ACK_WITHIN else "NO")
    Console().print(acks)
    Console().print(f"{refused} refused, to be delivered again")


if __name__ == "__main__":
    asyncio.run(main())
