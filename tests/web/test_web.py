"""Health, metrics and the status page, over a real socket."""

import asyncio
import re
from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer

from bot.delivery.resend import Resender
from bot.errors import ConfigError, TemporaryError
from bot.models import JobState, QuotaKind, Run
from bot.quota.budget import month_of
from bot.stores.sqlite.quota import SqliteQuotaStore
from bot.telemetry.metrics import Metrics
from bot.web.guard import AdminGuard
from bot.web.health import Health
from bot.web.server import WebServer, application
from bot.web.status import Status
from tests.conftest import CoreHarness
from tests.factories import make_job, make_schedule

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
        status = Status(core.store, deliveries, zone=ZoneInfo("Asia/Shanghai"))
        self.app = application([*health.routes(), *status.routes()], AdminGuard())


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


async def secret(client: Client) -> str:
    found = re.search(r'name="secret" value="(\w+)"', await (await client.get("/status")).text())
    assert found is not None
    return found.group(1)


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


async def test_the_page_shows_runs_and_what_did_not_arrive(core: CoreHarness, client: Client) -> None:
    run = await unconfirmed(core)
    answer = await client.get("/status")
    text = await answer.text()
    assert all(word in text for word in (run.id, "每日巡检", "unconfirmed", "answer lost", "11-24 11:00:00"))
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Frame-Options"] == "DENY"


async def test_an_empty_store_has_a_page_too(client: Client) -> None:
    assert "还没有执行过" in await (await client.get("/status")).text()


async def test_hostile_names_stay_inert(core: CoreHarness, client: Client) -> None:
    core.schedule = make_schedule(name="<script>alert(1)</script>")
    await core.trigger()
    assert "<script>" not in await (await client.get("/status")).text()


async def test_the_button_sends_it_again_once(core: CoreHarness, client: Client) -> None:
    run = await unconfirmed(core)
    form = {"secret": await secret(client), "job": f"file:{run.id}:group:cidA"}
    for _ in range(2):
        answer = await client.post("/status/resend", data=form, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/status")
    await core.do_jobs()
    assert core.messenger.verbs()[-2:] == ["file", "update"]


async def test_a_form_of_another_site_sends_nothing(core: CoreHarness, client: Client) -> None:
    run = await unconfirmed(core)
    form = {"secret": "guess", "job": f"file:{run.id}:group:cidA"}
    assert (await client.post("/status/resend", data=form)).status == 403


async def test_what_arrived_is_not_sent_again(core: CoreHarness, client: Client) -> None:
    run = await unconfirmed(core)
    form = {"secret": await secret(client), "job": f"card:{run.id}:group:cidA"}
    assert (await client.post("/status/resend", data=form)).status == 409


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


async def test_the_chain_of_a_run_is_a_page_of_its_own(core: CoreHarness, client: Client) -> None:
    core.messenger.trouble = [TemporaryError("busy just now")]
    run = await core.trigger()
    await core.finish()
    core.clock.turn(seconds=5)
    await core.do_jobs()
    assert f'href="/status/{run.id}"' in await (await client.get("/status")).text()
    page = await (await client.get(f"/status/{run.id}")).text()
    assert all(word in page for word in ("submit", "export", "card", "file", "message1", "busy just now"))


async def test_a_run_that_nobody_knows_has_no_page(client: Client) -> None:
    assert (await client.get("/status/r0")).status == 404


async def test_the_calls_of_the_month_can_be_scraped(core: CoreHarness, client: Client) -> None:
    await SqliteQuotaStore(core.store).add_usage(month_of(core.clock()), QuotaKind.API, 7)
    text = await (await client.get("/metrics")).text()
    assert "dingrun_api_calls_month 7.0" in text


async def test_new_trouble_is_seen_behind_any_number_of_old_ones(core: CoreHarness, client: Client) -> None:
    for number in range(201):
        old = make_job(id=f"file:old{number}", kind="file", state=JobState.DEAD, payload={"destination": "x"})
        await core.store.add_job(old)
    core.clock.turn(seconds=60)
    run = await unconfirmed(core)
    page = await (await client.get("/status")).text()
    assert f"file:{run.id}:group:cidA" in page
    assert "2 older ones are not listed" in page
    metrics = await (await client.get("/metrics")).text()
    assert "dingrun_deliveries_dead 201.0" in metrics
    assert "dingrun_deliveries_unconfirmed 1.0" in metrics
