"""Local servers that tests of the engines probe."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web

from bot.engines.embedded.engine import EmbeddedEngine
from bot.engines.embedded.probes import ProbeLimits
from bot.stores.sqlite.store import SqliteStore
from bot.stores.sqlite.tasks import SqliteTaskStore
from tests.fakes import FakeClock

LIMITS = ProbeLimits(connect_timeout=0.5, http_timeout=1.0, task_timeout=10.0, max_body_bytes=65_536)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Street:
    """Opens servers on loopback and closes them at the end."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def web(self, handler: Handler, *, tls: ssl.SSLContext | None = None) -> int:
        """Start a web server that answers everything with `handler`. Returns its port."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        port: int = runner.addresses[0][1]
        return port

    async def raw(self, talk: Talk) -> int:
        """Start a server that handles a connection with `talk`. Returns its port."""
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        self._stack.callback(server.close)
        port: int = server.sockets[0].getsockname()[1]
        return port


@pytest.fixture
async def street() -> AsyncIterator[Street]:
    async with AsyncExitStack() as stack:
        yield Street(stack)


@pytest.fixture
async def tasks(tmp_path: Path) -> AsyncIterator[SqliteTaskStore]:
    store = SqliteStore(tmp_path / "engine.db")
    await store.open()
    yield SqliteTaskStore(store)
    await store.close()


@pytest.fixture
def engine(tasks: SqliteTaskStore, clock: FakeClock) -> EmbeddedEngine:
    return EmbeddedEngine([], tasks, limits=LIMITS, clock=clock, owner="me")


@pytest.fixture
async def working(engine: EmbeddedEngine) -> AsyncIterator[EmbeddedEngine]:
    """Run the engine during a test."""
    work = asyncio.create_task(engine.run())
    yield engine
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
