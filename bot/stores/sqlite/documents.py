"""DocumentStore in the SQLite file of the store. The column `owner` has the group: that is a word of SQL."""

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.foreign_text import storable_value
from bot.ports import StoredDocument
from bot.stores.sqlite.rows import stamp
from bot.stores.sqlite.sql import array, insert
from bot.stores.sqlite.store import SqliteStore

COLUMNS = ("collection", "id", "owner", "due", "version", "data")

SAVE = """
update documents set owner = :owner, due = :due, data = :data, version = version + 1
where collection = :collection and id = :id and version = :version returning 1
"""
DUE = """
select * from documents where collection = :collection and due <= :now {group}
order by due, number limit :limit
"""
PURGE = """
delete from documents where number in (
    select number from documents where collection = :collection and due < :before order by due limit :limit
) returning 1
"""


class SqliteDocuments:
    """DocumentStore on the file of a `SqliteStore`, which opens and closes it."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def add_document(self, document: StoredDocument) -> bool:
        return await self._store.change(
            insert("documents", COLUMNS), {**document_row(document), "version": 1}
        )

    async def save_document(self, document: StoredDocument) -> bool:
        return await self._store.change(SAVE, document_row(document))

    async def find_document(self, collection: str, id_: str) -> StoredDocument | None:
        sql = "select * from documents where collection = :collection and id = :id"
        rows = await self._store.rows(sql, {"collection": collection, "id": id_})
        return document_from_row(rows[0]) if rows else None

    async def find_documents(
        self, collection: str, *, ids: Collection[str] = (), group: str = "", limit: int = 100
    ) -> Sequence[StoredDocument]:
        among = "and id in (select value from json_each(:ids))" if ids else ""
        own = "and owner = :group" if group else ""
        sql = (
            f"select * from documents where collection = :collection {among} {own}"  # noqa: S608 - no values
            " order by number desc limit :limit"
        )
        values = {"collection": collection, "ids": array(ids), "group": group, "limit": limit}
        return [document_from_row(row) for row in await self._store.rows(sql, values)]

    async def find_due_documents(
        self, collection: str, now: datetime, *, group: str = "", limit: int = 100
    ) -> Sequence[StoredDocument]:
        sql = DUE.format(group="and +owner = :group" if group else "")
        values = {"collection": collection, "now": stamp(now), "group": group, "limit": limit}
        return [document_from_row(row) for row in await self._store.rows(sql, values)]

    async def count_documents(self, collection: str) -> int:
        sql = "select count(*) from documents where collection = :collection"
        (row,) = await self._store.rows(sql, {"collection": collection})
        return int(row[0])

    async def purge_documents(self, collection: str, before: datetime, *, limit: int) -> int:
        values = {"collection": collection, "before": stamp(before), "limit": limit}
        return len(await self._store.rows(PURGE, values))


def document_row(document: StoredDocument) -> Mapping[str, Any]:
    """Return the values by column."""
    return {
        "collection": document.collection,
        "id": document.id,
        "owner": document.group,
        "due": stamp(document.due) if document.due else None,
        "version": document.version,
        "data": json.dumps(storable_value(document.data), ensure_ascii=False),
    }


def document_from_row(row: sqlite3.Row) -> StoredDocument:
    return StoredDocument(
        collection=row["collection"],
        id=row["id"],
        group=row["owner"],
        due=datetime.fromisoformat(row["due"]) if row["due"] else None,
        version=row["version"],
        data=json.loads(row["data"]),
    )
