"""Collections beside those of a database, which take their places when they are complete."""

from bot.mongo import Mongo
from bot.stores.mongo.store import COLLECTIONS, RESTORE

PREFIX = "restored."
LAST = "about"  # it tells of the restore until all others are in place


class MongoStaging:
    """The staged collections of a database. `mongo` has the prefix."""

    def __init__(self, url: str) -> None:
        self._live = Mongo(url)
        self.mongo = Mongo(url, prefix=PREFIX)

    async def clear(self) -> None:
        """Drop what an interrupted restore has left."""
        for name in await self.mongo.names():
            if name.startswith(PREFIX):
                await self.mongo.drop_collection(name)

    async def publish(self) -> None:
        """Replace the collections of the database by the staged ones.

        If it is interrupted, the database refuses to be opened until it is done again.
        """
        await self._live.collection(LAST).put([{"_id": RESTORE}])
        staged = {name for name in await self.mongo.names() if name.startswith(PREFIX)}
        for name in COLLECTIONS:
            if PREFIX + name not in staged:
                await self._live.drop_collection(name)
        for name in sorted(staged, key=lambda name: name == PREFIX + LAST):
            await self.mongo.rename(name, name.removeprefix(PREFIX))

    async def close(self) -> None:
        await self._live.close()
