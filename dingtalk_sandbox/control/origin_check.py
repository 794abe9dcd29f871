"""Protection of the page and the control API against requests from other websites.

A website can make the browser send requests to loopback (CSRF), and read the responses if its host name
resolves to loopback (DNS rebinding). The page and the control API therefore check `Origin` and `Host`.
DingTalk's own endpoints do not.
"""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any

from aiohttp import web
from yarl import URL

from dingtalk_sandbox.api import registration

PAGES = {"/", "/_sandbox", registration.PAGE}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_loopback(host: str) -> bool:
    """Return True for `localhost` and loopback addresses."""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _host_and_authority(url: str) -> tuple[str, str]:
    """Return (host, host:port) of a URL, or empty strings if it is invalid."""
    try:
        parsed = URL(url)
    except ValueError:
        return "", ""
    return parsed.host or "", parsed.authority


def origin_check(*, loopback: bool) -> Any:
    """Build the middleware. With `loopback`, `Host` must be a loopback address as well."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in PAGES and not request.path.startswith("/_sandbox/"):
            return await handler(request)
        host, authority = _host_and_authority(f"http://{request.host}")
        origin = request.headers.get("Origin")
        if (loopback and not is_loopback(host)) or (origin and _host_and_authority(origin)[1] != authority):
            return web.json_response({"error": "requests from other websites are not allowed"}, status=403)
        return await handler(request)

    return guard
