"""An address that DingTalk bans asks nothing until the ban is over, and no redirect is followed."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.errors import RateLimited, TemporaryError
from bot.messengers.dingtalk.auth import DingTalkApp, Tokens
from bot.messengers.dingtalk.errors import Banned
from bot.messengers.dingtalk.http import call, dingtalk_session
from bot.messengers.dingtalk.rate_limiter import RateLimiter
from bot.messengers.dingtalk.robot import OpenApiMessenger
from bot.messengers.dingtalk.stream import StreamConnection, StreamOptions
from bot.models import CardTap, Destination, MarkdownMessage, Message
from bot.quota.budget import Budget
from bot.stores.sqlite.quota import SqliteQuotaStore
from bot.stores.sqlite.store import SqliteStore
from tests.factories import make_message
from tests.fakes import FakeClock

GROUP, NOTE = Destination.parse("group:cidA"), MarkdownMessage(title="t", text="x")

PAGE = "<!DOCTYPE html><html><script>var x5 = '/_____tmd_____/punish?x5secdata=1';</script></html>"
VERDICT = '{"status":1111,"wait":5,"source":"x5","punish":"deny","uuid":"u"}'


class Host:
    """A host that gives one answer to all, and counts."""

    def __init__(self, text: str = "{}", status: int = 200, location: str = "") -> None:
        self.text, self.status, self.location, self.calls = text, status, location, 0

    async def answer(self, request: web.Request) -> web.Response:
        self.calls += 1
        headers = {"Location": self.location} if self.location else {}
        return web.Response(text=self.text, status=self.status, headers=headers)

    def server(self) -> TestServer:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        return TestServer(app)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with dingtalk_session() as session:
        yield session


@pytest.mark.parametrize(("text", "status"), [(PAGE, 200), (PAGE, 403), (VERDICT, 200), (VERDICT, 403)])
async def test_a_ban_is_known_as_a_page_and_as_json(
    session: aiohttp.ClientSession, text: str, status: int
) -> None:
    async with Host(text, status).server() as server:
        with pytest.raises(Banned) as banned:
            await call(session, "POST", str(server.make_url("/robot/send")), json={})
    assert banned.value.retry_after == 300


async def test_after_a_ban_not_even_a_token_is_asked_for(
    session: aiohttp.ClientSession, store: SqliteStore, clock: FakeClock
) -> None:
    limiter, host = RateLimiter(SqliteQuotaStore(store), Budget(), clock=clock), Host(PAGE)
    async with host.server() as server:
        base = str(server.make_url("")).rstrip("/")
        app = DingTalkApp(app_key="k", app_secret="s", robot_code="k", openapi_base=base)  # noqa: S106
        robot = OpenApiMessenger(
            session, app, Tokens(session, app, clock, limiter), clock=clock, rate_limiter=limiter
        )
        message = make_message(session_webhook=f"{base}/robot/sendBySession")
        with pytest.raises(Banned):
            await robot.send_message(GROUP, NOTE, "k")
        for _ in range(3):
            with pytest.raises(RateLimited, match="bans"):
                await robot.send_message(GROUP, NOTE, "k")
            with pytest.raises(RateLimited, match="bans"):
                await robot.reply(message, NOTE)
            with pytest.raises(RateLimited, match="bans"):
                await StreamConnection(
                    session, app, _nothing, _silence, options=StreamOptions(rate_limiter=limiter)
                ).ticket()
        assert host.calls == 1
        clock.turn(seconds=300)
        with pytest.raises(Banned):
            await robot.reply(message, NOTE)
    assert host.calls == 2


async def test_a_page_of_something_in_between_is_no_ban(session: aiohttp.ClientSession) -> None:
    host = Host("<html><h1>502 Bad Gateway</h1></html>", 502)
    async with host.server() as server:
        for _ in range(2):
            with pytest.raises(TemporaryError, match="no JSON object"):
                await call(session, "POST", str(server.make_url("/")), json={})
    assert host.calls == 2


async def _nothing(message: Message) -> None:
    """No message comes."""


async def _silence(tap: CardTap) -> dict[str, str]:
    return {}


async def test_a_websocket_that_is_redirected_is_not_opened(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = Host()
    async with (
        elsewhere.server() as unsafe,
        Host(status=302, location=str(unsafe.make_url("/x"))).server() as at,
    ):
        app = DingTalkApp(app_key="k", app_secret="s", robot_code="k")  # noqa: S106
        stream = StreamConnection(session, app, _nothing, _silence)

        async def ticket() -> str:
            return str(at.make_url("/connect?ticket=t")).replace("http", "ws")

        monkeypatch.setattr(stream, "ticket", ticket)
        with pytest.raises(TemporaryError, match="Redirected"):
            await stream._open()
    assert elsewhere.calls == 0
