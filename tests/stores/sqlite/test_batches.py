"""Statements that wait at the same time share a transaction, and fail each for itself."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from bot.errors import PermanentError, TemporaryError
from bot.stores.sqlite.store import SqliteStore
from bot.stores.sqlite.tasks import SqliteTaskStore
from tests.factories import make_task

ROLLBACK = """
create temp trigger disk_full before insert on facts when new.key = 'too much' begin
    select raise(rollback, 'database or disk is full');
end
"""
PUT = "insert into facts (key, value) values (:key, '1') returning 1"


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "batches.db")
    await store.open()
    yield store
    await store.close()


async def put(store: SqliteStore, *keys: str) -> list[object]:
    """Put these at the same time, and return what came of each."""
    put = [store.rows(PUT, {"key": key}) for key in keys]
    return [type(each) for each in await asyncio.gather(*put, return_exceptions=True)]


async def kept(store: SqliteStore) -> set[str]:
    return {row["key"] for row in await store.rows("select key from facts")}


async def test_statements_that_wait_share_one_commit(store: SqliteStore) -> None:
    traced: list[str] = []
    await store._db.set_trace_callback(traced.append)
    assert await put(store, *map(str, range(20))) == [list] * 20
    assert (traced[0], traced.count("begin immediate"), traced.count("commit")) == ("begin immediate", 1, 1)


async def test_the_tasks_of_a_run_share_one_commit(store: SqliteStore) -> None:
    traced: list[str] = []
    await store._db.set_trace_callback(traced.append)
    tasks = SqliteTaskStore(store)
    await tasks.add_tasks([make_task(id=f"r1-{number:03}", run_id="r1") for number in range(50)])
    assert (traced.count("begin immediate"), traced.count("commit")) == (1, 1)
    assert [each.id for each in await tasks.find_tasks(run_id="r1")][::49] == ["r1-000", "r1-049"]


async def test_a_statement_alone_needs_no_transaction(store: SqliteStore) -> None:
    traced: list[str] = []
    await store._db.set_trace_callback(traced.append)
    await asyncio.gather(put(store, "a"), kept(store))
    assert sorted(sql.split()[0] for sql in traced) == ["insert", "select"]


async def test_a_statement_that_fails_does_not_hinder_the_others(store: SqliteStore) -> None:
    assert await put(store, "a", "a", "b") == [list, PermanentError, list]
    assert await kept(store) == {"a", "b"}


@pytest.mark.parametrize(
    ("keys", "succeeded", "stored"),
    [
        (["a", "b", "too much"], set(), set()),
        (["too much", "a", "b"], {"a", "b"}, {"a", "b"}),
        (["a", "too much", "b", "b", "c"], {"c"}, {"b", "c"}),  # of two failures, either may have done it
    ],
)
async def test_a_rollback_in_the_middle_fails_what_it_has_undone(
    store: SqliteStore, keys: list[str], succeeded: set[str], stored: set[str]
) -> None:
    """As a full disk does it. What comes after it is stored, each for itself."""
    await store.rows(ROLLBACK)
    outcomes = zip(keys, await put(store, *keys), strict=True)
    assert {key for key, outcome in outcomes if outcome is list} == succeeded
    assert await kept(store) == stored
    assert await put(store, "later") == [list]


async def test_a_statement_whose_caller_has_gone_is_run_and_holds_up_nobody(store: SqliteStore) -> None:
    gone = asyncio.create_task(store.rows(PUT, {"key": "a"}))
    await asyncio.sleep(0)
    gone.cancel()
    assert await put(store, "b", "c") == [list, list]
    assert await kept(store) == {"a", "b", "c"}


async def test_the_end_of_the_event_loop_leaves_no_transaction_open_and_nobody_waiting(
    store: SqliteStore, tmp_path: Path
) -> None:
    waiting = asyncio.gather(*(store.rows(PUT, {"key": key}) for key in "ab"), return_exceptions=True)
    while not store._db.in_transaction:  # noqa: ASYNC110 - another thread begins it
        await asyncio.sleep(0)
    worker = store._batches._worker
    assert worker
    worker.cancel()
    assert [type(each) for each in await waiting] == [asyncio.CancelledError] * 2
    assert await put(store, "c") == [list]
    with closing(sqlite3.connect(tmp_path / "batches.db")) as another:
        assert another.execute("select key from facts").fetchall() == [("c",)]


async def test_a_closed_store_says_so(store: SqliteStore) -> None:
    await store.close()
    assert await put(store, "a", "b") == [TemporaryError, TemporaryError]
