"""Commands reach other systems by signed webhooks, or through a runner's queue."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.engines.external.sender import WebhookSender
from bot.errors import PermanentError, TemporaryError
from bot.external.models import Command, CommandKind, ExternalSchedule, RerunTarget
from bot.external.repository import ExternalRecords
from bot.reasons import reason
from bot.stores.sqlite.store import SqliteStore
from bot.wiring.stores import sqlite_stores
from tests.external.harness import records_in
from tests.factories import NOW
from tests.fakes import FakeClock

COMMAND = Command(
    id="submit:r1",
    kind=CommandKind.RERUN,
    slug="nightly",
    run_id="r1",
    rid="r1",
    asked_by="张三",
    created_at=NOW,
)
KEY = b"key of the tests"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@dataclass
class Receiver:
    """A system that takes webhooks."""

    url: str = ""
    status: int = 202
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.requests.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status, headers=self.headers)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/hook", receiver.take)
    async with TestServer(app) as server:
        receiver.url = str(server.make_url("/hook"))
        yield receiver


@pytest.fixture
def records(store: SqliteStore) -> ExternalRecords:
    return records_in(sqlite_stores(store))


@pytest.fixture
async def sender(records: ExternalRecords, clock: FakeClock) -> AsyncIterator[WebhookSender]:
    async with aiohttp.ClientSession() as session:
        yield WebhookSender(session, records, hosts=["127.0.0.1"], clock=clock)


def schedule(url: str, *, secret: str = "", runner: str = "") -> ExternalSchedule:
    return ExternalSchedule(slug="nightly", rerun=RerunTarget(url=url, secret=secret, runner=runner))


async def test_a_webhook_is_signed_and_keeps_its_id(sender: WebhookSender, receiver: Receiver) -> None:
    for _ in range(2):
        await sender.send(COMMAND, schedule(receiver.url, secret=SECRET))
    (headers, body), (again, _) = receiver.requests
    assert headers["webhook-id"] == again["webhook-id"] == "submit:r1"
    signed = f"submit:r1.{int(NOW.timestamp())}.".encode() + body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


async def test_the_body_says_what_is_asked_and_by_whom(sender: WebhookSender, receiver: Receiver) -> None:
    await sender.send(COMMAND, schedule(receiver.url))
    ((headers, body),) = receiver.requests
    assert json.loads(body) == {
        "type": "run.rerun",
        "schedule": "nightly",
        "run": "r1",
        "rid": "r1",
        "asked_by": "张三",
        "labels": {},
        "tasks": [],
    }
    assert "webhook-signature" not in headers


@pytest.mark.parametrize("status", [302, 400, 429, 500, 503])
async def test_what_is_not_accepted_is_retried_when_asked(
    sender: WebhookSender, receiver: Receiver, status: int
) -> None:
    receiver.status, receiver.headers = status, {"Retry-After": "7", "Location": "http://evil.example/"}
    with pytest.raises(TemporaryError, match=str(status)) as error:
        await sender.send(COMMAND, schedule(receiver.url))
    assert error.value.retry_after == 7


async def test_who_says_gone_is_never_asked_again(
    sender: WebhookSender, receiver: Receiver, records: ExternalRecords
) -> None:
    await records.schedules.add(schedule(receiver.url))
    receiver.status = 410
    for _ in range(2):
        known = await records.schedules.find("nightly")
        assert known is not None
        with pytest.raises(PermanentError, match="rerun_gone"):
            await sender.send(COMMAND, known)
    assert len(receiver.requests) == 1


async def test_only_hosts_of_the_settings_are_contacted(sender: WebhookSender, receiver: Receiver) -> None:
    url = receiver.url.replace("127.0.0.1", "localhost")
    with pytest.raises(PermanentError) as error:
        await sender.send(COMMAND, schedule(url))
    assert str(error.value) == reason("host_not_allowed", host="localhost")
    assert receiver.requests == []


async def test_a_system_that_is_down_is_asked_again(sender: WebhookSender) -> None:
    with pytest.raises(TemporaryError, match="does not answer"):
        await sender.send(COMMAND, schedule("http://127.0.0.1:9/hook"))


async def test_a_command_for_a_runner_waits_for_it(sender: WebhookSender, records: ExternalRecords) -> None:
    await sender.send(COMMAND, schedule("", runner="db1"))
    assert await records.commands.claim("db1", NOW, NOW) == replace(COMMAND, runner="db1", version=1)


async def test_a_schedule_without_a_target_takes_no_commands(sender: WebhookSender) -> None:
    with pytest.raises(PermanentError, match="no_rerun"):
        await sender.send(COMMAND, ExternalSchedule(slug="nightly"))
