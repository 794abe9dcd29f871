"""Addresses of Apprise, with the real package and a server on loopback."""

import sys
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.errors import ConfigError, TemporaryError
from bot.messengers import apprise_urls
from bot.messengers.apprise_urls import AppriseUrls
from bot.models import MarkdownMessage

MESSAGE = MarkdownMessage(title="数据库用不了", text="**数据库用不了**，还在重试。")


class Hook:
    """A server that takes messages, and answers with a status."""

    def __init__(self) -> None:
        self.status = 200
        self.taken: list[dict[str, str]] = []
        self.port = 0

    async def take(self, request: web.Request) -> web.Response:
        self.taken.append(await request.json())
        return web.Response(status=self.status)

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/key-of-the-hook"


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    hook, app = Hook(), web.Application()
    app.router.add_post("/{path:.*}", hook.take)
    async with TestServer(app) as server:
        hook.port = server.port or 0
        yield hook


async def test_a_message_reaches_every_address(hook: Hook) -> None:
    await AppriseUrls([hook.url, hook.url]).notify(MESSAGE)
    assert [each["title"] for each in hook.taken] == [MESSAGE.title] * 2
    assert "数据库用不了" in hook.taken[0]["message"]


async def test_one_address_that_takes_it_is_enough(hook: Hook) -> None:
    await AppriseUrls(["json://127.0.0.1:1/x", hook.url]).notify(MESSAGE)
    assert len(hook.taken) == 1


async def test_a_message_that_no_address_takes_is_tried_again(hook: Hook) -> None:
    hook.status = 500
    with pytest.raises(TemporaryError, match="none of the URLs"):
        await AppriseUrls([hook.url]).notify(MESSAGE)


async def test_a_package_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprise_urls, "SEND_TIMEOUT_SECONDS", 0.01)
    monkeypatch.setattr(AppriseUrls, "_send", lambda self, message: time.sleep(0.05))
    with pytest.raises(TemporaryError, match="in time"):
        await AppriseUrls(["json://127.0.0.1:1/x"]).notify(MESSAGE)


def test_a_url_that_apprise_does_not_know_is_named_without_its_keys() -> None:
    with pytest.raises(ConfigError, match=r"does not know the nothing:// URL \(URL 2 of 2\)") as failure:
        AppriseUrls(["json://127.0.0.1:1/x", "nothing://secret-key/more"])
    assert "secret-key" not in str(failure.value)


def test_without_the_package_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ConfigError, match=r"pip install '.\[apprise\]'"):
        AppriseUrls(["json://127.0.0.1:1/x"])
