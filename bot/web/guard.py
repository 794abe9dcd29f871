"""Access to `/metrics` and `/readyz`: everything but `/healthz`, the pages and what people get links to.

The pages check logins themselves. Without a token the rest is for this machine alone, asked for by a name of
this machine: another name that is made to point here (DNS rebinding) is refused. With a token it is for
whoever brings it. Pages of other sites may ask for nothing.
"""

import hmac
import ipaddress
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import hdrs, web
from yarl import URL

from bot.reports.link_tokens import URL_PATH
from bot.web.clients import Network, client_address

log = logging.getLogger(__name__)

OPEN = ("/healthz", "/status")
OPEN_BELOW = (URL_PATH, "/status/")  # the pages ask for a login
PROXIED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")  # asked for somebody elsewhere
MAX_WRONG_TOKENS = 10  # of one address within a minute; then it is not listened to until the minute is over
BRAKE_SECONDS = 60.0
MAX_ADDRESSES = 10_000  # remembered within a minute; all others share one count

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class TokenBrake:
    """Counts wrong tokens by address, anew each minute."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._since = now()
        self._wrong: Counter[str] = Counter()

    def is_blocked(self, address: str) -> bool:
        """Tell if there were too many from there in this minute."""
        if self._now() - self._since >= BRAKE_SECONDS:
            self._since = self._now()
            self._wrong.clear()
        return self._wrong[self._key(address)] >= MAX_WRONG_TOKENS

    def check(self, address: str) -> None:
        """Raise `HTTPTooManyRequests` if there were too many from there in this minute."""
        if self.is_blocked(address):
            raise web.HTTPTooManyRequests(headers={hdrs.RETRY_AFTER: str(int(BRAKE_SECONDS))})

    def count(self, address: str) -> None:
        key = self._key(address)
        self._wrong[key] += 1
        if self._wrong[key] == MAX_WRONG_TOKENS:
            log.warning(
                "web: %d wrong tokens from %s, the rest of this minute is refused", MAX_WRONG_TOKENS, address
            )

    def _key(self, address: str) -> str:
        return address if address in self._wrong or len(self._wrong) < MAX_ADDRESSES else ""


class AdminGuard:
    """Lets requests pass that are open to all, of this machine, or of somebody who has the token."""

    def __init__(
        self,
        token: str = "",
        *,
        public_url: str = "",
        proxies: Sequence[Network] = (),
        brake: TokenBrake | None = None,
        own_paths: tuple[str, ...] = (),
    ) -> None:
        self.own_paths = own_paths  # below them the routes check access themselves, and read bodies
        self._token = token
        self._public_url = public_url
        self._proxies = proxies
        self._brake = brake or TokenBrake()

    @property
    def middleware(self) -> Any:
        """Check every request before its route."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path not in OPEN and not request.path.startswith((*OPEN_BELOW, *self.own_paths)):
                self._check(request)
            return await handler(request)

        return guard

    def _check(self, request: web.Request) -> None:
        """Raise the same plain 404 as for any page that is not there, for everybody who may not see it."""
        if not is_own_origin(request, self._public_url):
            raise web.HTTPForbidden(text="403: only for its own pages\n")
        if not (self._has_token(request) if self._token else _of_this_machine(request)):
            raise web.HTTPNotFound

    def _has_token(self, request: web.Request) -> bool:
        address = client_address(request, self._proxies)
        self._brake.check(address)
        given = request.headers.get(hdrs.AUTHORIZATION, "").removeprefix("Bearer ")
        right = is_same(given, self._token)
        if given and not right:
            self._brake.count(address)
        return right


def is_own_origin(request: web.Request, public_url: str = "") -> bool:
    """Tell if no page of another site asks. A reverse proxy may have changed the Host."""
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None:
        return True
    authority = _host_of(origin)[1]
    return bool(authority) and authority in {_host_of(_url_of_host(request))[1], _host_of(public_url)[1]}


def is_same(given: str, secret: str) -> bool:
    """Compare in constant time. Headers that are not UTF-8 come as lone surrogates."""
    return hmac.compare_digest(given.encode(errors="surrogateescape"), secret.encode())


def _of_this_machine(request: web.Request) -> bool:
    """Tell if a program of this machine asks for itself, by a name of this machine."""
    asked = _host_of(_url_of_host(request))[0]
    proxied = any(name in request.headers for name in PROXIED)
    return _is_loopback(request.remote or "") and _is_loopback(asked) and not proxied


def _url_of_host(request: web.Request) -> str:
    return f"http://{request.headers.get(hdrs.HOST, '')}"


def _host_of(url: str) -> tuple[str, str]:
    """Return (host, host:port) of a URL; nothing when it is none."""
    try:
        parsed = URL(url)
    except ValueError:
        return "", ""
    return parsed.host or "", parsed.authority


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
