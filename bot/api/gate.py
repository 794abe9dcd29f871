"""Admit requests to the API: known keys only, each with five requests a second on average."""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from http import HTTPStatus

from aiohttp import hdrs, web

from bot.api.keys import ApiKey, KeyKind, KeyRing, Scope
from bot.api.problems import Problem, not_found, try_later
from bot.errors import DingRunError, PermanentError, TemporaryError, UserError
from bot.models import Clock
from bot.ports import QuotaStore
from bot.telemetry.logging import fields
from bot.telemetry.metrics import Metrics
from bot.web.clients import Network, client_address
from bot.web.guard import BRAKE_SECONDS, TokenBrake
from bot.web.server import busy

log = logging.getLogger(__name__)

REQUESTS_PER_SECOND = 5  # of a key, on average
MAX_BURST = 20  # requests of a key at once, as one job with uploads or the tasks of a pipeline send them
WINDOW = timedelta(seconds=MAX_BURST / REQUESTS_PER_SECOND)
BEARER = "Bearer "

Handler = Callable[[web.Request, ApiKey], Awaitable[web.StreamResponse]]
RouteHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Gate:
    """Checks keys and rates before anything of a body is read, and answers every error."""

    def __init__(
        self,
        keys: KeyRing,
        limits: QuotaStore,
        *,
        clock: Clock,
        metrics: Metrics,
        proxies: Sequence[Network] = (),
    ) -> None:
        self._keys = keys
        self._limits = limits
        self._clock = clock
        self._metrics = metrics
        self._proxies = proxies
        self._brake = TokenBrake()

    def by_path(self, handler: Handler, *, plain: bool = False) -> RouteHandler:
        """Return a route for requests with a ping key in the path. `plain` answers errors as text."""

        async def admit(request: web.Request) -> web.StreamResponse:
            key = self._known(request, request.match_info["key"], KeyKind.PING)
            await self._pace(key)
            with busy(request):
                return await handler(request, key)

        return self._answering(admit, plain=plain)

    def by_token(self, handler: Handler, scope: Scope) -> RouteHandler:
        """Return a route for requests with a token that has this scope."""

        async def admit(request: web.Request) -> web.StreamResponse:
            given = request.headers.get(hdrs.AUTHORIZATION, "")
            if not given.startswith(BEARER):
                raise Problem(HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"})
            key = self._known(request, given.removeprefix(BEARER).strip(), KeyKind.TOKEN)
            await self._pace(key)
            if scope not in key.scopes:
                raise Problem(HTTPStatus.FORBIDDEN, f"the key {key.name} lacks the scope {scope}")
            with busy(request):
                return await handler(request, key)

        return self._answering(admit)

    def _known(self, request: web.Request, text: str, kind: KeyKind) -> ApiKey:
        address = client_address(request, self._proxies)
        if self._brake.is_blocked(address):
            raise try_later("", BRAKE_SECONDS, status=HTTPStatus.TOO_MANY_REQUESTS)
        key = self._keys.find(text, kind)
        if key is None:
            self._brake.count(address)
            raise not_found()
        return key

    async def _pace(self, key: ApiKey) -> None:
        now = self._clock()
        free_at = await self._limits.acquire(f"api:{key.name}", MAX_BURST, now, WINDOW)
        if free_at is not None:
            wait = (free_at - now).total_seconds()
            raise try_later("too many requests", wait, status=HTTPStatus.TOO_MANY_REQUESTS)

    def _answering(self, admit: RouteHandler, *, plain: bool = False) -> RouteHandler:
        """Answer errors of a route, and count its answers by status."""

        async def answer(request: web.Request) -> web.StreamResponse:
            started = time.monotonic()
            try:
                response = await admit(request)
            except (Problem, DingRunError) as error:
                problem = error if isinstance(error, Problem) else as_problem(error)
                response = problem.plain_response() if plain else problem.response()
            resource = request.match_info.route.resource
            route, ms = resource.canonical if resource else "", round((time.monotonic() - started) * 1000)
            self._metrics.api_request(route, response.status)
            known = fields(method=request.method, route=route, status=response.status, ms=ms)
            log.info("API %s %s %d in %d ms", request.method, route, response.status, ms, extra=known)
            return response

        return answer


def as_problem(error: DingRunError) -> Problem:
    """Return the answer to an error of the service. No text of the store leaves it."""
    if isinstance(error, TemporaryError):
        log.warning("an API request cannot be served now: %s", error)
        return try_later("try again later", error.retry_after or 5.0)
    if isinstance(error, UserError):
        return Problem(HTTPStatus.CONFLICT, error.phrase.replace("_", " "))
    if isinstance(error, PermanentError):
        return Problem(HTTPStatus.CONFLICT, str(error))
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR)
