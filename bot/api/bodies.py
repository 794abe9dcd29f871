"""Read bodies in pieces: limits on size and time, and gzip without bombs."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from http import HTTPStatus

from aiohttp import hdrs, web

from bot.api.problems import Problem

PIECE_BYTES = 64 * 1024
PIECE_SECONDS = 15.0  # for one piece
MIN_BYTES_PER_SECOND = 1_000  # over the whole body, after `PATIENCE_SECONDS`
PATIENCE_SECONDS = 30.0
GZIP_WINDOW = zlib.MAX_WBITS | 16


async def iter_body(request: web.Request, *, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the body in pieces, unpacked.

    Raises `Problem` if it is too big (413), too slow (408), broken (400) or packed in another way (415).
    """
    encoding = request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower()
    if encoding not in {"identity", "gzip"}:
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Encoding takes gzip")
    raw = _pieces(request)
    total = 0
    async for piece in _unpacked(raw) if encoding == "gzip" else raw:
        total += len(piece)
        if total > max_bytes:
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"takes at most {max_bytes} bytes")
        yield piece


async def _pieces(request: web.Request) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    started, total = loop.time(), 0
    while True:
        try:
            async with asyncio.timeout(PIECE_SECONDS):
                piece = await request.content.read(PIECE_BYTES)
        except TimeoutError:
            raise Problem(HTTPStatus.REQUEST_TIMEOUT, "the body comes too slowly") from None
        except (web.RequestPayloadError, ConnectionError):
            raise Problem(HTTPStatus.BAD_REQUEST, "the body is broken") from None
        if not piece:
            return
        total += len(piece)
        elapsed = loop.time() - started
        if elapsed > PATIENCE_SECONDS and total < elapsed * MIN_BYTES_PER_SECOND:
            raise Problem(HTTPStatus.REQUEST_TIMEOUT, "the body comes too slowly")
        yield piece


async def _unpacked(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Unpack gzip, at most `PIECE_BYTES` at a time."""
    unpacker = zlib.decompressobj(GZIP_WINDOW)
    try:
        async for piece in pieces:
            left = piece
            while left and not unpacker.eof:
                yield unpacker.decompress(left, PIECE_BYTES)
                left = unpacker.unconsumed_tail
                await asyncio.sleep(0)  # a small body may unpack to a big one
    except zlib.error:
        raise Problem(HTTPStatus.BAD_REQUEST, "the body is no gzip") from None
    if not unpacker.eof:
        raise Problem(HTTPStatus.BAD_REQUEST, "the gzip body is cut off")


async def read_body(request: web.Request, *, max_bytes: int) -> bytes:
    """Read a whole body."""
    return b"".join([piece async for piece in iter_body(request, max_bytes=max_bytes)])


async def read_tail(request: web.Request, *, keep: int, max_bytes: int) -> str:
    """Read a body of text and keep its end. What comes after `max_bytes` is not read."""
    tail = b""
    try:
        async for piece in iter_body(request, max_bytes=max_bytes):
            tail = (tail + piece)[-keep:]
    except Problem as problem:
        if problem.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise
    return tail.decode(errors="replace")
