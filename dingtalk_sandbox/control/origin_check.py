"""Keeps web pages of others away: a browser on this machine must not be led to play with the sandbox.

A page from elsewhere can send requests to loopback, and a name that is made to point at loopback can read the
answers. The API endpoints stay as DingTalk has them; the control API and the page refuse both.
"""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any

from aiohttp import web
from yarl import URL

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_loopback(host: str) -> bool:
    """Whether that is a name or an address of this machine alone."""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _host_and_authority(url: str) -> tuple[str, str]:
    """(host, host:port) of a URL; nothing when it is none."""
    try:
        parsed = URL(url)
    except ValueError:
        return "", ""
    return parsed.host or "", parsed.authority


def origin_check(*, loopback: bool) -> Any:
    """The middleware; with `loopback` the Host has to be a loopback one, too."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path != "/" and not request.path.startswith("/_sandbox/"):
            return await handler(request)
        host, authority = _host_and_authority(f"http://{request.host}")
        origin = request.headers.get("Origin")
        if (loopback and not is_loopback(host)) or (origin and _host_and_authority(origin)[1] != authority):
            return web.json_response({"error": "only for pages of this sandbox"}, status=403)
        return await handler(request)

    return guard
