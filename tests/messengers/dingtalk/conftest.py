"""Single calls are mocked with aioresponses; everything else talks to the sandbox over real sockets."""

from collections.abc import AsyncIterator, Iterator
from unittest.mock import Mock

import aiohttp
import pytest
from aioresponses import aioresponses

from bot.messengers.dingtalk.auth import DingTalkApp, Tokens
from bot.messengers.dingtalk.robot import OpenApiMessenger
from bot.models import RenderedCard
from dingtalk_sandbox import Sandbox
from tests.factories import make_sandbox_app
from tests.fakes import FakeClock

API, OAPI = "https://api.dingtalk.com", "https://oapi.dingtalk.com"
TOKEN_URL = f"{API}/v1.0/oauth2/accessToken"
APP = DingTalkApp(app_key="dingkey", app_secret="s3cret-of-the-app", robot_code="dingkey", agent_id=7)  # noqa: S106
CARD = RenderedCard(
    template_id="1366a1eb-bc54-4859-ac88-517c56a9acb1.schema", params={"title": "t"}, headline="h"
)


@pytest.fixture(autouse=True)
def aiohttp_shim(monkeypatch: pytest.MonkeyPatch) -> None:
    """Aioresponses 0.7.9 does not know an argument that aiohttp 3.14 demands (its issue 289)."""
    begin = aiohttp.ClientResponse.__init__

    def begin_with_writer(self: aiohttp.ClientResponse, *args: object, **options: object) -> None:
        options.setdefault("stream_writer", Mock(output_size=0))
        begin(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(aiohttp.ClientResponse, "__init__", begin_with_writer)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def wire() -> Iterator[aioresponses]:
    """DingTalk's hosts, answering what a test says; a token is always to be had."""
    with aioresponses() as mocked:
        mocked.post(TOKEN_URL, payload={"accessToken": "token-1", "expireIn": 7200})
        yield mocked


@pytest.fixture
def tokens(session: aiohttp.ClientSession, clock: FakeClock) -> Tokens:
    return Tokens(session, APP, clock)


@pytest.fixture
def openapi(session: aiohttp.ClientSession, tokens: Tokens, clock: FakeClock) -> OpenApiMessenger:
    return OpenApiMessenger(session, APP, tokens, clock=clock)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox_app(sandbox: Sandbox) -> DingTalkApp:
    return make_sandbox_app(sandbox.url)
