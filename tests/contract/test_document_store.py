"""Contract of DocumentStore."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.ports import DocumentStore, StoredDocument
from bot.wiring.stores import StoreSet
from tests.factories import NOW

Pair = tuple[DocumentStore, DocumentStore]
LATER = NOW + timedelta(hours=1, milliseconds=123)


def document(id_: str = "a", **changes: Any) -> StoredDocument:
    defaults: dict[str, Any] = {"collection": "runs", "id": id_, "data": {"a.b": {"$c": ["值", None, 1]}}}
    return StoredDocument(**(defaults | changes))


@pytest.fixture
def two(both: tuple[StoreSet, StoreSet]) -> Pair:
    """Return the store as two bots see it."""
    return both[0].documents, both[1].documents


@pytest.fixture
def documents(two: Pair) -> DocumentStore:
    return two[0]


async def ids(found: Any) -> list[str]:
    return [each.id for each in await found]


async def test_a_document_is_read_as_it_was_written(documents: DocumentStore) -> None:
    written = document(group="g", due=LATER)
    assert await documents.add_document(written)
    assert await documents.find_document("runs", "a") == replace(written, version=1)


async def test_an_unknown_document_is_not_found(documents: DocumentStore) -> None:
    await documents.add_document(document())
    assert await documents.find_document("runs", "b") is None
    assert await documents.find_document("logs", "a") is None


async def test_a_document_is_added_once(documents: DocumentStore) -> None:
    await documents.add_document(document())
    assert not await documents.add_document(document(data={}))
    assert await documents.add_document(document(collection="logs", data={}))
    found = await documents.find_document("runs", "a")
    assert found is not None
    assert found.data == document().data


async def test_a_change_of_the_current_version_is_stored_as_the_next(documents: DocumentStore) -> None:
    await documents.add_document(document(group="g", due=NOW))
    changed = document(version=1, group="h", due=None, data={"x": 1})
    assert await documents.save_document(changed)
    assert await documents.find_document("runs", "a") == replace(changed, version=2)


@pytest.mark.parametrize("version", [0, 2])
async def test_a_change_of_another_version_is_refused(documents: DocumentStore, version: int) -> None:
    await documents.add_document(document())
    assert not await documents.save_document(document(version=version, data={}))
    assert await documents.find_document("runs", "a") == document(version=1)


async def test_of_concurrent_changes_one_is_stored(two: Pair) -> None:
    added = await asyncio.gather(*(two[n % 2].add_document(document()) for n in range(8)))
    changed = [document(version=1, data={"n": n}) for n in range(8)]
    saved = await asyncio.gather(*(two[n % 2].save_document(each) for n, each in enumerate(changed)))
    assert (added.count(True), saved.count(True)) == (1, 1)


async def test_documents_are_listed_by_group_and_by_id_the_last_first(documents: DocumentStore) -> None:
    for id_, group in (("c", "g"), ("a", "g"), ("b", "h"), ("d", "")):
        await documents.add_document(document(id_, group=group))
    await documents.add_document(document("x", collection="logs", group="g"))
    assert await ids(documents.find_documents("runs", group="g")) == ["a", "c"]
    assert await ids(documents.find_documents("runs", ids=["b", "c", "x"])) == ["b", "c"]
    assert await ids(documents.find_documents("runs", ids=["b", "c"], group="h")) == ["b"]
    assert await ids(documents.find_documents("runs", limit=3)) == ["d", "b", "a"]
    assert await documents.count_documents("runs") == 4


async def test_due_documents_come_in_the_order_of_their_time(documents: DocumentStore) -> None:
    for id_, due, group in (("c", NOW, "g"), ("a", NOW - timedelta(hours=1), "h"), ("b", LATER, "g")):
        await documents.add_document(document(id_, due=due, group=group))
    await documents.add_document(document("d"))
    assert await ids(documents.find_due_documents("runs", NOW)) == ["a", "c"]
    assert await ids(documents.find_due_documents("runs", LATER, group="g")) == ["c", "b"]
    assert await ids(documents.find_due_documents("runs", LATER, limit=1)) == ["a"]


async def test_documents_due_before_a_time_are_purged(documents: DocumentStore) -> None:
    for id_, due in (("a", NOW), ("b", LATER), ("c", None), ("d", NOW - timedelta(hours=1))):
        await documents.add_document(document(id_, due=due))
    assert await documents.purge_documents("runs", LATER, limit=1) == 1
    assert await documents.purge_documents("runs", LATER, limit=9) == 1
    assert await ids(documents.find_documents("runs")) == ["c", "b"]


async def test_text_that_utf_8_cannot_hold_is_kept_without_it(documents: DocumentStore) -> None:
    await documents.add_document(document("k\ud800", group="g\ud800", data={"a\ud800": "\udcffb\0"}))
    (found,) = await documents.find_documents("runs")
    assert (found.id, found.group, found.data) == ("k\ufffd", "g\ufffd", {"a\ufffd": "\ufffdb\0"})
