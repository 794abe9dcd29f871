"""`/status`, a page for people: what ran, how it ended, what did not arrive, a button to send it again."""

import hmac
import ipaddress
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, select_autoescape

from bot.chain import chain_of, seen_by
from bot.deliveries import Deliveries
from bot.errors import UserError
from bot.ports import Store

RUNS = 30
COOKIE = "dingrun_status"
COOKIE_SECONDS = 12 * 3600
PROXIED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")  # asked for somebody elsewhere
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Status:
    """The page. Without a token it is for this machine alone; with one, for whoever brings it."""

    def __init__(self, store: Store, deliveries: Deliveries, *, zone: ZoneInfo, token: str = "") -> None:
        self._store = store
        self._deliveries = deliveries
        self._zone = zone
        self._token = token
        self._form_secret = secrets.token_hex(16)  # a form of another site does not know it
        loader = FileSystemLoader(Path(__file__).parent / "templates")
        pages = Environment(loader=loader, autoescape=select_autoescape(["html"]), trim_blocks=True)
        pages.filters["moment"] = self._moment
        self._page, self._chain = pages.get_template("status.html"), pages.get_template("chain.html")

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/status", self._guarded(self.show)),
            web.get("/status/{run}", self._guarded(self.chain)),
            web.post("/status/resend", self._guarded(self.resend)),
        ]

    def _guarded(self, handler: Handler) -> Handler:
        """Whoever may not see it gets the same plain 404 as for any page that is not there."""

        async def guard(request: web.Request) -> web.StreamResponse:
            if not self._admitted(request):
                raise web.HTTPNotFound
            if self._token and request.query.get("token"):  # not to stay in the address line
                remembered = web.HTTPSeeOther("/status")
                remembered.set_cookie(
                    COOKIE, self._token, httponly=True, samesite="Strict", max_age=COOKIE_SECONDS
                )
                raise remembered
            return await handler(request)

        return guard

    def _admitted(self, request: web.Request) -> bool:
        if not self._token:
            return _is_loopback(request.remote) and not any(name in request.headers for name in PROXIED)
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        given = request.query.get("token") or request.cookies.get(COOKIE) or bearer
        return hmac.compare_digest(given.encode(), self._token.encode())

    async def show(self, request: web.Request) -> web.StreamResponse:
        troubled = await self._deliveries.troubled()
        counted = await self._deliveries.count_undelivered()
        html = self._page.render(
            runs=await self._store.find_runs(limit=RUNS),
            troubled=troubled,
            unlisted=max(sum(counted.values()) - len(troubled), 0),
            secret=self._form_secret,
        )
        return web.Response(text=html, content_type="text/html", headers=HEADERS)

    async def chain(self, request: web.Request) -> web.StreamResponse:
        """Everything that is known of one run."""
        run = await self._store.find_run(request.match_info["run"])
        if run is None:
            raise web.HTTPNotFound
        jobs = await self._deliveries.chain(run.id)
        html = self._chain.render(run=run, steps=chain_of(jobs), seen=seen_by(jobs))
        return web.Response(text=html, content_type="text/html", headers=HEADERS)

    async def resend(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        given, job = str(form.get("secret", "")), str(form.get("job", ""))
        if not hmac.compare_digest(given.encode(), self._form_secret.encode()):
            raise web.HTTPForbidden(text="this form is too old, load the page again\n")
        try:
            await self._deliveries.resend(job, by="status page")
        except UserError:
            raise web.HTTPConflict(text="nothing to send again\n") from None
        raise web.HTTPSeeOther("/status")

    def _moment(self, at: datetime | None) -> str:
        return f"{at.astimezone(self._zone):%m-%d %H:%M:%S}" if at else ""


def _is_loopback(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False
