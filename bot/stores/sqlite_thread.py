"""The thread of a connection: a visit to it costs more than most statements, so each carries out many."""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import aiosqlite

ROWS = 64  # that a stream fetches at once
READING = ("select", "pragma", "explain")
FAILURES = (sqlite3.Error, ValueError, OverflowError, TypeError)  # the last three: values it cannot hold

Rows = list[sqlite3.Row]
Outcome = Rows | Exception


class Statement(NamedTuple):
    """What is asked of SQLite."""

    sql: str
    values: Mapping[str, Any]

    @property
    def reads(self) -> bool:
        return self.sql.lstrip().startswith(READING)


class Connection(aiosqlite.Connection):
    """A connection that carries out several statements in one visit to its thread."""

    async def carry_out(self, statements: Sequence[Statement]) -> Sequence[Outcome]:
        """What each came to: its rows, or what it raised. All that is written is on the disk by then."""
        outcomes: Sequence[Outcome] = await self._execute(  # type: ignore[no-untyped-call]
            _carry_out, self._conn, statements
        )
        return outcomes


async def connect(path: Path, *, patience: float) -> Connection:
    """A connection without transactions of its own; `patience` with others is in seconds."""
    connection = Connection(
        lambda: sqlite3.connect(path, isolation_level=None, timeout=patience), iter_chunk_size=ROWS
    )
    await connection
    return connection


def _carry_out(db: sqlite3.Connection, statements: Sequence[Statement]) -> Sequence[Outcome]:
    """Writes in one commit; then reads, which no failed commit can spoil."""
    writes = [each for each in statements if not each.reads]
    written = iter(_written(db, writes))
    return [_outcome(db, each) if each.reads else next(written) for each in statements]


def _written(db: sqlite3.Connection, writes: Sequence[Statement]) -> Sequence[Outcome]:
    if len(writes) <= 1:
        return [_outcome(db, each) for each in writes]
    try:
        return _together(db, writes)
    except FAILURES as error:  # nothing of it is written
        return [error] * len(writes)


def _together(db: sqlite3.Connection, writes: Sequence[Statement]) -> Sequence[Outcome]:
    db.execute("begin immediate")
    try:
        outcomes = [_outcome(db, each, together=True) for each in writes]
        db.execute("commit")
    except BaseException:
        if db.in_transaction:
            db.execute("rollback")
        raise
    return outcomes


def _outcome(db: sqlite3.Connection, statement: Statement, *, together: bool = False) -> Outcome:
    """One that fails takes back itself alone, unless SQLite took back all that is done together."""
    try:
        return db.execute(statement.sql, statement.values).fetchall()
    except FAILURES as error:
        if together and not db.in_transaction:
            raise
        return error
