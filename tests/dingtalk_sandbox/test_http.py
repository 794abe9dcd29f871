"""HTTP as clients of many languages speak it: each request is answered as a plain one is."""

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from dingtalk_sandbox import Sandbox
from tests.dingtalk_sandbox.harness import KEY, SECRET

BODY = json.dumps({"appKey": KEY, "appSecret": SECRET}).encode()
PACKED = gzip.compress(BODY, mtime=0)
LINE = "POST /v1.0/oauth2/accessToken HTTP/1.1"
SENT = f"Content-Length: {len(BODY)}"
REQUESTS = {
    "length": ([SENT], BODY),
    "no content type": ([SENT, "Content-Type:"], BODY),
    "chunks": (["Transfer-Encoding: chunked"], b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)),
    "gzip": (["Content-Encoding: gzip", f"Content-Length: {len(PACKED)}"], PACKED),
    "accepts gzip and anything": ([SENT, "Accept-Encoding: gzip, deflate, br", "Accept: */*"], BODY),
    "accepts HTML first": ([SENT, "Accept: text/html, image/gif, */*; q=.2"], BODY),
    "upgrade to HTTP/2": (
        [SENT, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAI"], BODY,
    ),
}  # fmt: skip


@asynccontextmanager
async def connection(sandbox: Sandbox) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(sandbox.url).port)
    try:
        async with asyncio.timeout(5):
            yield reader, writer
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read one answer. Returns its status line and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    assert length, head
    return head.partition(b"\r\n")[0], await reader.readexactly(int(length[1]))


def request(headers: list[str], body: bytes) -> bytes:
    return "\r\n".join([LINE, "Host: api.dingtalk.com", *headers, "", ""]).encode() + body


@pytest.mark.parametrize("kind", REQUESTS)
async def test_a_request_is_answered_and_the_connection_kept(sandbox: Sandbox, kind: str) -> None:
    async with connection(sandbox) as (reader, writer):
        for _ in range(2):
            writer.write(request(*REQUESTS[kind]))
            status, body = await answer(reader)
            assert (status, b"accessToken" in body) == (b"HTTP/1.1 200 OK", True)


async def test_a_client_that_waits_for_100_continue_gets_it(sandbox: Sandbox) -> None:
    async with connection(sandbox) as (reader, writer):
        writer.write(request([SENT, "Expect: 100-continue"], b""))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        writer.write(BODY)
        assert b"accessToken" in (await answer(reader))[1]


async def test_the_old_protocol_version_is_answered_and_closed(sandbox: Sandbox) -> None:
    async with connection(sandbox) as (reader, writer):
        writer.write(request([SENT], BODY).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        assert b"accessToken" in await reader.read()
