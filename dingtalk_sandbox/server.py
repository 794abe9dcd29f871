"""The sandbox server: DingTalk's endpoints, the control API and the page on one port."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from dingtalk_sandbox.api import (
    apps,
    cards,
    chunks,
    contacts,
    conversations,
    gateway,
    media,
    oauth,
    registration,
    robots,
    webhooks,
    work_notifications,
)
from dingtalk_sandbox.api.pipeline import Pipeline
from dingtalk_sandbox.api.unsupported import closed_endpoints, unsupported
from dingtalk_sandbox.clock import SandboxClock, utc_now
from dingtalk_sandbox.control.actions import UserActions
from dingtalk_sandbox.control.downloads import Downloads
from dingtalk_sandbox.control.events import Events
from dingtalk_sandbox.control.origin_check import is_loopback, origin_check
from dingtalk_sandbox.control.routes import Control
from dingtalk_sandbox.control.templates import Templates
from dingtalk_sandbox.http_log import KEEP_ALIVE_SECONDS, server_logger
from dingtalk_sandbox.inbound import endpoints as inbound
from dingtalk_sandbox.reference.routes import reference_routes
from dingtalk_sandbox.retention import Retention
from dingtalk_sandbox.scenario import Scenario, parse_scenario
from dingtalk_sandbox.state import SandboxState
from dingtalk_sandbox.stream.hub import Hub
from dingtalk_sandbox.transcripts.replay import Transcripts
from dingtalk_sandbox.transcripts.routes import TranscriptRoutes

PAGE_DIR = Path(__file__).parent / "page"
MAX_BODY_BYTES = 64 * 1024 * 1024
ENDPOINTS = (
    *oauth.ENDPOINTS,
    *apps.ENDPOINTS,
    *gateway.ENDPOINTS,
    *registration.ENDPOINTS,
    *robots.ENDPOINTS,
    *webhooks.ENDPOINTS,
    *media.ENDPOINTS,
    *chunks.ENDPOINTS,
    *work_notifications.ENDPOINTS,
    *cards.ENDPOINTS,
    *inbound.ENDPOINTS,
    *conversations.ENDPOINTS,
    *contacts.ENDPOINTS,
    *closed_endpoints(),
)


class Sandbox:
    """A fake DingTalk. After the start, `url` replaces both of its hosts.

    Args:
        host: Address to listen on.
        port: Port to listen on. 0 picks a free one.
        clock: Returns aware UTC time. Every expiry uses it.
        scenario: A `Scenario`, or a mapping that overrides parts of the default one. An unknown key raises
            `UsageError`.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Callable[[], datetime] | None = None,
        scenario: Scenario | Mapping[str, Any] | None = None,
    ) -> None:
        chosen = scenario if isinstance(scenario, Scenario) else parse_scenario(scenario)
        self.state = SandboxState(chosen, SandboxClock(clock or utc_now))
        self.retention = Retention(self.state)
        self.hub = Hub(self.state)
        self.actions = UserActions(self.state, self.hub)
        self.transcripts = Transcripts(self.state, self.actions)
        self._host, self._port = host, port
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The base URL, such as `http://127.0.0.1:8790`, without a trailing slash."""
        return self.state.url

    @url.setter
    def url(self, url: str) -> None:
        """Set the URL under which clients reach the sandbox, if it is not the address it listens on."""
        self.state.url = url.rstrip("/")

    @property
    def port(self) -> int:
        return self._port

    async def start(self) -> None:
        """Start to listen. Raises `OSError` if the port is in use."""
        runner = web.AppRunner(
            self._application(),
            access_log=None,
            logger=server_logger(__name__),
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            shutdown_timeout=0.5,
        )
        await runner.setup()
        site = web.TCPSite(runner, self._host, self._port)
        try:
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self._port = runner.addresses[0][1]
        shown = "127.0.0.1" if self._host in {"0.0.0.0", "::"} else self._host  # noqa: S104 - only compared
        self.state.url = self.state.url or f"http://{shown}:{self._port}"

    async def stop(self) -> None:
        """Stop within 2 s, even with open connections."""
        if self._runner is None:
            return
        runner, self._runner = self._runner, None
        self.state.feed.close()
        await self.hub.close()
        await self.actions.close()
        await asyncio.wait_for(runner.cleanup(), 1.5)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _application(self) -> web.Application:
        application = web.Application(
            client_max_size=MAX_BODY_BYTES, middlewares=[origin_check(loopback=is_loopback(self._host))]
        )
        pipeline = Pipeline(self.state)
        for endpoint in ENDPOINTS:
            application.router.add_route(endpoint.method, endpoint.path, pipeline.handler(endpoint))
        application.router.add_get("/connect", self.hub.connect)
        application.add_routes(Control(self.state, self.hub, self.actions).routes())
        application.add_routes(Events(self.state).routes() + Downloads(self.state).routes())
        application.add_routes(TranscriptRoutes(self.transcripts).routes())
        application.add_routes(Templates(self.state).routes() + reference_routes())
        application.router.add_get("/healthz", _healthz)
        application.router.add_get("/", _page("index.html"))
        application.router.add_get(registration.PAGE, _page("registration.html"))
        application.router.add_static("/page/", PAGE_DIR)
        application.on_response_prepare.append(_disable_page_cache)
        application.on_response_prepare.append(self._set_date)
        application.router.add_route("*", "/{path:.*}", unsupported(self.state, pipeline))
        return application

    async def _set_date(self, _: web.Request, response: web.StreamResponse) -> None:
        """Tell the time of the sandbox's clock, as DingTalk's servers tell theirs."""
        response.headers["Date"] = format_datetime(self.state.clock.now(), usegmt=True)


async def _disable_page_cache(request: web.Request, response: web.StreamResponse) -> None:
    """Make browsers revalidate the page's modules, so an upgrade takes effect at once."""
    if request.path.startswith("/page/"):
        response.headers["Cache-Control"] = "no-cache"


async def _healthz(_: web.Request) -> web.Response:
    return web.json_response({"ok": True})


def _page(name: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the handler of a page: the head that all pages have, and what is its own."""
    text = "".join((PAGE_DIR / part).read_text(encoding="utf-8") for part in ("head.html", name))

    async def serve(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text, content_type="text/html", headers={"Cache-Control": "no-cache"})

    return serve
