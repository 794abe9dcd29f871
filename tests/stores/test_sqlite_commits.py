"""Writes that wait together share a commit, and each is still atomic by itself."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import aiosqlite
import pytest

from bot.stores.sqlite_commits import MOST, Commits

ADD = "insert into things (name) values (:name) returning name"


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[aiosqlite.Connection]:
    async with aiosqlite.connect(tmp_path / "c.db", isolation_level=None) as db:
        await db.execute("pragma journal_mode=wal")
        await db.execute("create table things (name text not null unique) strict")
        yield db


@pytest.fixture
def begun(db: aiosqlite.Connection, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The transactions that were begun, ended or taken back."""
    said: list[str] = []
    execute = db.execute

    async def watched(sql: str) -> object:
        said.append(sql)
        return await execute(sql)

    monkeypatch.setattr(db, "execute", watched)
    return said


async def names(db: aiosqlite.Connection) -> set[str]:
    return {row[0] for row in await db.execute_fetchall("select name from things")}


def add(commits: Commits, *given: str | None) -> list[asyncio.Task[list[sqlite3.Row]]]:
    return [asyncio.create_task(commits.run(ADD, {"name": name})) for name in given]


async def test_writes_at_once_share_a_commit(db: aiosqlite.Connection, begun: list[str]) -> None:
    rows = await asyncio.gather(*add(Commits(db), "a", "b", "c"))
    assert [row[0][0] for row in rows] == ["a", "b", "c"]
    assert begun == ["begin immediate", "commit"]


async def test_a_write_alone_needs_no_transaction(db: aiosqlite.Connection, begun: list[str]) -> None:
    await asyncio.gather(*add(Commits(db), "a"))
    assert (await names(db), begun) == ({"a"}, [])


async def test_a_commit_has_a_size(db: aiosqlite.Connection, begun: list[str]) -> None:
    await asyncio.gather(*add(Commits(db), *(str(number) for number in range(MOST + 2))))
    assert begun == ["begin immediate", "commit"] * 2


async def test_one_that_fails_takes_back_itself_alone(db: aiosqlite.Connection) -> None:
    told = await asyncio.gather(*add(Commits(db), "a", None, "a", "\ud800", "b"), return_exceptions=True)
    assert [isinstance(each, Exception) for each in told] == [False, True, True, True, False]
    assert await names(db) == {"a", "b"}


async def test_a_commit_that_fails_is_told_to_all_of_it(
    db: aiosqlite.Connection, begun: list[str], tmp_path: Path
) -> None:
    await db.execute_fetchall("pragma busy_timeout = 1")
    other = sqlite3.connect(tmp_path / "c.db", isolation_level=None)
    other.execute("begin immediate")
    told = await asyncio.gather(*add(Commits(db), "a", "b"), return_exceptions=True)
    other.close()
    assert [type(each) for each in told] == [sqlite3.OperationalError] * 2
    assert await names(db) == set()


async def test_nothing_is_told_before_the_commit(
    db: aiosqlite.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute, commits = db.execute, Commits(db)
    told_before: list[object] = []

    async def watched(sql: str) -> object:
        if sql == "commit":
            told_before.extend(write for write in writes if write.done())
        return await execute(sql)

    monkeypatch.setattr(db, "execute", watched)
    writes = add(commits, "a", "b")
    await asyncio.gather(*writes)
    assert told_before == []


async def test_who_no_longer_waits_holds_up_nobody(db: aiosqlite.Connection) -> None:
    gone, *others = add(Commits(db), "a", "b", "c")
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(*others)
    assert {"b", "c"} <= await names(db)


async def test_nothing_joins_a_transaction(db: aiosqlite.Connection) -> None:
    commits = Commits(db)
    async with commits.transaction():
        (waiting,) = add(commits, "a")
        await commits.run(ADD, {"name": "mine"})
        await db.execute("rollback")
        await db.execute("begin immediate")
    await waiting
    assert "a" in await names(db)


async def test_a_transaction_that_breaks_off_is_taken_back(db: aiosqlite.Connection) -> None:
    commits = Commits(db)

    async def break_off() -> None:
        async with commits.transaction():
            await commits.run(ADD, {"name": "a"})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await break_off()
    await asyncio.gather(*add(commits, "b"))
    assert await names(db) == {"b"}


async def test_nobody_waits_for_ever(db: aiosqlite.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, commits = asyncio.Event(), Commits(db)

    async def hang(sql: str) -> object:
        begun.set()
        return await asyncio.Event().wait()

    monkeypatch.setattr(db, "execute", hang)
    writes = add(commits, "a", "b")
    await begun.wait()
    assert commits._committing is not None
    commits._committing.cancel()
    told = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(each) for each in told] == [asyncio.CancelledError] * 2
