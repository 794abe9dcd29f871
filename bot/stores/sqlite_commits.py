"""Statements of one connection, in turn: those that wait at the same time share a visit and a commit.

A commit waits for the disk, whatever it holds; a burst of messages would wait as often as it has writes. None
is told that it is done before the commit that holds it is on the disk.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from bot.stores.sqlite_thread import FAILURES, Connection, Outcome, Rows, Statement

MOST = 100  # statements in one visit; others, and other processes, wait meanwhile

Asked = tuple[Statement, asyncio.Future[Rows]]


class Commits:
    """Runs statements; what they raise is SQLite's."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._turn = asyncio.Lock()
        self._alone: asyncio.Task[Any] | None = None  # whose transaction holds the turn
        self._waiting: list[Asked] = []
        self._visiting: asyncio.Task[None] | None = None

    async def run(self, sql: str, values: Mapping[str, Any]) -> Rows:
        """Run one statement, atomic by itself; its rows once it is on the disk."""
        if self._alone and self._alone is asyncio.current_task():
            return list(await self._db.execute_fetchall(sql, values))
        told: asyncio.Future[Rows] = asyncio.get_running_loop().create_future()
        self._waiting.append((Statement(sql=sql, values=values), told))
        if self._visiting is None:
            self._visiting = asyncio.create_task(self._visit(), name="commits")
        return await told

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
        """Wait until nothing is left to be done."""
        while self._visiting:
            await self._visiting

    async def _visit(self) -> None:
        asked: Sequence[Asked] = ()
        try:
            while self._waiting:
                async with self._turn:
                    asked, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                    await self._carry_out([each for each in asked if not each[1].done()])
        except Exception as error:  # noqa: BLE001 - whoever asked is told: a cancelled future would end its loop
            _tell_all([*asked, *self._waiting], error)
        finally:
            self._visiting = None
            for _, told in [*asked, *self._waiting]:  # when this was cancelled: nobody waits for ever
                told.cancel()

    async def _carry_out(self, asked: Sequence[Asked]) -> None:
        outcomes: Sequence[Outcome]
        try:
            outcomes = await self._db.carry_out([statement for statement, _ in asked])
        except FAILURES as error:  # the connection is closed
            outcomes = [error] * len(asked)
        for (_, told), outcome in zip(asked, outcomes, strict=True):
            if told.done():  # who asked was cancelled meanwhile
                continue
            if isinstance(outcome, Exception):
                told.set_exception(outcome)
            else:
                told.set_result(outcome)


def _tell_all(asked: Sequence[Asked], error: Exception) -> None:
    for _, told in asked:
        if not told.done():
            told.set_exception(error)
