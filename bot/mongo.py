"""MongoDB, behind one door: the only file that knows its driver.

Motor is past its end of life; whoever swaps it for PyMongo's `AsyncMongoClient` does so here. What goes out
are plain dicts, what comes up are our own errors, and no message holds a name, a password or a document.
Everything is read from the primary, and a write has returned when a majority has it on disk.
"""

import asyncio
import logging
import warnings
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from bson import CodecOptions, ObjectId
from bson.codec_options import DatetimeConversion
from bson.errors import BSONError
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pymongo import ReadPreference, ReplaceOne, ReturnDocument
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    DuplicateKeyError,
    InvalidOperation,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteConcernError,
)

from bot.errors import ConfigError, DingRunError, PermanentError, TemporaryError

log = logging.getLogger(__name__)

Document = dict[str, Any]
Where = Mapping[str, Any]
Sort = Sequence[tuple[str, int]]

UP, DOWN = 1, -1  # directions of a sort or an index

DEFAULTS: Mapping[str, Any] = {  # an option of the address wins
    "w": "majority",
    "journal": True,
    "serverSelectionTimeoutMS": 5_000,
    "connectTimeoutMS": 5_000,
    "socketTimeoutMS": 8_000,  # so that a stop in front of a frozen server takes less than ten
    "waitQueueTimeoutMS": 5_000,
    "appName": "dingrun",
}
TAKEN = 11000  # the key of a document is taken
NOT_SENT = (ServerSelectionTimeoutError, WaitQueueTimeoutError)
REFUSED_BEFORE = {10107, 13435, 13436}  # asked of a server that is not the primary: nothing was written
NOBODY = {13: "lets this user do too little", 18: "refuses the user", 8000: "refuses the user"}
PASSING = {
    6, 7, 24, 46, 50, 64, 89, 91, 112, 134, 136, 175, 189, 202, 262, 9001, 10107, 11600, 11602, 13435, 13436,
    14031, 16500,
}  # fmt: skip


class Mongo:
    """A connection to one database. `setting` is the key that its address came from; errors name it."""

    def __init__(self, address: str, *, setting: str = "store.url", database: str = "dingrun") -> None:
        """`database` counts where the address names none. Raises `ConfigError` for a wrong address."""
        self._setting = setting
        self._client = _client(address, setting)
        options = reading_options()
        self._database = self._client.get_default_database(
            database, codec_options=options, read_preference=ReadPreference.PRIMARY
        )

    @property
    def name(self) -> str:
        """The name of the database."""
        return self._database.name

    async def open(self) -> None:
        """Try the connection. `TemporaryError` when nobody answers, `ConfigError` when we are not let in."""
        with _translated(self._setting, writing=False):
            await self._database.command("ping")

    async def close(self) -> None:
        await asyncio.to_thread(self._client.close)  # it says goodbye to the server

    def collection(self, name: str) -> "Collection":
        return Collection(self._database[name], self._setting)

    async def drop(self) -> None:
        """Remove the whole database."""
        with _translated(self._setting, writing=True):
            await self._client.drop_database(self.name)


class Collection:
    """The documents of one kind. Each verb is atomic for each document that it touches."""

    def __init__(self, inner: AsyncIOMotorCollection[Document], setting: str) -> None:
        self._inner = inner
        self._setting = setting

    async def index(self, *keys: tuple[str, int], unique: bool = False) -> None:
        """Make an index where it is missing."""
        with _translated(self._setting, writing=True):
            await self._inner.create_index(list(keys), unique=unique)

    async def insert(self, document: Document) -> bool:
        """Keep a new document. False, and nothing changes, when one of its unique keys is taken."""
        with _translated(self._setting, writing=True):
            try:
                await self._inner.insert_one(document)
            except DuplicateKeyError:
                return False
        return True

    async def insert_new(self, documents: Sequence[Document]) -> None:
        """Keep those whose unique keys are not taken; the others are left as they are."""
        if not documents:
            return
        with _translated(self._setting, writing=True):
            try:
                await self._inner.insert_many(documents, ordered=False)
            except BulkWriteError as error:
                if _codes(error) != {TAKEN}:
                    raise

    async def put(self, documents: Sequence[Document]) -> None:
        """Keep each over the one under the same `_id`."""
        if not documents:
            return
        orders = [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in documents]
        with _translated(self._setting, writing=True):
            try:
                await self._inner.bulk_write(orders, ordered=False)
            except BulkWriteError as error:
                if _codes(error) != {TAKEN}:
                    raise
                await self._inner.bulk_write(orders, ordered=False)  # others made them meanwhile

    async def change(
        self, where: Where, update: Where, *, sort: Sort = (), make: bool = False
    ) -> Document | None:
        """Change the first document that matches, in one step; the document afterwards.

        With `make` one is made where none matches; `where` must name its `_id` then.
        """
        with _translated(self._setting, writing=True):
            try:
                return await self._change(where, update, sort, make)
            except DuplicateKeyError:  # another made it between our look and our making
                return await self._change(where, update, sort, make)

    async def _change(self, where: Where, update: Where, sort: Sort, make: bool) -> Document | None:
        found: Document | None = await self._inner.find_one_and_update(
            where, update, sort=list(sort) or None, upsert=make, return_document=ReturnDocument.AFTER
        )
        return found

    async def change_all(self, where: Where, update: Where) -> int:
        """Change every document that matches, one after another; how many matched."""
        with _translated(self._setting, writing=True):
            return int((await self._inner.update_many(where, update)).matched_count)

    async def delete(self, where: Where) -> int:
        with _translated(self._setting, writing=True):
            return int((await self._inner.delete_many(where)).deleted_count)

    async def find_one(self, where: Where) -> Document | None:
        with _translated(self._setting, writing=False):
            found: Document | None = await self._inner.find_one(where)
            return found

    async def find(
        self, where: Where, *, sort: Sort = (), limit: int = 0, fields: Sequence[str] | None = None
    ) -> list[Document]:
        """All that match; `limit=0` means no limit, `fields` names those that are wanted beside `_id`."""
        with _translated(self._setting, writing=False):
            cursor = self._inner.find(where, fields, sort=list(sort) or None, limit=limit)
            return list(await cursor.to_list(None))

    async def stream(
        self, where: Where, *, sort: Sort = (), batch: int = 500, fields: Sequence[str] | None = None
    ) -> AsyncGenerator[Document, None]:
        """All that match, read `batch` at a time."""
        cursor = self._inner.find(where, fields, sort=list(sort) or None, batch_size=batch)
        try:
            with _translated(self._setting, writing=False):
                async for document in cursor:
                    yield document
        finally:
            await cursor.close()

    async def count(self, where: Where | None = None) -> int:
        with _translated(self._setting, writing=False):
            told = await self._inner.database.command("count", self._inner.name, query=where or {})
            return int(told["n"])

    async def tally(self, where: Where, *, by: str) -> dict[Any, int]:
        """How many match for each value of a field, in one question."""
        steps: list[Where] = [{"$match": where}, {"$group": {"_id": f"${by}", "number": {"$sum": 1}}}]
        with _translated(self._setting, writing=False):
            return {each["_id"]: int(each["number"]) async for each in self._inner.aggregate(steps)}


def reading_options() -> CodecOptions[Document]:
    """Times in UTC. What Python has no value for, in a document of others, is read as one that says so."""
    return CodecOptions(
        tz_aware=True,
        tzinfo=UTC,
        datetime_conversion=DatetimeConversion.DATETIME_AUTO,
        unicode_decode_error_handler="replace",
    )


def as_object_id(text: str) -> Any:
    """MongoDB's own kind of id from its 24 hex digits; anything else stays what it is."""
    return ObjectId(text) if ObjectId.is_valid(text) else text


def first_id_at(time: datetime) -> Any:
    """The least id of MongoDB's own kind that a document made at this time can have."""
    return ObjectId.from_datetime(time)


def _client(address: str, setting: str) -> AsyncIOMotorClient[Document]:
    query = parse_qsl(address.partition("?")[2], keep_blank_values=True)
    given = {"journal" if name == "j" else name.lower() for name, _ in query}
    options = {name: value for name, value in DEFAULTS.items() if name.lower() not in given}
    try:
        with warnings.catch_warnings():  # an option that the driver does not know is only a warning to it
            warnings.simplefilter("error", UserWarning)
            return AsyncIOMotorClient(address, **options)
    except (ConfigurationError, ValueError, TypeError, UserWarning) as error:
        raise ConfigError(  # the driver's own words may hold a part of the password
            f"{setting} takes mongodb://USER:PASSWORD@HOST:PORT/DATABASE?OPTIONS, and the driver refuses what"
            f" it got ({type(error).__name__}): special characters of name and password are written as %XX"
        ) from None


@contextmanager
def _translated(setting: str, *, writing: bool) -> Iterator[None]:
    """Turn what the driver raises into our errors; `writing` says whether it may have changed something."""
    try:
        yield
    except PyMongoError as error:
        raise translate(error, setting, writing=writing) from None
    except (BSONError, OverflowError, UnicodeEncodeError) as error:
        raise PermanentError(f"MongoDB cannot hold this value ({type(error).__name__})") from None


def translate(error: PyMongoError, setting: str, *, writing: bool) -> DingRunError:
    """Our error for one of the driver's."""
    if isinstance(error, NOT_SENT):
        return TemporaryError(f"MongoDB does not answer: {_place(error)}")
    if isinstance(error, ConnectionFailure):
        refused = isinstance(error, NotPrimaryError) and _codes(error) & REFUSED_BEFORE
        return TemporaryError(f"MongoDB was lost: {_place(error)}", uncertain=writing and not refused)
    if isinstance(error, OperationFailure):
        return _refusal(error, setting, writing=writing)
    if isinstance(error, ConfigurationError):
        return ConfigError(f"{setting}: the driver cannot use this server: {_place(error)}")
    if isinstance(error, InvalidOperation):
        return TemporaryError("the connection to MongoDB is closed")
    return PermanentError(f"MongoDB cannot do it ({type(error).__name__})")


def _refusal(error: OperationFailure, setting: str, *, writing: bool) -> DingRunError:
    """What the server said no to. Its own words may hold documents, so only its codes are told."""
    codes = _codes(error)
    if nobody := [NOBODY[code] for code in codes if code in NOBODY]:
        return ConfigError(f"{setting}: the server {nobody[0]}")
    told = f"code {', '.join(map(str, sorted(codes)))}"
    if codes & PASSING or error.timeout or isinstance(error, WriteConcernError):
        return TemporaryError(
            f"MongoDB cannot do it now ({told})", uncertain=writing and not codes & REFUSED_BEFORE
        )
    return PermanentError(f"MongoDB refuses it ({told})", code=told)


def _codes(error: Any) -> set[int]:
    """The server's numbers for what went wrong; one order of many writes can have several."""
    details = error.details if isinstance(error.details, Mapping) else {}
    wrongs = [details, *details.get("writeErrors", ()), *details.get("writeConcernErrors", ())]
    return {int(wrong["code"]) for wrong in wrongs if wrong.get("code")} or {getattr(error, "code", 0) or 0}


def _place(error: PyMongoError) -> str:
    """Where it happened, without what the driver tells of the whole topology."""
    return str(error).partition(" (configured timeouts")[0].partition(", Timeout:")[0][:200]
