"""Writes that wait together share a commit, and each is still atomic by itself."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from bot.stores.sqlite_commits import MOST, Commits
from bot.stores.sqlite_thread import Connection, Statement, connect

ADD = "insert into things (name) values (:name) returning name"


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Connection]:
    db = await connect(tmp_path / "c.db", patience=0.01)
    await db.execute("pragma journal_mode=wal")
    await db.execute("create table things (name text not null unique) strict")
    yield db
    await db.close()


@pytest.fixture
async def said(db: Connection) -> list[str]:
    """The first word of each statement, in the order in which SQLite began them."""
    words: list[str] = []
    await db.set_trace_callback(lambda sql: words.append(sql.split()[0]))
    return words


@pytest.fixture
def visits(db: Connection, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many statements each visit to the thread took along."""
    taken: list[int] = []
    carry_out = db.carry_out

    async def watched(statements: Sequence[Statement]) -> object:
        taken.append(len(statements))
        return await carry_out(statements)

    monkeypatch.setattr(db, "carry_out", watched)
    return taken


async def names(db: Connection) -> set[str]:
    return {row[0] for row in await db.execute_fetchall("select name from things")}


def add(commits: Commits, *given: str | None) -> list[asyncio.Task[list[sqlite3.Row]]]:
    return [asyncio.create_task(commits.run(ADD, {"name": name})) for name in given]


async def test_writes_at_once_share_a_commit(db: Connection, said: list[str]) -> None:
    rows = await asyncio.gather(*add(Commits(db), "a", "b", "c"))
    assert [row[0][0] for row in rows] == ["a", "b", "c"]
    assert said == ["begin", "insert", "insert", "insert", "commit"]


async def test_a_write_alone_needs_no_transaction(db: Connection, said: list[str]) -> None:
    await asyncio.gather(*add(Commits(db), "a"))
    assert said == ["insert"]


async def test_statements_at_once_share_a_visit(db: Connection, visits: list[int]) -> None:
    commits = Commits(db)
    await asyncio.gather(*add(commits, "a", "b"), commits.run("select name from things", {}))
    assert visits == [3]


async def test_a_visit_has_a_size(db: Connection, visits: list[int]) -> None:
    await asyncio.gather(*add(Commits(db), *(str(number) for number in range(MOST + 2))))
    assert visits == [MOST, 2]


async def test_reads_come_after_the_commit(db: Connection, said: list[str]) -> None:
    commits = Commits(db)
    reading = asyncio.create_task(commits.run("select name from things", {}))
    await asyncio.gather(*add(commits, "a", "b"))
    assert (len(await reading), said[-2:]) == (2, ["commit", "select"])


async def test_one_that_fails_takes_back_itself_alone(db: Connection) -> None:
    told = await asyncio.gather(*add(Commits(db), "a", None, "a", "\ud800", "b"), return_exceptions=True)
    assert [isinstance(each, Exception) for each in told] == [False, True, True, True, False]
    assert await names(db) == {"a", "b"}


async def test_a_commit_that_fails_is_told_to_all_of_it(db: Connection, tmp_path: Path) -> None:
    commits, other = Commits(db), sqlite3.connect(tmp_path / "c.db", isolation_level=None)
    other.execute("begin immediate")
    asked = [*add(commits, "a", "b"), asyncio.create_task(commits.run("select name from things", {}))]
    *told, read = await asyncio.gather(*asked, return_exceptions=True)
    other.close()
    assert [type(each) for each in told] == [sqlite3.OperationalError] * 2
    assert read == []


async def test_whoever_asks_is_told_of_a_mistake_of_ours_and_not_cancelled(
    db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancelled future would silently end the loop that waits for it."""

    async def broken(statements: object) -> object:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(db, "carry_out", broken)
    told = await asyncio.gather(*add(Commits(db), "a", "b"), return_exceptions=True)
    assert [type(each) for each in told] == [RuntimeError] * 2


async def test_nothing_is_told_before_the_commit(db: Connection, tmp_path: Path) -> None:
    other, seen = sqlite3.connect(tmp_path / "c.db"), list[int]()
    writes = add(Commits(db), "a", "b")
    for write in writes:
        write.add_done_callback(
            lambda _: seen.extend(other.execute("select count(*) from things").fetchone())
        )
    await asyncio.gather(*writes)
    other.close()
    assert seen == [2, 2]


async def test_who_no_longer_waits_holds_up_nobody(db: Connection) -> None:
    gone, *others = add(Commits(db), "a", "b", "c")
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(*others)
    assert {"b", "c"} <= await names(db)


async def test_nothing_joins_a_transaction(db: Connection) -> None:
    commits = Commits(db)
    async with commits.transaction():
        (waiting,) = add(commits, "a")
        await commits.run(ADD, {"name": "mine"})
        await db.execute("rollback")
        await db.execute("begin immediate")
    await waiting
    assert "a" in await names(db)


async def test_a_transaction_that_breaks_off_is_taken_back(db: Connection) -> None:
    commits = Commits(db)

    async def break_off() -> None:
        async with commits.transaction():
            await commits.run(ADD, {"name": "a"})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await break_off()
    await asyncio.gather(*add(commits, "b"))
    assert await names(db) == {"b"}


async def test_nobody_waits_for_ever(db: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, commits = asyncio.Event(), Commits(db)

    async def hang(statements: object) -> object:
        begun.set()
        return await asyncio.Event().wait()

    monkeypatch.setattr(db, "carry_out", hang)
    writes = add(commits, "a", "b")
    await begun.wait()
    assert commits._visiting is not None
    commits._visiting.cancel()
    told = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(each) for each in told] == [asyncio.CancelledError] * 2
