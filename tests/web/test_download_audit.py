"""Downloads are in the audit with the address of the client, and so are links that led nowhere."""

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from bot.audit.reader import AuditReader
from bot.errors import TemporaryError
from bot.models import AuditChannel, AuditEntry, AuditOutcome, Run
from bot.stores.sqlite.audit import SqliteAudit
from tests.conftest import CoreHarness
from tests.web.test_downloads import Client
from tests.web.web_harness import WebHarness


@pytest.fixture
async def run(core: CoreHarness) -> Run:
    return await core.finished_run()


@pytest.fixture
def shop(core: CoreHarness, run: Run) -> WebHarness:
    return WebHarness(core)


@pytest.fixture
async def client(shop: WebHarness) -> AsyncIterator[Client]:
    async with TestClient(TestServer(shop.app)) as client:
        yield client


async def entries(core: CoreHarness) -> list[AuditEntry]:
    return list(await AuditReader(SqliteAudit(core.store)).find())


async def test_a_download_is_recorded_with_its_run_and_the_address(
    shop: WebHarness, client: Client, run: Run
) -> None:
    await client.get(await shop.path(), headers={"User-Agent": "curl/8.5.0"})
    (entry,) = await entries(shop.core)
    assert (entry.channel, entry.outcome, entry.command) == (
        AuditChannel.WEB,
        AuditOutcome.ACCEPTED,
        "download",
    )
    assert (entry.address, entry.detail) == ("127.0.0.1", "curl/8.5.0")
    assert (entry.schedule_name, entry.run_id, entry.said) == ("每日巡检", run.id, (await shop.report()).name)


async def test_a_download_that_is_resumed_is_one_entry(shop: WebHarness, client: Client) -> None:
    path = await shop.path()
    for part in ("bytes=0-3", "bytes=4-"):
        await client.get(path, headers={"Range": part})
    assert len(await entries(shop.core)) == 1


async def test_a_revoked_link_is_recorded_once_an_hour(shop: WebHarness, client: Client, run: Run) -> None:
    path = await shop.path()
    await shop.links.revoke(run.id)
    for _ in range(3):
        await client.get(path)
    (entry,) = await entries(shop.core)
    assert (entry.allowed, entry.rule, entry.run_id) == (False, "link revoked", run.id)
    shop.core.clock.turn(seconds=3600)
    await client.get(path)
    assert len(await entries(shop.core)) == 2


async def test_guesses_and_heads_are_not_recorded(shop: WebHarness, client: Client) -> None:
    await client.get("/reports/forged")
    await client.head(await shop.path())
    assert await entries(shop.core) == []


async def test_a_report_is_served_even_if_it_cannot_be_recorded(
    shop: WebHarness, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(entry: AuditEntry) -> None:
        raise TemporaryError("the store is busy")

    monkeypatch.setattr(shop.core.audit, "record", fail)
    assert (await client.get(await shop.path())).status == 200
