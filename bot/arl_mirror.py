"""Where the fake ARL of the demo and the tests writes its documents: a MongoDB, as ARL's own would be."""

from collections.abc import Mapping
from typing import Any

from bot.mongo import Mongo, as_object_id


class MongoMirror:
    """The sandbox's port `Mirror` over a database of its own."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def put(self, table: str, document: Mapping[str, Any]) -> None:
        await self._mongo.collection(table).put([{**document, "_id": as_object_id(document["_id"])}])

    async def delete(self, table: str, id_: str) -> None:
        await self._mongo.collection(table).delete({"_id": as_object_id(id_)})
