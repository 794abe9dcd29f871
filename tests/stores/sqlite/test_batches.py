"""Statements that wait at the same time share a transaction, and fail each for itself."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from bot.errors import PermanentError, TemporaryError
from bot.stores.sqlite.store import SqliteStore

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


async def test_a_statement_alone_needs_no_transaction(store: SqliteStore) -> None:
    traced: list[str] = []
    await store._db.set_trace_callback(traced.append)
    await asyncio.gather(put(store, "a"), kept(store))
    assert sorted(sql.split()[0] for sql in traced) == ["insert", "select"]


async def test_a_statement_that_fails_does_not_hinder_the_others(store: SqliteStore) -> None:
    assert await put(store, "a", "a", "b") == [list, PermanentError, list]
    assert await kept(store) == {"a", "b"}


async def test_nothing_is_kept_of_a_transaction_that_is_rolled_back(store: SqliteStore) -> None:
    await store.rows(ROLLBACK)
    assert set(await put(store, "a", "b", "too much")) <= {PermanentError, TemporaryError}
    assert await kept(store) == set()
    assert await put(store, "c") == [list]


async def test_a_statement_whose_caller_has_gone_is_run_and_holds_up_nobody(store: SqliteStore) -> None:
    gone = asyncio.create_task(store.rows(PUT, {"key": "a"}))
    await asyncio.sleep(0)
    gone.cancel()
    assert await put(store, "b", "c") == [list, list]
    assert await kept(store) == {"a", "b", "c"}


async def test_a_closed_store_says_so(store: SqliteStore) -> None:
    await store.close()
    assert await put(store, "a", "b") == [TemporaryError, TemporaryError]
