"""A report with links to it, and the application that serves it."""

from collections.abc import Sequence
from datetime import timedelta

from bot.models import Report
from bot.reports.downloads import DownloadLog
from bot.reports.link_tokens import LinkPolicy
from bot.reports.links import ReportLinks
from bot.stores.sqlite.links import SqliteLinks
from bot.telemetry.metrics import Metrics
from bot.web.clients import Network
from bot.web.download_audit import DownloadAudit
from bot.web.downloads import Downloads, DownloadServices
from bot.web.guard import AdminGuard
from bot.web.server import application
from tests.conftest import CoreHarness


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
