"""Stands between a test and a MongoDB server: lets one command through at a time, and breaks on demand.

FerretDB 1 finds and modifies in two steps, so two claims at once can share a document. Behind a turnstile it
is as atomic as MongoDB, across all connections and processes that go through the same one.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

HEAD = 16  # bytes before a message's body: its length, its number, whom it answers, what it is
FLAGS = slice(16, 20)  # of an OP_MSG
MORE = 1 << 16  # the server may go on answering without being asked again

Reads = asyncio.StreamReader
Writes = asyncio.StreamWriter


class Turnstile:
    """`async with Turnstile("127.0.0.1", 27017) as turnstile`: `turnstile.port` leads to the same server."""

    def __init__(self, host: str, port: int) -> None:
        self._there = (host, port)
        self._one = asyncio.Lock()
        self._open: set[Writes] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lose: Callable[[bytes], bool] = lambda message: False
        self.port = 0

    async def __aenter__(self) -> "Turnstile":
        await self.let_in()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.shut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def let_in(self) -> None:
        """Take connections, again on the same port after `shut`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def shut(self) -> None:
        """Break all connections and take no new ones, as a server does that is gone."""
        self._server.close()
        for writer in self._open:
            writer.transport.abort()

    def held(self) -> asyncio.Lock:
        """`async with turnstile.held()`: let no command through meanwhile, as a server that is frozen."""
        return self._one

    def lose_answer_to(self, command: str) -> None:
        """Break the connection once, after the server has done this command and before it could say so."""
        word = b"\x02" + command.encode() + b"\x00"

        def once(message: bytes) -> bool:
            if word not in message:
                return False
            self._lose = lambda _: False
            return True

        self._lose = once

    async def _serve(self, reader: Reads, writer: Writes) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._open.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._connect(reader, writer)
        finally:
            self._open.discard(writer)
            writer.close()

    async def _connect(self, reader: Reads, writer: Writes) -> None:
        there, to = await asyncio.open_connection(*self._there)
        self._open.add(to)
        try:
            await self._pass(reader, writer, there, to)
        finally:
            self._open.discard(to)
            to.close()

    async def _pass(self, reader: Reads, writer: Writes, there: Reads, to: Writes) -> None:
        while True:
            message = await _read(reader)
            if int.from_bytes(message[FLAGS], "little") & MORE:
                to.write(message)
                await asyncio.gather(_pipe(reader, to), _pipe(there, writer))
            async with self._one:
                to.write(message)
                answer = await _read(there)
            if self._lose(message):
                return
            writer.write(answer)
            await writer.drain()


async def _read(reader: Reads) -> bytes:
    head = await reader.readexactly(HEAD)
    return head + await reader.readexactly(int.from_bytes(head[:4], "little") - HEAD)


async def _pipe(reader: Reads, writer: Writes) -> None:
    while piece := await reader.read(65536):
        writer.write(piece)
    raise ConnectionError("the other side has gone")
