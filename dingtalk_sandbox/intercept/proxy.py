"""A proxy that leads DingTalk's hosts to the sandbox and refuses all others. It never connects elsewhere.

One port takes three kinds of clients: those that send CONNECT to a proxy, those that send a request with the
whole URL, and those that were led here by a host name and begin with TLS.
"""

import asyncio
import logging
from collections.abc import Collection
from contextlib import suppress

log = logging.getLogger(__name__)

TLS_HANDSHAKE = b"\x16"  # first byte of a connection that begins with TLS
MAX_HEAD_BYTES = 16 * 1024
HEAD_SECONDS = 10.0  # for the first request line and its headers
STOP_SECONDS = 0.5
BUFFER_BYTES = 64 * 1024
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

Address = tuple[str, int]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Proxy:
    """Relays connections to two listeners of the sandbox: one for TLS, one for plain HTTP.

    Args:
        tls: Port of the TLS listener on loopback.
        plain: Port of the plain listener on loopback.
        targets: Hosts and ports to which CONNECT is allowed.
    """

    def __init__(self, *, tls: int, plain: int, targets: Collection[Address]) -> None:
        self._tls, self._plain = tls, plain
        self._targets = targets
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Start to listen. Returns the port. Raises `OSError` if it is in use."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=MAX_HEAD_BYTES)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop to listen, and cut the open connections."""
        if self._server is None:
            return
        self._server.close()
        for writer in self._open.values():
            writer.transport.abort()
        if self._open:
            await asyncio.wait(list(self._open), timeout=STOP_SECONDS)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relay = asyncio.current_task()
        assert relay is not None  # noqa: S101 - for mypy: a callback of a server runs in a task
        self._open[relay] = writer
        try:
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                await self._lead((reader, writer))
        finally:
            self._open.pop(relay, None)
            writer.close()

    async def _lead(self, client: Streams) -> None:
        """Find out what the client wants, and relay it to the listener that answers it."""
        reader, writer = client
        async with asyncio.timeout(HEAD_SECONDS):
            first = await reader.readexactly(1)
            if first == TLS_HANDSHAKE:
                head = first
            else:
                try:
                    head = first + await reader.readuntil(b"\r\n\r\n")
                except asyncio.LimitOverrunError:
                    writer.write(BAD_REQUEST)
                    return
        if not head.startswith(b"CONNECT "):
            await _relay(client, self._tls if first == TLS_HANDSHAKE else self._plain, head)
        elif (target := parse_target(head)) in self._targets:
            writer.write(ESTABLISHED)
            await _relay(client, self._tls, b"")
        else:
            log.info("refused: CONNECT %s", target and f"{target[0]}:{target[1]}")
            writer.write(refusal(target) if target else BAD_REQUEST)
            await writer.drain()


def parse_target(head: bytes) -> Address | None:
    """Return host and port of a CONNECT request, or None if it has none."""
    words = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
    host, _, port = words[1].rpartition(":") if len(words) > 1 else ("", "", "")
    good = host and port.isascii() and port.isdecimal()
    return (host.strip("[]").lower(), int(port[:6])) if good else None


def refusal(target: Address) -> bytes:
    """Return the 403 for a target that is not DingTalk's."""
    host = target[0].encode("ascii", "replace")
    text = b"dingtalk-sandbox --intercept answers DingTalk's hosts only, and connects to no other: " + host
    return b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(text), text)


async def _relay(client: Streams, port: int, head: bytes) -> None:
    """Relay bytes in both directions until both sides have ended."""
    reader, writer = client
    server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        server_writer.write(head)
        async with asyncio.TaskGroup() as group:
            group.create_task(_pump(reader, server_writer))
            group.create_task(_pump(server_reader, writer))
    finally:
        server_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(BUFFER_BYTES):
            writer.write(data)
            await writer.drain()
    with suppress(OSError, RuntimeError):  # closed meanwhile
        writer.write_eof()
