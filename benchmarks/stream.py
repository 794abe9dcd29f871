"""How many messages a second go through the whole bot, and how soon each is answered to DingTalk.

`python -m benchmarks.stream` runs `python -m bot`, and a program on the bare vendor's SDK whose handler does
nothing, each as a process against a small gateway, which is not what is measured: it sends prepared frames
and notes when their acks come. First as many messages as go, with up to 300 under way, by turns to the one
and to the other: the ratio is the middle one of the rounds. Then 50, 200 and 500 a second. "answered" counts
to the last reply in the chat; the processor's time is that of the process until then.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import yaml
from aiohttp import WSMsgType, web
from rich.console import Console
from rich.table import Table

MESSAGES = 3_000
ROUNDS = 5
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

    @property
    def ended(self) -> int:
        """Messages that were answered to people, or refused: nothing here delivers those again."""
        return self.replies + self.refused

    async def answered(self, messages: int) -> None:
        """Wait until so many messages have ended in all."""
        async with asyncio.timeout(PATIENCE):
            while self.ended < messages:  # noqa: ASYNC110 - another process answers
                await asyncio.sleep(0.02)


@dataclass(frozen=True, kw_only=True)
class Flood:
    """Messages per second, acked and answered; processor's microseconds per message until then."""

    acked: float
    answered: float
    cost: float


@dataclass(frozen=True, kw_only=True)
class Program:
    """One that is connected to a gateway of its own."""

    gateway: Gateway
    pid: int
    answers: bool

    async def flood(self, messages: int) -> Flood:
        started, before, used = time.perf_counter(), self.gateway.ended, self._used()
        acked = messages / await self.gateway.flood(messages)
        if self.answers:
            await self.gateway.answered(before + messages)
        answered = messages / (time.perf_counter() - started)
        return Flood(acked=acked, answered=answered, cost=(self._used() - used) / messages * 1e6)

    def _used(self) -> float:
        """Seconds of the processor (Linux' own account of the process: user and system)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def program(gateway: Gateway, *command: str, answers: bool) -> AsyncIterator[Program]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stderr=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        await gateway.connected.wait()
        running = Program(gateway=gateway, pid=process.pid, answers=answers)
        await running.flood(UNDER_WAY)
        yield running
    finally:
        process.kill()
        await process.wait()


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


async def steady(bot: Program) -> dict[int, Sequence[float]]:
    took = {}
    for rate in RATES:
        before = bot.gateway.ended
        took[rate] = await bot.gateway.steady(rate)
        await bot.gateway.answered(before + len(took[rate]))
    return took


def shown_floods(floods: Sequence[tuple[Flood, Flood]]) -> Table:
    table = Table(
        "round", "SDK acked / s", "DingRun acked / s", "ratio", "answered / s", "µs SDK", "µs DingRun"
    )
    for number, (sdk, bot) in enumerate(floods, 1):
        numbers = (sdk.acked, bot.acked, bot.acked / sdk.acked, bot.answered, sdk.cost, bot.cost)
        table.add_row(str(number), *(f"{each:.2f}" if each < 10 else f"{each:.0f}" for each in numbers))  # noqa: PLR2004 - digits that count
    return table


def shown_acks(steady: Mapping[int, Sequence[float]]) -> Table:
    acks = Table("messages / s", "ack p50 (ms)", "p99 (ms)", "slowest (ms)", f"p99 under {ACK_WITHIN} s")
    for rate, took in steady.items():
        p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
        shown = (f"{value * 1000:.0f}" for value in (p50, p99, took[-1]))
        acks.add_row(str(rate), *shown, "yes" if p99 < ACK_WITHIN else "NO")
    return acks


async def main() -> None:
    floods, console = [], Console()
    async with AsyncExitStack() as stack:
        ours, theirs = [await stack.enter_async_context(Gateway().serving()) for _ in range(2)]
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        config = str(await asyncio.to_thread(settings, ours, Path(folder)))
        bot = await stack.enter_async_context(program(ours, "-m", "bot", "--config", config, answers=True))
        sdk = await stack.enter_async_context(program(theirs, "-c", SDK, theirs.url, answers=False))
        for _ in range(ROUNDS):
            floods.append((await sdk.flood(MESSAGES), await bot.flood(MESSAGES)))
        console.print(shown_floods(floods))
        ratio = median(bot.acked / sdk.acked for sdk, bot in floods)
        console.print(f"acked / SDK {ratio:.2f}, at least {GOAL}: {'yes' if ratio >= GOAL else 'NO'}")
        console.print(shown_acks(await steady(bot)))
        console.print(f"{ours.refused} refused, to be delivered again")


if __name__ == "__main__":
    asyncio.run(main())
