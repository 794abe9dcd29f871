"""An outer guard is pinged while the service is useful."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner

from bot.__main__ import main
from bot.app import App
from bot.cli.watch import watch
from bot.config.settings import Settings
from bot.errors import ConfigError, TemporaryError
from bot.web.watchdog import Watchdog, ping
from tests.fakes import FakeClock


class Guard:
    """A guard, and a service that it guards."""

    def __init__(self) -> None:
        self.status, self.ready, self.port = 200, 200, 0
        self.pings: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.tokens: list[str] = []

    async def take(self, request: web.Request) -> web.Response:
        await self.pings.put((request.path_qs, await request.text()))
        return web.Response(status=self.status)

    async def answer(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers.get("Authorization", ""))
        return web.Response(status=self.ready, text="store: it fails")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/ping/key-1"

    @property
    def settings(self) -> Settings:
        return Settings.model_validate({"web": {"port": self.port, "status_token": "0123456789abcdef"}})


@pytest.fixture
async def guard() -> AsyncIterator[Guard]:
    guard, app = Guard(), web.Application()
    app.router.add_post("/ping/{key:.*}", guard.take)
    app.router.add_get("/readyz", guard.answer)
    async with TestServer(app) as server:
        guard.port = server.port or 0
        yield guard


async def test_it_is_pinged_and_with_fail_while_there_is_a_problem(guard: Guard) -> None:
    problems = ["", "store: it fails", ""]
    running = asyncio.create_task(
        Watchdog(f"{guard.url}?rid=1", lambda: problems.pop(0) if problems else "").run(0)
    )
    got = [await guard.pings.get() for _ in range(3)]
    running.cancel()
    assert got == [
        ("/ping/key-1?rid=1", ""),
        ("/ping/key-1/fail?rid=1", "store: it fails"),
        ("/ping/key-1?rid=1", ""),
    ]


@pytest.mark.parametrize(
    ("url", "why"), [("", "answered 500"), ("http://127.0.0.1:1/key-1", "cannot be reached")]
)
async def test_a_guard_that_does_not_answer_is_named_without_its_key(
    guard: Guard, url: str, why: str
) -> None:
    guard.status = 500
    async with aiohttp.ClientSession() as session:
        with pytest.raises(TemporaryError, match=why) as failure:
            await ping(session, url or guard.url)
    assert "key-1" not in str(failure.value)


@pytest.mark.parametrize(("ready", "path"), [(200, "/ping/key-1"), (503, "/ping/key-1/fail")])
async def test_the_command_asks_the_service_and_pings(guard: Guard, ready: int, path: str) -> None:
    guard.ready = ready
    problem = await watch(guard.settings, guard.url)
    pinged, body = await guard.pings.get()
    assert (pinged, bool(problem), "store: it fails" in body) == (path, ready != 200, ready != 200)
    assert guard.tokens == ["Bearer 0123456789abcdef"]


async def test_a_service_that_does_not_run_is_told(guard: Guard) -> None:
    settings = Settings.model_validate({"web": {"port": 1}})
    assert "does not answer" in await watch(settings, guard.url)
    assert (await guard.pings.get())[0] == "/ping/key-1/fail"


def test_the_command_needs_a_port_and_a_url(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("log: {}\n", encoding="utf-8")
    done = CliRunner().invoke(main, ["--config", str(tmp_path / "c.yaml"), "watch", "https://h/x"])
    assert (done.exit_code, "web.port 是 0" in done.output) == (2, True)


async def test_only_a_url_can_be_pinged() -> None:
    with pytest.raises(ConfigError, match="https://"):
        await watch(Settings.model_validate({"web": {"port": 1}}), "ftp://h/x")


async def test_a_service_is_useful_until_store_stream_or_a_loop_fails(tmp_path: Path) -> None:
    clock = FakeClock()
    base = "http://127.0.0.1:1"
    settings = Settings.model_validate({
        "store": {"url": f"sqlite:///{tmp_path}/d.db"},
        "reports": {"dir": str(tmp_path)},
        "DINGDING": {"APP_KEY": "k", "APP_SECRET": "secret-of-k", "OPENAPI_BASE": base, "OAPI_BASE": base},
    })
    async with App(settings, clock=clock) as app:
        await app.incidents.check()
        assert app.find_problem() == ""
        clock.turn(seconds=60)
        await app.incidents.check()
        assert app.find_problem() == "stream: not connected"
        for stream in app.streams.values():
            stream.connected.set()
        await app.incidents.check()
        assert app.find_problem() == ""
        app._loop_errors._beats["watcher"] -= 601
        assert app.find_problem() == "loop watcher: stands still"
        app._loop_errors.beat("watcher")
        await app.stores.store.close()
        await app.incidents.check()
        assert app.find_problem().startswith("store: ")
        await app.stores.store.open()
