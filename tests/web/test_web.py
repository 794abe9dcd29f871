"""Health and metrics, over a real socket."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer

from bot.delivery.resend import Resender
from bot.errors import ConfigError, TemporaryError
from bot.models import QuotaKind, Run
from bot.quota.budget import month_of
from bot.stores.sqlite.quota import SqliteQuotaStore
from bot.telemetry.metrics import Metrics
from bot.web.guard import AdminGuard
from bot.web.health import Health
from bot.web.server import WebServer, application
from tests.conftest import CoreHarness

Client = TestClient[web.Request, web.Application]


class Site:
    """The site of a core; `connected` is what the Stream is said to be."""

    def __init__(self, core: CoreHarness) -> None:
        self.connected: bool | None = True
        self.metrics = Metrics()
        deliveries = Resender(core.store, core.jobs)
        health = Health(
            core.store, deliveries, core.governor, metrics=self.metrics, connected=lambda: self.connected
        )
        self.app = application(health.routes(), AdminGuard())


@pytest.fixture
def site(core: CoreHarness) -> Site:
    return Site(core)


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with TestClient(TestServer(site.app)) as client:
        yield client


async def unconfirmed(core: CoreHarness) -> Run:
    core.messenger.trouble = [None, None, TemporaryError("answer lost", uncertain=True)]
    return await core.finished_run()


async def test_the_process_is_alive_and_ready(client: Client) -> None:
    for path in ("/healthz", "/readyz"):
        assert (await client.get(path)).status == 200


@pytest.mark.parametrize(("connected", "status"), [(True, 200), (None, 200), (False, 503)])
async def test_without_its_stream_it_is_not_ready(
    site: Site, client: Client, connected: bool | None, status: int
) -> None:
    site.connected = connected
    assert (await client.get("/readyz")).status == status


async def test_without_its_store_it_is_not_ready(core: CoreHarness, client: Client) -> None:
    await core.store.close()
    answer = await client.get("/readyz")
    assert (answer.status, "store" in await answer.text()) == (503, True)


async def test_outcomes_and_troubles_are_counted(core: CoreHarness, site: Site, client: Client) -> None:
    core.jobs._on_outcome = site.metrics.outcome
    await unconfirmed(core)
    text = await (await client.get("/metrics")).text()
    assert 'dingrun_jobs_total{kind="card",state="done"} 1.0' in text
    assert "dingrun_deliveries_unconfirmed 1.0" in text
    assert "dingrun_stream_connected 1.0" in text
    assert "dingrun_open_runs 0.0" in text


async def test_the_server_serves_until_it_is_stopped(site: Site) -> None:
    async def ok(request: web.Request) -> web.Response:
        return web.Response(text="ok")

    server = WebServer([web.get("/", ok)], guard=AdminGuard(), metrics=site.metrics)
    serving = asyncio.create_task(server.serve("127.0.0.1", 0))
    async with ClientSession() as client, client.get(f"http://127.0.0.1:{await server.port()}/") as answer:
        assert await answer.text() == "ok"
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def test_a_port_that_is_taken_is_named(site: Site) -> None:
    async with TestServer(site.app) as server:
        with pytest.raises(ConfigError, match=r"web\.port"):
            await WebServer([], guard=AdminGuard(), metrics=site.metrics).serve("127.0.0.1", server.port or 0)


async def test_the_calls_of_the_month_can_be_scraped(core: CoreHarness, client: Client) -> None:
    await SqliteQuotaStore(core.store).add_usage(month_of(core.clock()), QuotaKind.API, 7)
    text = await (await client.get("/metrics")).text()
    assert "dingrun_api_calls_month 7.0" in text
