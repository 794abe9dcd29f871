"""`/status`: recent runs, undelivered messages, and a button to resend them."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, select_autoescape

from bot.delivery.audit_trail import audit_trail, seen_by
from bot.delivery.resend import Resender
from bot.errors import UserError
from bot.ports import Store
from bot.web.guard import is_same
from cards.catalogue import explain

MAX_RUNS = 30
LANG = "en"  # of the pages
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer the page's own form would have no Origin
    "Cache-Control": "no-store",
}


class Status:
    """The status page, and the page of each run."""

    def __init__(self, store: Store, resender: Resender, *, zone: ZoneInfo) -> None:
        self._store = store
        self._resender = resender
        self._zone = zone
        self._form_secret = secrets.token_hex(16)  # a form of another site does not know it
        loader = FileSystemLoader(Path(__file__).parent / "templates")
        pages = Environment(loader=loader, autoescape=select_autoescape(["html"]), trim_blocks=True)
        pages.filters["moment"] = self._moment
        pages.filters["reason"] = lambda stored: explain(stored, LANG)
        self._page, self._chain = pages.get_template("status.html"), pages.get_template("chain.html")

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/status", self.show),
            web.get("/status/{run}", self.chain),
            web.post("/status/resend", self.resend),
        ]

    async def show(self, request: web.Request) -> web.StreamResponse:
        troubled = await self._resender.undelivered()
        counted = await self._resender.count_undelivered()
        html = self._page.render(
            runs=await self._store.find_runs(limit=MAX_RUNS),
            troubled=troubled,
            unlisted=max(sum(counted.values()) - len(troubled), 0),
            secret=self._form_secret,
        )
        return web.Response(text=html, content_type="text/html", headers=HEADERS)

    async def chain(self, request: web.Request) -> web.StreamResponse:
        """Show the audit trail of one run."""
        run = await self._store.find_run(request.match_info["run"])
        if run is None:
            raise web.HTTPNotFound
        jobs = await self._resender.jobs(run.id)
        html = self._chain.render(run=run, steps=audit_trail(jobs), seen=seen_by(jobs))
        return web.Response(text=html, content_type="text/html", headers=HEADERS)

    async def resend(self, request: web.Request) -> web.StreamResponse:
        form = await _form(request)
        given, job = form.get("secret", ""), form.get("job", "")
        if not is_same(given, self._form_secret):
            raise web.HTTPForbidden(text="this form is too old, load the page again\n")
        try:
            await self._resender.resend(job, by="status page")
        except UserError:
            raise web.HTTPConflict(text="nothing to resend\n") from None
        raise web.HTTPSeeOther("/status")

    def _moment(self, at: datetime | None) -> str:
        return f"{at.astimezone(self._zone):%m-%d %H:%M:%S}" if at else ""


async def _form(request: web.Request) -> Mapping[str, str]:
    """Read a form of this page. It is UTF-8, whatever charset the request names."""
    body = await request.read()
    return dict(parse_qsl(body.decode("utf-8", "replace")))
