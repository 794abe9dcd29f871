"""A TCP proxy in front of a MongoDB server that breaks connections, loses answers or freezes on demand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

HEADER_BYTES = 16  # length, request id, id answered to, opcode
FLAGS = slice(16, 20)  # of an OP_MSG
EXHAUST_ALLOWED = 1 << 16  # the server may go on answering without being asked again

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


class MongoProxy:
    """`async with MongoProxy("127.0.0.1", 27017) as proxy`: `proxy.port` leads to the same server."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._writers: set[Writer] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loses_answer: Callable[[bytes], bool] = lambda message: False
        self.port = 0

    async def __aenter__(self) -> "MongoProxy":
        await self.listen()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def listen(self) -> None:
        """Accept connections, again on the same port after `cut`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Abort all connections and refuse new ones, like a server that was killed."""
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    @asynccontextmanager
    async def frozen(self) -> AsyncIterator[None]:
        """Forward no command meanwhile, like a server that hangs."""
        self._thawed.clear()
        try:
            yield
        finally:
            self._thawed.set()

    def lose_answer_to(self, command: str) -> None:
        """Break the connection once, after the server executed this command and before its answer is seen."""
        word = b"\x02" + command.encode() + b"\x00"

        def once(message: bytes) -> bool:
            if word not in message:
                return False
            self._loses_answer = lambda _: False
            return True

        self._loses_answer = once

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._connect(reader, writer)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _connect(self, reader: Reader, writer: Writer) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection(*self._upstream)
        self._writers.add(upstream_writer)
        try:
            await self._forward(reader, writer, upstream_reader, upstream_writer)
        finally:
            self._writers.discard(upstream_writer)
            upstream_writer.close()

    async def _forward(
        self, reader: Reader, writer: Writer, upstream_reader: Reader, upstream_writer: Writer
    ) -> None:
        while True:
            message = await _read_message(reader)
            if int.from_bytes(message[FLAGS], "little") & EXHAUST_ALLOWED:
                upstream_writer.write(message)
                await asyncio.gather(_pipe(reader, upstream_writer), _pipe(upstream_reader, writer))
            await self._thawed.wait()
            upstream_writer.write(message)
            answer = await _read_message(upstream_reader)
            if self._loses_answer(message):
                return
            writer.write(answer)
            await writer.drain()


async def _read_message(reader: Reader) -> bytes:
    header = await reader.readexactly(HEADER_BYTES)
    return header + await reader.readexactly(int.from_bytes(header[:4], "little") - HEADER_BYTES)


async def _pipe(reader: Reader, writer: Writer) -> None:
    while piece := await reader.read(65536):
        writer.write(piece)
    raise ConnectionError("the other side has closed")
