"""Malformed requests and slow clients, against both sandboxes."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from arl_sandbox import ArlDatabase, FakeArl
from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.clock import utc_now


async def ask(port: int, raw: bytes) -> bytes:
    """Send bytes and return everything received until the connection closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.fixture(params=["sandbox", "arl"])
async def port(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    for module in ("dingtalk_sandbox.server", "arl_sandbox.server"):
        monkeypatch.setattr(f"{module}.KEEP_ALIVE_SECONDS", 0.2)
    if request.param == "sandbox":
        async with Sandbox() as sandbox:
            yield sandbox.port
        return
    async with FakeArl(database=ArlDatabase(utc_now)) as arl:
        yield int(arl.url.rpartition(":")[2])


async def test_malformed_requests_are_counted_and_not_logged_whole(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(25):
        assert b" 400 " in await ask(port, b"GET / HTTP/9.9\r\n\r\n")
    told = [(record.getMessage(), record.levelno, record.exc_info) for record in caplog.records]
    kind = "malformed request: BadStatusLine, {} so far"
    assert told == [(kind.format(1), logging.INFO, None), (kind.format(10), logging.INFO, None)]


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nX: "])
async def test_headers_that_do_not_end_are_not_waited_for(port: int, begun: bytes) -> None:
    assert await ask(port, begun) == b""
