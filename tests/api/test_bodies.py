"""Bodies are read in pieces, and within limits."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.api import bodies
from bot.api.bodies import iter_body
from bot.api.problems import Problem

Client = TestClient[web.Request, web.Application]
LIMIT = 1_000_000


async def length(request: web.Request) -> web.Response:
    """Answer with the length of the body, and of the biggest piece."""
    try:
        sizes = [len(piece) async for piece in iter_body(request, max_bytes=LIMIT)]
    except Problem as problem:
        return problem.response()
    return web.json_response([sum(sizes), max(sizes, default=0)])


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    app = web.Application()
    app.router.add_post("/", length)
    server = TestServer(app)
    await server.start_server(auto_decompress=False)
    async with TestClient(server) as client:
        yield client


async def test_a_body_comes_in_pieces(client: Client) -> None:
    total, biggest = await (await client.post("/", data=b"x" * 500_000)).json()
    assert total == 500_000
    assert biggest <= bodies.PIECE_BYTES


async def test_gzip_is_unpacked(client: Client) -> None:
    packed = gzip.compress(b"x" * 500_000)
    answer = await client.post("/", data=packed, headers={"Content-Encoding": "gzip"})
    assert await answer.json() == [500_000, bodies.PIECE_BYTES]


async def test_a_bomb_is_stopped_at_the_limit(client: Client) -> None:
    bomb = gzip.compress(b"x" * 200_000_000)
    answer = await client.post("/", data=bomb, headers={"Content-Encoding": "gzip"})
    assert answer.status == 413


@pytest.mark.parametrize(
    ("data", "encoding", "status"),
    [
        (b"x" * (LIMIT + 1), "identity", 413),
        (b"no gzip", "gzip", 400),
        (gzip.compress(b"x" * 1000, mtime=0)[:-9], "gzip", 400),
        (b"x", "br", 415),
    ],
    ids=["too big", "no gzip", "cut off", "other packing"],
)
async def test_a_bad_body_is_refused(client: Client, data: bytes, encoding: str, status: int) -> None:
    answer = await client.post("/", data=data, headers={"Content-Encoding": encoding})
    assert (answer.status, answer.content_type) == (status, "application/problem+json")


async def test_a_slow_body_is_given_up(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PIECE_SECONDS", 0.05)

    async def slowly() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(0.5)
        yield b"x"

    assert (await client.post("/", data=slowly())).status == 408


async def test_a_body_that_trickles_is_given_up(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PATIENCE_SECONDS", 0.02)
    monkeypatch.setattr(bodies, "MIN_BYTES_PER_SECOND", 1_000_000)

    async def trickling() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x"
            await asyncio.sleep(0.01)

    assert (await client.post("/", data=trickling())).status == 408
