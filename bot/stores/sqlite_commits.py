"""Statements of one connection, in turn: writes that wait at the same time share one commit.

A commit waits for the disk, whatever it holds; a burst of messages would wait as often as it has writes. None
is told that it is done before the commit that holds it is on the disk.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiosqlite

MOST = 100  # writes in one commit; others, and other processes, wait meanwhile
READING = ("select", "pragma", "explain")
FAILURES = (sqlite3.Error, ValueError, OverflowError, TypeError)  # the last three: values it cannot hold

Rows = list[sqlite3.Row]


@dataclass(frozen=True, kw_only=True)
class _Write:
    sql: str
    values: Mapping[str, Any]
    done: asyncio.Future[Rows]


class Commits:
    """Runs statements; what they raise is SQLite's."""

    def __init__(self, db: aiosqlite.Connection) -> None:
        self._db = db
        self._turn = asyncio.Lock()
        self._alone: asyncio.Task[Any] | None = None  # whose transaction holds the turn
        self._waiting: list[_Write] = []
        self._committing: asyncio.Task[None] | None = None

    async def run(self, sql: str, values: Mapping[str, Any]) -> Rows:
        """Run one statement, atomic by itself; its rows once it is on the disk."""
        if self._alone and self._alone is asyncio.current_task():
            return await self._fetch(sql, values)
        if sql.lstrip().startswith(READING):
            async with self._turn:
                return await self._fetch(sql, values)
        done: asyncio.Future[Rows] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Write(sql=sql, values=values, done=done))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all(), name="commits")
        return await done

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """What its own task runs, as one; others wait."""
        async with self._turn:
            await self._db.execute("begin immediate")
            self._alone = asyncio.current_task()
            try:
                yield
            except BaseException:
                await self._db.execute("rollback")
                raise
            else:
                await self._db.execute("commit")
            finally:
                self._alone = None

    async def finish(self) -> None:
        """Wait until nothing is left to be written."""
        while self._committing:
            await self._committing

    async def _fetch(self, sql: str, values: Mapping[str, Any]) -> Rows:
        return list(await self._db.execute_fetchall(sql, values))

    async def _commit_all(self) -> None:
        writes: Sequence[_Write] = ()
        try:
            while self._waiting:
                async with self._turn:
                    writes, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                    await self._commit([write for write in writes if not write.done.done()])
        finally:
            self._committing = None
            for write in [
                *writes,
                *self._waiting,
            ]:  # when this was cancelled: nobody waits for ever
                write.done.cancel()

    async def _commit(self, writes: Sequence[_Write]) -> None:
        try:
            outcomes = await (self._together(writes) if len(writes) > 1 else self._each(writes))
        except FAILURES as error:  # nothing of it is written
            outcomes = [error] * len(writes)
        for write, outcome in zip(writes, outcomes, strict=True):
            if write.done.done():  # who asked was cancelled meanwhile
                continue
            if isinstance(outcome, Exception):
                write.done.set_exception(outcome)
            else:
                write.done.set_result(outcome)

    async def _together(self, writes: Sequence[_Write]) -> Sequence[Rows | Exception]:
        await self._db.execute("begin immediate")
        try:
            outcomes = await self._each(writes)
            await self._db.execute("commit")
        except BaseException:
            if self._db.in_transaction:
                await self._db.execute("rollback")
            raise
        return outcomes

    async def _each(self, writes: Sequence[_Write]) -> Sequence[Rows | Exception]:
        """What each came to; one that fails takes back itself alone, unless SQLite took back all."""
        together, outcomes = self._db.in_transaction, list[Rows | Exception]()
        for write in writes:
            try:
                outcomes.append(await self._fetch(write.sql, write.values))
            except FAILURES as error:
                if together and not self._db.in_transaction:
                    raise
                outcomes.append(error)
        return outcomes
