"""Measure how many runs the API takes per second: `python -m benchmarks.api`.

Beside it, in the same run, a bare aiohttp handler that commits one row to SQLite for each request. Both are
asked by the same client over real sockets, without the limit of requests per key.
"""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from rich.console import Console

from bot.stores.sqlite.store import SqliteStore
from bot.wiring.stores import sqlite_stores
from tests.api.harness import ApiHarness, Client, bearer
from tests.api.test_schema import FreeLimits
from tests.conftest import CoreHarness
from tests.fakes import FakeClock

REQUESTS = 400
AT_ONCE = 20
SLUG = "backup-db"


async def requests_per_second(ask: Callable[[int], Awaitable[int]]) -> float:
    """Send the requests, `AT_ONCE` at a time."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with free:
            status = await ask(number)
            if status not in {200, 201}:
                raise SystemExit(f"answered {status}")

    started = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(REQUESTS)))
    return REQUESTS / (time.perf_counter() - started)


async def measure_bare(folder: Path) -> float:
    """Measure a handler that does nothing but commit."""
    database = sqlite3.connect(folder / "bare.db", isolation_level=None, check_same_thread=False)
    database.executescript("pragma journal_mode=wal; pragma synchronous=full; create table runs (id, body);")

    async def put(request: web.Request) -> web.Response:
        body = await request.text()
        await asyncio.to_thread(database.execute, "insert into runs values (?, ?)", ("id", body))
        return web.json_response({})

    app = web.Application()
    app.router.add_put("/v1/runs/{id}", put)
    async with TestClient(TestServer(app)) as client:
        rate = await requests_per_second(lambda number: put_run(client, number, "running"))
    database.close()
    return rate


async def put_run(client: Client, number: int, status: str) -> int:
    """Report a run and return the HTTP status."""
    body = {"schedule": SLUG, "status": status}
    async with client.put(f"/v1/runs/run-{number}", json=body, headers=bearer()) as response:
        await response.read()
        return response.status


async def measure_api(folder: Path) -> tuple[float, float]:
    """Measure starts, then the ends of the same runs."""
    store = SqliteStore(folder / "dingrun.db")
    await store.open()
    core = CoreHarness(store=store, clock=FakeClock(), folder=folder / "reports")
    api = ApiHarness(core, sqlite_stores(store), create=True, limits=FreeLimits())
    async with api.client() as client:
        starts = await requests_per_second(lambda number: put_run(client, number, "running"))
        ends = await requests_per_second(lambda number: put_run(client, number, "success"))
    await store.close()
    return starts, ends


async def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        bare = await measure_bare(Path(folder))
        starts, ends = await measure_api(Path(folder))
    console = Console()
    console.print(f"bare handler with one commit  {bare:7.0f} requests/s")
    for name, rate in (("PUT /v1/runs, starts", starts), ("PUT /v1/runs, ends", ends)):
        console.print(f"{name:29} {rate:7.0f} requests/s, {rate / bare:.2f} of the bare handler")


if __name__ == "__main__":
    asyncio.run(main())
