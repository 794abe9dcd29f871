"""DocumentStore in the MongoDB database of the store. Data are JSON text: their keys come from outside."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime

from bot.foreign_text import storable, storable_value
from bot.mongo import DOWN, UP, Mongo
from bot.ports import StoredDocument
from bot.stores.mongo.documents import Document, Numbers, moment


class MongoDocuments:
    """DocumentStore on the database of a `MongoStore`, which opens and closes it."""

    def __init__(self, mongo: Mongo) -> None:
        self._documents = mongo.collection("documents")
        self._numbers = Numbers()

    async def add_document(self, document: StoredDocument) -> bool:
        new = mongo_document(document) | {"version": 1, "number": self._numbers.next()}
        return await self._documents.insert(new)

    async def save_document(self, document: StoredDocument) -> bool:
        written = mongo_document(document)
        where = {"_id": written["_id"], "version": document.version}
        changes = {name: written[name] for name in ("group", "due", "data")}
        changed = await self._documents.change(where, {"$set": changes, "$inc": {"version": 1}})
        return changed is not None

    async def find_document(self, collection: str, id_: str) -> StoredDocument | None:
        found = await self._documents.find_one({"_id": document_id(collection, id_)})
        return document_from_mongo(found) if found else None

    async def find_documents(
        self, collection: str, *, ids: Collection[str] = (), group: str = "", limit: int = 100
    ) -> Sequence[StoredDocument]:
        where: Document = {"collection": collection}
        if ids:
            where["_id"] = {"$in": [document_id(collection, each) for each in ids]}
        if group:
            where["group"] = storable(group)
        found = await self._documents.find(where, sort=[("number", DOWN)], limit=limit)
        return [document_from_mongo(each) for each in found]

    async def find_due_documents(
        self, collection: str, now: datetime, *, group: str = "", limit: int = 100
    ) -> Sequence[StoredDocument]:
        where: Document = {"collection": collection, "due": {"$lte": moment(now)}}
        if group:
            where["group"] = storable(group)
        found = await self._documents.find(where, sort=[("due", UP), ("number", UP)], limit=limit)
        return [document_from_mongo(each) for each in found]

    async def count_documents(self, collection: str) -> int:
        return await self._documents.count({"collection": collection})

    async def purge_documents(self, collection: str, before: datetime, *, limit: int) -> int:
        where: Document = {"collection": collection, "due": {"$lt": moment(before)}}
        found = await self._documents.find(where, sort=[("due", UP)], limit=limit, fields=["_id"])
        if not found:
            return 0
        return await self._documents.delete({**where, "_id": {"$in": [each["_id"] for each in found]}})


def mongo_document(document: StoredDocument) -> Document:
    return {
        "_id": document_id(document.collection, document.id),
        "collection": document.collection,
        "id": storable(document.id),
        "group": storable(document.group),
        "due": moment(document.due) if document.due else None,
        "version": document.version,
        "data": json.dumps(storable_value(document.data), ensure_ascii=False),
    }


def document_from_mongo(document: Document) -> StoredDocument:
    return StoredDocument(
        collection=document["collection"],
        id=document["id"],
        group=document["group"],
        due=document["due"],
        version=document["version"],
        data=json.loads(document["data"]),
    )


def document_id(collection: str, id_: str) -> str:
    return storable(f"{collection}/{id_}")
