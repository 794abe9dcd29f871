"""Download links that need a login."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient, TestServer

from bot.chat.permissions import AccessPolicy
from bot.models import AuditOutcome
from bot.reports.link_tokens import LinkPolicy
from bot.reports.links import ReportLinks
from bot.stores.sqlite.links import SqliteLinks
from bot.telemetry.metrics import Metrics
from bot.web.download_audit import DownloadAudit
from bot.web.downloads import Downloads, DownloadServices
from bot.web.guard import AdminGuard
from bot.web.server import application
from bot.wiring.pages import build_web_app
from tests.conftest import TEST_GROUPS, CoreHarness
from tests.web.web_harness import PageHarness


@pytest.fixture
async def site(core: CoreHarness) -> AsyncIterator[PageHarness]:
    core.access_policy = AccessPolicy(admins=("user01", "user02"), conversations=TEST_GROUPS)
    core.build()
    app = build_web_app(core.settings(), core.services, core.engine)
    services = DownloadServices(
        reports=core.reports,
        links=links_of(core),
        download_log=core.download_log,
        audit=DownloadAudit(core.audit),
        admit=app.readers.admit,
    )
    downloads = Downloads(services, metrics=Metrics())
    async with TestClient(
        TestServer(application([*app.routes(), *downloads.routes()], AdminGuard()))
    ) as client:
        yield PageHarness(core, client)


def links_of(core: CoreHarness) -> ReportLinks:
    policy = LinkPolicy(public_url="http://x", ttl=timedelta(hours=1))
    return ReportLinks(SqliteLinks(core.store), policy, clock=core.clock)


async def path_of(core: CoreHarness) -> str:
    await core.finished_run()
    report = await core.reports.find()
    assert report is not None
    link = await links_of(core).issue(report, cause="test")
    assert link is not None
    return link.url.removeprefix("http://x")


async def test_without_a_login_a_link_shows_how_to_log_in(site: PageHarness) -> None:
    path = await path_of(site.core)
    assert "登录" in await site.get(path, status=401)
    assert not await site.core.context.audit.find()


async def test_a_download_is_bound_to_the_person(site: PageHarness) -> None:
    path = await path_of(site.core)
    await site.log_in()
    assert (await site.client.get(path)).status == 200
    (entry,) = await site.core.context.audit.find()
    assert (entry.command, entry.actor.id, entry.outcome) == ("download", "user01", AuditOutcome.ACCEPTED)


async def test_a_person_who_may_not_see_the_run_gets_nothing(site: PageHarness) -> None:
    path = await path_of(site.core)
    await site.log_in("user09")
    assert (await site.client.get(path)).status == 404
    (entry,) = await site.core.context.audit.find()
    assert (entry.outcome, entry.rule) == (AuditOutcome.REFUSED, "link not_here")
    assert entry.actor.id == "user09"


async def test_a_link_that_leads_nowhere_is_recorded_for_each_person(site: PageHarness) -> None:
    path = await path_of(site.core)
    await links_of(site.core).revoke((await site.core.store.find_runs())[0].id)
    for person in ("user01", "user02"):
        await site.log_in(person)
        await site.get(path, status=404)
    assert {entry.actor.id for entry in await site.core.context.audit.find()} == {"user01", "user02"}


async def test_what_nobody_signed_is_not_found_with_or_without_a_login(site: PageHarness) -> None:
    await site.get("/reports/forged", status=404)
    await site.log_in()
    await site.get("/reports/forged", status=404)
