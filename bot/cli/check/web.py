"""Checks of the web server: a free port, and a `web.public_url` that leads here."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from yarl import URL

from bot.config.loader import Settings
from bot.errors import ConfigError, TemporaryError
from bot.ports import CheckResult, CheckStatus

HEALTHY, HEALTHY_BYTES = b"ok\n", 16  # what /healthz answers
HEALTH_PATH = "/healthz"
TIMEOUT = aiohttp.ClientTimeout(total=8.0)


@dataclass(frozen=True)
class WebChecks:
    """The two checks. They listen at the port in turn."""

    settings: Settings
    _port: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def check_port(self) -> CheckResult:
        """Test that the web port is free, or that DingRun itself listens there."""
        host, port = self.settings.web.host, self.settings.web.port
        if not port:
            return CheckResult(status=CheckStatus.SKIPPED, detail="没有开 / off")
        async with self._port:
            try:
                server = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port)
            except OSError as error:
                if await _answers_as_dingrun(_local(host, port)):
                    return CheckResult(
                        detail=f"{host}:{port}, DingRun 正在那里运行 / DingRun is running there"
                    )
                why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
                raise ConfigError(f"web.port: {host}:{port} cannot be served: {why}") from None
            server.close()
            await server.wait_closed()
        return CheckResult(detail=f"{host}:{port}")

    async def check_public_url(self) -> CheckResult:
        """Request the public address. Where no service runs, the check answers at the port itself."""
        public, host, port = self.settings.web.public_url, self.settings.web.host, self.settings.web.port
        if not public:
            return CheckResult(status=CheckStatus.SKIPPED, detail="没有配置 / not configured")
        async with self._port, _serving(host, port):
            if await _answers_as_dingrun(URL(public + HEALTH_PATH)):
                return CheckResult(detail=public)
        raise TemporaryError(f"web.public_url: {public}{HEALTH_PATH} is not answered by DingRun")


@asynccontextmanager
async def _serving(host: str, port: int) -> AsyncIterator[None]:
    """Answer as a healthy service while no service does. A port that is taken is another check's finding."""

    async def healthy(_: web.Request) -> web.Response:
        return web.Response(body=HEALTHY)

    application = web.Application()
    application.router.add_get(HEALTH_PATH, healthy)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        with suppress(OSError):
            await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()


def _local(host: str, port: int) -> URL:
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not listened at
    return URL.build(scheme="http", host=here, port=port, path=HEALTH_PATH)


async def _answers_as_dingrun(url: URL) -> bool:
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            return await answer.content.read(HEALTHY_BYTES) == HEALTHY
    except (aiohttp.ClientError, TimeoutError, ValueError, OSError):
        return False
