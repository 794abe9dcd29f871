"""A report with links to it, the web app with a visitor, and the applications that serve them."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from bot.errors import PermanentError
from bot.models import Person, Report
from bot.ports import Identities
from bot.reports.downloads import DownloadLog
from bot.reports.link_tokens import LinkPolicy
from bot.reports.links import ReportLinks
from bot.stores.sqlite.links import SqliteLinks
from bot.telemetry.metrics import Metrics
from bot.web.clients import Network
from bot.web.download_audit import DownloadAudit
from bot.web.downloads import Downloads, DownloadServices
from bot.web.guard import AdminGuard
from bot.web.pages.visitors import SESSION_COOKIE
from bot.web.server import application
from bot.wiring.pages import build_web_app
from tests.conftest import CoreHarness, changed


class WebHarness:
    """A report of a core, the links to it, and the server that has it."""

    def __init__(self, core: CoreHarness, *, most: int = 20, proxies: Sequence[Network] = ()) -> None:
        self.core, self.metrics = core, Metrics()
        port = SqliteLinks(core.store)
        terms = LinkPolicy(public_url="http://x", ttl=timedelta(hours=1), max_downloads=most)
        self.links = ReportLinks(port, terms, clock=core.clock)
        self.download_log = DownloadLog(port, clock=core.clock)
        services = DownloadServices(
            reports=core.reports,
            links=self.links,
            download_log=self.download_log,
            audit=DownloadAudit(core.audit),
        )
        self.downloads = Downloads(services, metrics=self.metrics, proxies=proxies)
        self.app = application(self.downloads.routes(), AdminGuard())

    async def report(self) -> Report:
        report = await self.core.reports.find()
        assert report is not None
        return report

    async def store(self, content: bytes) -> None:
        """Put this content in the place of the report."""
        shelf = self.core.reports._storage
        written = shelf.reserve_path("2026-11-24", "big")
        written.write_bytes(content)
        path, measure = shelf.commit(written, "big")
        big = {**vars(await self.report()), "path": path, "size": measure.size, "sha256": measure.sha256}
        await self.core.store.save_report(Report(**big))

    async def path(self, cause: str = "test") -> str:
        link = await self.links.issue(await self.report(), cause=cause)
        assert link is not None
        return link.url.removeprefix("http://x")


Client = TestClient[web.Request, web.Application]
FORM = re.compile(
    r'name="form" value="(?P<form>\w+)">\s*<input type="hidden" name="key" value="(?P<key>[\w-]+)">\s*'
    r'<input type="hidden" name="do" value="(?P<do>\w+)">\s*'
    r'<input type="hidden" name="what" value="(?P<what>[^"]*)">'
)


def token_in(page: str) -> str:
    """Return the token of the first form of a page."""
    return page.partition('name="form" value="')[2].partition('"')[0]


class PageHarness:
    """The web app of a core, and a browser in which a person is logged in."""

    def __init__(self, core: CoreHarness, client: Client) -> None:
        self.core, self.client = core, client

    async def log_in(self, staff_id: str = "user01", name: str = "李雷") -> None:
        token, _ = await self.core.context.people.logins.open(Person(id=staff_id, name=name))
        self.client.session.cookie_jar.update_cookies({SESSION_COOKIE: token})

    async def get(self, path: str, status: int = 200) -> str:
        answer = await self.client.get(path)
        assert answer.status == status, await answer.text()
        return await answer.text()

    async def form_token(self) -> str:
        """Return the token that the forms of this session contain."""
        return token_in(await self.get("/status"))

    async def form(self, path: str, do: str, **changes: str) -> dict[str, str]:
        """Return what a button on a page sends."""
        found = next(form for form in FORM.finditer(await self.get(path)) if form["do"] == do)
        return found.groupdict() | {"back": path} | changes

    async def press(self, path: str, do: str, **changes: str) -> ClientResponse:
        """Press a button on a page."""
        return await self.client.post("/status/act", data=await self.form(path, do, **changes))

    async def say_on_page(self, path: str, do: str, **changes: str) -> str:
        """Press a button and return the page that answers."""
        return await (await self.press(path, do, **changes)).text()


class FakeIdentities:
    """DingTalk, which knows some codes."""

    client_id = "dingkey"

    def __init__(self, codes: Mapping[str, Person]) -> None:
        self.codes, self.asked = codes, 0

    async def identify(self, code: str) -> Person:
        self.asked += 1
        if code not in self.codes:
            raise PermanentError("40078")
        return self.codes[code]


@asynccontextmanager
async def page_client(
    core: CoreHarness, identities: Identities | None = None, **settings: object
) -> AsyncIterator[PageHarness]:
    """Serve the web app of a core. Nobody is logged in yet."""
    values = changed(core.settings(), web=settings)
    routes = build_web_app(values, core.services, core.engine, identities).routes()
    async with TestClient(TestServer(application(routes, AdminGuard("a token of tests")))) as client:
        yield PageHarness(core, client)
