"""ARL's REST API. The HTTP status is 200 for nearly everything; `code` is in the body.

Not emulated: asset groups, monitoring, fingerprints, PoC lists, GitHub, changing policies, `/task/sync/`.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from arl_sandbox.api.exports import ExportCalls
from arl_sandbox.api.http_log import KEEP_ALIVE_SECONDS, server_logger
from arl_sandbox.api.lists import Lists
from arl_sandbox.api.schedules import ScheduleCalls
from arl_sandbox.api.tasks import TaskCalls
from arl_sandbox.api.users import UserCalls, is_authenticated
from arl_sandbox.errors import ArlError, InternalError, PayloadError
from arl_sandbox.responses import ArlState, envelope, internal_error, validation_error

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOGIN_PATH = "/api/user/login"


@dataclass(kw_only=True)
class FakeArl(ArlState):
    """The API server: `async with FakeArl(database=database) as arl:`. `requests` lists the calls."""

    port: int = 0
    url: str = ""
    _paths: set[str] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._middleware])
        parts = (Lists(self), TaskCalls(self), ScheduleCalls(self), UserCalls(self), ExportCalls(self))
        routes = [route for part in parts for route in part.routes()]
        self._paths = {route.path for route in routes}
        app.add_routes(routes)
        app.router.add_route("*", "/{path:.*}", self._handle_unknown)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=server_logger(__name__),
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            shutdown_timeout=0.1,
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self.tls).start()
        scheme = "https" if self.tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()

    @property
    def _middleware(self) -> Any:
        @web.middleware
        async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._handle(request, handler)

        return door

    async def _handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        if self.basic_auth and request.headers.get("Authorization") != _basic(self.basic_auth):
            return web.Response(status=401, text="<h1>401 Authorization Required</h1>")
        if self.database.database_down:  # the server selection timeout of the driver
            await asyncio.sleep(self.database_timeout)
            return internal_error()
        if request.path != LOGIN_PATH and not is_authenticated(self, request):
            return envelope(401, "not login")
        answer = await _with_error_responses(request, handler)
        await self.database.flush()
        if request.path in self.lost_responses and request.transport is not None:
            self.lost_responses.discard(request.path)
            request.transport.close()
        return answer

    async def _handle_unknown(self, request: web.Request) -> web.Response:
        """Redirect a path without its trailing slash, to plain HTTP as ARL does, or respond with 404."""
        if f"{request.path}/" in self._paths:
            location = f"http://{request.host}{request.path}/"
            return web.Response(status=308, headers={"Location": location})
        return web.Response(status=404, text="Not Found")


async def _with_error_responses(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ArlError as refusal:
        return envelope(refusal.code, refusal.words, refusal.data)
    except PayloadError as wrong:
        return validation_error(wrong.errors)
    except InternalError:
        return internal_error()


def _basic(pair: str) -> str:
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
