"""Mirror the documents of the fake ARL to a MongoDB, as a real ARL stores them."""

from collections.abc import Mapping
from typing import Any

from bot.mongo import Mongo, as_object_id

TABLES = ("task", "task_schedule", "policy", "user", "site")  # every ARL has one of these


class MongoMirror:
    """Implements `DocumentMirror` of the fake ARL on a database."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._written: set[str] = set()

    async def put(self, table: str, document: Mapping[str, Any]) -> None:
        self._written.add(table)
        await self._mongo.collection(table).put([{**document, "_id": as_object_id(document["_id"])}])

    async def delete(self, table: str, id_: str) -> None:
        await self._mongo.collection(table).delete({"_id": as_object_id(id_)})

    async def holds_an_arl(self) -> bool:
        """Tell if the database holds an ARL."""
        return any([await self._mongo.collection(table).count() for table in TABLES])

    async def clear(self) -> None:
        """Remove what was written; the tables were empty before."""
        for table in self._written:
            await self._mongo.collection(table).delete({})
