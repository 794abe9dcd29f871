"""How fast a call to DingTalk's API leaves: ours, a plain aiohttp session, the vendor's own client.

`python -m benchmarks.openapi_transport` prints rates as ratios to the plain session, and the longest time
the event
loop stood still. Everything is on loopback; the server answers one fixed body. Over TLS the certificate is
made for the
run and trusted by all three.
"""

import asyncio
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from aiohttp import web
from alibabacloud_dingtalk.robot_1_0 import client as vendor
from alibabacloud_dingtalk.robot_1_0 import models
from alibabacloud_tea_openapi import models as config_models
from alibabacloud_tea_util import models as util_models
from rich.console import Console
from rich.table import Table

from bot.cli.demo.sample_sites import certificate_for
from bot.messengers.dingtalk.api import ApiClient
from bot.messengers.dingtalk.auth import DingTalkApp, Tokens

PATH = "/v1.0/robot/groupMessages/send"
BODY = {"robotCode": "r", "openConversationId": "cid", "msgKey": "sampleText", "msgParam": '{"content":"hi"}'}
TOKEN = {"accessToken": "token", "expireIn": 7200}
ANSWER = {"processQueryKey": "key"}
AT_ONCE = 20

Call = Callable[[], Awaitable[object]]


async def serve(stack: AsyncExitStack, context: ssl.SSLContext | None) -> int:
    """The port of a server that answers every call."""

    async def token(request: web.Request) -> web.Response:
        return web.json_response(TOKEN)

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response(ANSWER)

    app = web.Application()
    app.router.add_post("/v1.0/oauth2/accessToken", token)
    app.router.add_post(PATH, answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    port: int = runner.addresses[0][1]
    return port


async def measure(call: Call, calls: int) -> tuple[float, float]:
    """Calls per second, twenty at once, and the longest stall of the loop in seconds."""
    places, stall, loop = asyncio.Semaphore(AT_ONCE), 0.0, asyncio.get_running_loop()

    async def one() -> None:
        async with places:
            await call()

    async def feel() -> None:
        nonlocal stall
        while True:
            before = loop.time()
            await asyncio.sleep(0.001)
            stall = max(stall, loop.time() - before - 0.001)

    await call()
    feeling = asyncio.create_task(feel())
    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(calls)))
    rate = calls / (time.perf_counter() - started)
    feeling.cancel()
    return rate, stall


def plain(session: aiohttp.ClientSession, base: str) -> Call:
    async def call() -> object:
        headers = {"x-acs-dingtalk-access-token": "token"}
        async with session.post(f"{base}{PATH}", json=BODY, headers=headers) as answer:
            return await answer.json()

    return call


def ours(session: aiohttp.ClientSession, base: str) -> Call:
    app = DingTalkApp(app_key="k", app_secret="s", robot_code="r", openapi_base=base)  # noqa: S106 - nobody's
    calls = ApiClient(session, app, Tokens(session, app, lambda: datetime.now(UTC)))

    async def call() -> object:
        request = models.OrgGroupSendRequest(
            robot_code="r", open_conversation_id="cid", msg_key="sampleText", msg_param=BODY["msgParam"]
        )
        return await calls.openapi("POST", PATH, request.to_map())

    return call


def vendors(base: str, ca: str) -> Call:
    scheme, _, host = base.partition("://")
    client = vendor.Client(config_models.Config(protocol=scheme, endpoint=host, ca=ca or None))
    headers = models.OrgGroupSendHeaders(x_acs_dingtalk_access_token="token")  # noqa: S106 - nobody's
    options = util_models.RuntimeOptions(connect_timeout=3000, read_timeout=10000)

    async def call() -> object:
        request = models.OrgGroupSendRequest(
            robot_code="r", open_conversation_id="cid", msg_key="sampleText", msg_param=BODY["msgParam"]
        )
        return await client.org_group_send_with_options_async(request, headers, options)

    return call


async def compare(scheme: str, pem: Path) -> Mapping[str, tuple[float, float]]:
    """Rate and stall of each way over one scheme."""
    secure = scheme == "https"
    async with AsyncExitStack() as stack:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(pem)
        port = await serve(stack, server if secure else None)
        base = f"{scheme}://localhost:{port}"
        trust = ssl.create_default_context(cafile=str(pem)) if secure else True
        connector = aiohttp.TCPConnector(ssl=trust, limit=100)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        return {
            "plain aiohttp session": await measure(plain(session, base), 2_000),
            "DingRun": await measure(ours(session, base), 2_000),
            "vendor's client": await measure(vendors(base, str(pem) if secure else ""), 100),
        }


async def main() -> None:
    table = Table("scheme", "way", "rate / plain", "calls per second", "longest stall (ms)")
    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder) / "bench.pem"
        certificate_for("localhost", pem)
        for scheme in ("http", "https"):
            results = await compare(scheme, pem)
            reference = results["plain aiohttp session"][0]
            for way, (rate, stall) in results.items():
                table.add_row(scheme, way, f"{rate / reference:.2f}", f"{rate:.0f}", f"{stall * 1000:.0f}")
    Console().print(table)


if __name__ == "__main__":
    asyncio.run(main())
