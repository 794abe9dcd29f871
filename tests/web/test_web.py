"""Health and metrics, over a real socket."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer

from bot import __version__
from bot.delivery.incidents.monitor import PartState
from bot.delivery.resend import Resender
from bot.errors import ConfigError, TemporaryError
from bot.models import QuotaKind, Run
from bot.quota.budget import Budget, month_of
from bot.stores.sqlite.quota import SqliteQuotaStore
from bot.telemetry.metrics import Metrics
from bot.web.guard import AdminGuard
from bot.web.health import Health, HealthServices, Vitals
from bot.web.server import WebServer, application
from tests.conftest import CoreHarness
from tests.factories import NOW, make_job

Client = TestClient[web.Request, web.Application]


class Site:
    """The site of a core; `connected` is what the Streams of the apps are said to be."""

    def __init__(self, core: CoreHarness) -> None:
        self.connected: dict[str, bool] = {"": True}
        self.parts: dict[str, PartState] = {}
        self.metrics = Metrics()
        deliveries = Resender(core.store, core.jobs)
        health = Health(
            HealthServices(
                store=core.store, deliveries=deliveries, governor=core.governor, exports=core.exports
            ),
            metrics=self.metrics,
            vitals=Vitals(
                connected=lambda: self.connected,
                frame_ages=lambda: {"": 12.5},
                parts=lambda: self.parts,
            ),
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


@pytest.mark.parametrize(
    ("connected", "status"),
    [({"": True}, 200), ({}, 200), ({"": False}, 503), ({"": True, "second": False}, 503)],
)
async def test_without_its_streams_it_is_not_ready(
    site: Site, client: Client, connected: dict[str, bool], status: int
) -> None:
    site.connected = connected
    assert (await client.get("/readyz")).status == status


async def test_without_its_store_it_is_not_ready(core: CoreHarness, client: Client) -> None:
    await core.store.close()
    answer = await client.get("/readyz")
    assert (answer.status, "store" in await answer.text()) == (503, True)


async def test_a_store_that_can_only_be_read_is_told_as_failing(site: Site, client: Client) -> None:
    """Its disk is full: the probe of the monitor writes."""
    site.parts = {"store": PartState(works=False, why="database or disk is full", checked_at=NOW)}
    answer = await client.get("/readyz")
    told = await answer.json(content_type=None)
    assert (answer.status, told["checks"]["store"][0]["output"]) == (503, "database or disk is full")
    text = await (await client.get("/metrics")).text()
    assert 'dingrun_part_works{part="store"} 0.0' in text


async def test_the_state_of_every_part_is_told(site: Site, client: Client) -> None:
    site.connected = {"": True, "second": True}
    site.parts = {
        "stream": PartState(works=True, checked_at=NOW),
        "engine arl": PartState(
            works=False, why="https://h?access_token=HIDDEN does not answer", checked_at=NOW
        ),
        "broker": PartState(works=True, checked_at=NOW),
    }
    answer = await client.get("/readyz")
    told = await answer.json(content_type=None)
    assert (answer.status, answer.content_type) == (200, "application/health+json")
    assert told["status"] == "warn"
    states = {part: check["status"] for part, (check,) in told["checks"].items()}
    assert states == {
        "store": "pass",
        "stream": "pass",
        "stream second": "pass",
        "engine arl": "warn",
        "broker": "pass",
    }
    assert told["checks"]["engine arl"][0]["output"] == "https://h?access_token=*** does not answer"


async def test_outcomes_and_troubles_are_counted(core: CoreHarness, site: Site, client: Client) -> None:
    core.jobs._on_outcome = site.metrics.outcome
    await unconfirmed(core)
    text = await (await client.get("/metrics")).text()
    assert 'dingrun_jobs_total{kind="card",outcome="done"} 1.0' in text
    assert "dingrun_deliveries_unconfirmed 1.0" in text
    assert 'dingrun_stream_connected{app=""} 1.0' in text
    assert 'dingrun_stream_frame_age_seconds{app=""} 12.5' in text
    assert "dingrun_open_runs 0.0" in text
    assert f'dingrun_build_info{{version="{__version__}"}} 1.0' in text


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


async def test_the_calls_of_the_month_can_be_scraped(core: CoreHarness) -> None:
    core.budget = Budget(limits={QuotaKind.API: 100})
    core.build()
    await SqliteQuotaStore(core.store).add_usage(month_of(core.clock()), QuotaKind.API, 7)
    async with TestClient(TestServer(Site(core).app)) as client:
        text = await (await client.get("/metrics")).text()
    assert 'dingrun_quota_used_calls{quota="api"} 7.0' in text
    assert 'dingrun_quota_forecast_calls{quota="api"} 9.0' in text


async def test_how_far_reports_lag_can_be_scraped(core: CoreHarness, client: Client) -> None:
    created = core.clock() - timedelta(minutes=5)
    await core.store.add_job(
        make_job(kind="export", created_at=created, due_at=core.clock() + timedelta(hours=1))
    )
    text = await (await client.get("/metrics")).text()
    assert "dingrun_exports_waiting 1.0" in text
    assert "dingrun_export_lag_seconds 300.0" in text


async def test_metrics_can_be_scraped_while_the_store_fails(
    core: CoreHarness, site: Site, client: Client
) -> None:
    site.parts = {"disk": PartState(works=False, why="/: 1 MB free", checked_at=NOW)}
    await core.store.close()
    text = await (await client.get("/metrics")).text()
    assert 'dingrun_part_works{part="store"} 0.0' in text
    assert 'dingrun_part_works{part="disk"} 0.0' in text
