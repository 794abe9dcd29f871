"""Run SQL statements one after another. Those that wait at the same time share one write to the disk."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiosqlite

from bot.errors import TemporaryError

Rows = list[sqlite3.Row]
Outcome = Rows | BaseException


@dataclass(frozen=True, eq=False)
class Statement:
    """A statement that waits for its turn."""

    sql: str
    values: Mapping[str, Any]
    result: asyncio.Future[Rows]

    @property
    def is_write(self) -> bool:
        return not self.sql.lstrip().startswith("select")


class StatementBatches:
    """Runs atomic statements in the order in which they come.

    A commit waits for the disk. What comes meanwhile is run next, in one transaction, and returns when that
    is committed. A statement that fails changes nothing and does not hinder the others.
    `lock` keeps statements out of other transactions.
    """

    def __init__(self, connection: Callable[[], aiosqlite.Connection], lock: asyncio.Lock) -> None:
        self._connection = connection
        self._lock = lock
        self._waiting: list[Statement] = []
        self._worker: asyncio.Task[None] | None = None

    async def run(self, sql: str, values: Mapping[str, Any]) -> Rows:
        """Run a statement and return its rows. Its changes are on disk when it returns.

        Raises the errors of `sqlite3`, and `TemporaryError` if the store is closed.
        """
        statement = Statement(sql, values, asyncio.get_running_loop().create_future())
        self._waiting.append(statement)
        if self._worker is None:
            self._worker = asyncio.create_task(self._work(), name="sqlite statements")
        return await statement.result

    async def _work(self) -> None:
        """Run statements until none waits."""
        try:
            while self._waiting:
                async with self._lock:
                    batch, self._waiting = self._waiting, []
                    await self._run_batch(batch)
        finally:
            self._worker = None

    async def _run_batch(self, batch: Sequence[Statement]) -> None:
        try:
            outcomes = await self._execute(batch)
        except (sqlite3.Error, TemporaryError) as error:
            outcomes = [error] * len(batch)
        except BaseException:  # such as the end of the event loop: nobody may wait for ever
            for statement in batch:
                statement.result.cancel()
            raise
        for statement, outcome in zip(batch, outcomes, strict=True):
            _settle(statement.result, outcome)

    async def _execute(self, batch: Sequence[Statement]) -> Sequence[Outcome]:
        """Run statements, in one transaction if several of them write, and return what came of each."""
        if sum(statement.is_write for statement in batch) <= 1:
            return await self._execute_each(batch)
        try:
            await self._connection().execute("begin immediate")
            outcomes = await self._execute_each(batch)
            if not self._connection().in_transaction:
                return _after_rollback(outcomes)
            await self._connection().execute("commit")
        except BaseException:
            with suppress(sqlite3.Error, TemporaryError):  # no transaction is open
                await self._connection().execute("rollback")
            raise
        return outcomes

    async def _execute_each(self, batch: Sequence[Statement]) -> Sequence[Outcome]:
        """Hand all statements to the thread of the connection, which runs them in this order."""
        connection = self._connection()
        found = await asyncio.gather(
            *(connection.execute_fetchall(each.sql, each.values) for each in batch), return_exceptions=True
        )
        return [outcome if isinstance(outcome, BaseException) else list(outcome) for outcome in found]


def _after_rollback(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """Return what came of statements of which one has rolled the transaction back, as a full disk does it.

    What ran before it is undone. What ran after it, outside of the transaction, is on disk. The last failure
    counts, because more than one may have done it.
    """
    last = max(number for number, outcome in enumerate(outcomes) if isinstance(outcome, BaseException))
    return [outcomes[last]] * (last + 1) + list(outcomes[last + 1 :])


def _settle(result: asyncio.Future[Rows], outcome: Outcome) -> None:
    """Tell whoever waits for a result, if anybody still does."""
    if result.done():
        return
    if isinstance(outcome, BaseException):
        result.set_exception(outcome)
    else:
        result.set_result(outcome)
