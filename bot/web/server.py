"""Run the HTTP server of the service, if `web.port` is set."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from aiohttp import web

from bot.errors import ConfigError
from bot.telemetry.metrics import Metrics
from bot.web.clients import Network
from bot.web.connections import Connection, ConnectionLimits, ConnectionPool, FaultLog
from bot.web.guard import AdminGuard

FORM_BYTES = 16 * 1024
BODY_SECONDS = 10.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebServer:
    """Serves routes within limits. `port` is known once it listens."""

    def __init__(
        self,
        routes: Iterable[web.RouteDef],
        *,
        guard: AdminGuard,
        metrics: Metrics,
        proxies: Sequence[Network] = (),
        limits: ConnectionLimits | None = None,
    ) -> None:
        self._app = application(routes, guard)
        self._faults = FaultLog(metrics)
        self._proxies = proxies
        self._limits = limits or ConnectionLimits()
        self._listening: asyncio.Future[int] = asyncio.Future()
        self.pool: ConnectionPool | None = None

    async def port(self) -> int:
        """Wait until it listens."""
        return await asyncio.shield(self._listening)

    async def serve(self, host: str, port: int) -> None:
        """Serve until cancelled. Raises `ConfigError` if the address is not available."""
        runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        server = cast(web.Server, runner.server)  # it is there after the setup
        pool = self.pool = ConnectionPool(server, self._limits, self._faults, self._proxies)
        try:
            listener = await self._listen(pool, host, port)
            try:
                self._listening.set_result(listener.sockets[0].getsockname()[1])
                await asyncio.Event().wait()
            finally:
                listener.close()
        finally:
            await runner.cleanup()

    async def _listen(self, pool: ConnectionPool, host: str, port: int) -> asyncio.Server:
        try:
            return await asyncio.get_running_loop().create_server(pool, host, port)
        except OSError as error:
            raise ConfigError(f"web.port: {host}:{port} cannot be served: {error.strerror}") from None


def application(routes: Iterable[web.RouteDef], guard: AdminGuard) -> web.Application:
    """Build the application that serves these routes behind the guard."""
    app = web.Application(
        client_max_size=FORM_BYTES, middlewares=[_body_reader(guard.own_paths), guard.middleware]
    )
    app.add_routes(list(routes))
    return app


@contextmanager
def busy(request: web.Request) -> Iterator[None]:
    """Keep the connection of a request while it is handled. An idle one may be dropped for another client."""
    connection = request.protocol
    if not isinstance(connection, Connection):  # a server of a test
        yield
        return
    connection.is_busy = True
    try:
        yield
    finally:
        connection.is_busy = False


def _body_reader(own_paths: tuple[str, ...]) -> Any:
    """Build the middleware that reads bodies. Routes below `own_paths` read them themselves."""

    @web.middleware
    async def read(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(own_paths):
            return await handler(request)
        return await _read_body(request, handler)

    return read


async def _read_body(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Read the body before the route runs, within a time limit."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except web.RequestPayloadError:
        raise web.HTTPBadRequest from None
    with busy(request):
        return await handler(request)
