"""The HTTP server of the service; it runs when `web.port` is set."""

import asyncio
from collections.abc import Iterable

from aiohttp import web

from bot.errors import ConfigError

FORM_BYTES = 16 * 1024


async def serve_web(host: str, port: int, routes: Iterable[web.RouteDef]) -> None:
    """Serve these routes until cancelled. Raises `ConfigError` when the address cannot be had."""
    app = web.Application(client_max_size=FORM_BYTES)
    app.add_routes(list(routes))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ConfigError(f"web.port: {host}:{port} cannot be served: {error.strerror}") from None
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
