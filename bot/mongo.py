"""MongoDB client. This is the only file that imports the driver.

- Motor has reached its end of life. Replace it by PyMongo's `AsyncMongoClient` in this file only.
- Documents are plain dicts, and errors are ours. No error text contains a user name, password or document.
- Reads go to the primary. A write returns once a majority of the servers has it on disk.
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

DEFAULTS: Mapping[str, Any] = {  # an option in the URL takes precedence
    "w": "majority",
    "journal": True,
    "serverSelectionTimeoutMS": 5_000,
    "connectTimeoutMS": 5_000,
    "socketTimeoutMS": 8_000,  # so that stopping takes less than 10 s if the server hangs
    "waitQueueTimeoutMS": 5_000,
    "appName": "dingrun",
    "serverMonitoringMode": "poll",  # one thread per server less; an error has it checked at once anyway
}
DUPLICATE_KEY = 11000
NOT_SENT_ERRORS = (ServerSelectionTimeoutError, WaitQueueTimeoutError)
NOT_PRIMARY_CODES = {10107, 13435, 13436}  # the server is not the primary, so nothing was written
ACCESS_ERRORS = {
    13: "denies this user a permission",
    18: "rejects the user or password",
    8000: "rejects the user or password",
}
TEMPORARY_CODES = {
    6, 7, 24, 46, 50, 64, 89, 91, 112, 134, 136, 175, 189, 202, 262, 9001, 10107, 11600, 11602, 13435, 13436,
    14031, 16500,
}  # fmt: skip


class Mongo:
    """Connection to one database. `setting` is the settings key of its URL, for error texts."""

    def __init__(
        self, address: str, *, setting: str = "store.url", database: str = "dingrun", prefix: str = ""
    ) -> None:
        """Create the client. `database` is used if the URL names none. Raises `ConfigError` for a bad URL.

        The names of all collections get the prefix.
        """
        self._setting = setting
        self._prefix = prefix
        self._client = _client(address, setting)
        options = reading_options()
        self._database = self._client.get_default_database(
            database, codec_options=options, read_preference=ReadPreference.PRIMARY
        )

    @property
    def name(self) -> str:
        """Return the name of the database."""
        return self._database.name

    async def open(self) -> None:
        """Check the connection.

        Raises `TemporaryError` if no server answers, and `ConfigError` if access is denied.
        """
        with _translate(self._setting, writing=False):
            await self._database.command("ping")

    async def close(self) -> None:
        await asyncio.to_thread(self._client.close)  # blocks: it ends the sessions on the server

    def collection(self, name: str) -> "Collection":
        return Collection(self._database[self._prefix + name], self._setting)

    async def names(self) -> set[str]:
        """Return the names of the collections, with their prefix."""
        with _translate(self._setting, writing=False):
            return set(await self._database.list_collection_names())

    async def rename(self, name: str, to: str) -> None:
        """Rename a collection with its indexes, atomically. It replaces the one that has the new name."""
        with _translate(self._setting, writing=True):
            await self._database[name].rename(to, dropTarget=True)

    async def drop_collection(self, name: str) -> None:
        with _translate(self._setting, writing=True):
            await self._database.drop_collection(name)

    async def drop(self) -> None:
        """Drop the database."""
        with _translate(self._setting, writing=True):
            await self._client.drop_database(self.name)


class Collection:
    """Collection of documents. Each method is atomic per document."""

    def __init__(self, inner: AsyncIOMotorCollection[Document], setting: str) -> None:
        self._inner = inner
        self._setting = setting

    async def index(self, *keys: tuple[str, int], unique: bool = False) -> None:
        """Create an index if it does not exist."""
        with _translate(self._setting, writing=True):
            await self._inner.create_index(list(keys), unique=unique)

    async def insert(self, document: Document) -> bool:
        """Insert a document. Returns False, without a change, if a unique key exists."""
        with _translate(self._setting, writing=True):
            try:
                await self._inner.insert_one(document)
            except DuplicateKeyError:
                return False
        return True

    async def insert_new(self, documents: Sequence[Document]) -> None:
        """Insert the documents whose unique keys do not exist. Others do not change."""
        if not documents:
            return
        with _translate(self._setting, writing=True):
            try:
                await self._inner.insert_many(documents, ordered=False)
            except BulkWriteError as error:
                if _codes(error) != {DUPLICATE_KEY}:
                    raise

    async def put(self, documents: Sequence[Document]) -> None:
        """Insert documents, or replace those with the same `_id`."""
        if not documents:
            return
        requests = [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in documents]
        with _translate(self._setting, writing=True):
            try:
                await self._inner.bulk_write(requests, ordered=False)
            except BulkWriteError as error:
                if _codes(error) != {DUPLICATE_KEY}:
                    raise
                await self._inner.bulk_write(requests, ordered=False)  # inserted by others meanwhile

    async def change(
        self, where: Where, update: Where, *, sort: Sort = (), upsert: bool = False
    ) -> Document | None:
        """Change the first matching document atomically and return it, or None if none matches.

        With `upsert`, a document is created if none matches. `where` must contain its `_id` then.
        """
        with _translate(self._setting, writing=True):
            try:
                return await self._change(where, update, sort, upsert)
            except DuplicateKeyError:  # inserted by another client meanwhile
                return await self._change(where, update, sort, upsert)

    async def _change(self, where: Where, update: Where, sort: Sort, upsert: bool) -> Document | None:
        found: Document | None = await self._inner.find_one_and_update(
            where, update, sort=list(sort) or None, upsert=upsert, return_document=ReturnDocument.AFTER
        )
        return found

    async def change_all(self, where: Where, update: Where) -> int:
        """Change all matching documents. Returns the number of matches."""
        with _translate(self._setting, writing=True):
            return int((await self._inner.update_many(where, update)).matched_count)

    async def delete(self, where: Where) -> int:
        with _translate(self._setting, writing=True):
            return int((await self._inner.delete_many(where)).deleted_count)

    async def find_one(self, where: Where) -> Document | None:
        with _translate(self._setting, writing=False):
            found: Document | None = await self._inner.find_one(where)
            return found

    async def find(
        self, where: Where, *, sort: Sort = (), limit: int = 0, fields: Sequence[str] | None = None
    ) -> list[Document]:
        """Return the matching documents. `limit=0` is no limit. `_id` comes with `fields`."""
        with _translate(self._setting, writing=False):
            cursor = self._inner.find(where, fields, sort=list(sort) or None, limit=limit)
            return list(await cursor.to_list(None))

    async def stream(
        self, where: Where, *, sort: Sort = (), batch: int = 500, fields: Sequence[str] | None = None
    ) -> AsyncGenerator[Document, None]:
        """Stream the matching documents, `batch` per request."""
        cursor = self._inner.find(where, fields, sort=list(sort) or None, batch_size=batch)
        try:
            with _translate(self._setting, writing=False):
                async for document in cursor:
                    yield document
        finally:
            await cursor.close()

    async def count(self, where: Where | None = None) -> int:
        with _translate(self._setting, writing=False):
            answer = await self._inner.database.command("count", self._inner.name, query=where or {})
            return int(answer["n"])

    async def count_by(self, where: Where, *, by: str) -> dict[Any, int]:
        """Count the matching documents by value of a field, in one request."""
        steps: list[Where] = [{"$match": where}, {"$group": {"_id": f"${by}", "number": {"$sum": 1}}}]
        with _translate(self._setting, writing=False):
            return {each["_id"]: int(each["number"]) async for each in self._inner.aggregate(steps)}


def reading_options() -> CodecOptions[Document]:
    """Return options to read times in UTC, and foreign documents with values that Python cannot represent."""
    return CodecOptions(
        tz_aware=True,
        tzinfo=UTC,
        datetime_conversion=DatetimeConversion.DATETIME_AUTO,
        unicode_decode_error_handler="replace",
    )


def as_object_id(text: str) -> Any:
    """Convert 24 hex digits to an ObjectId. Anything else is returned unchanged."""
    return ObjectId(text) if ObjectId.is_valid(text) else text


def first_id_at(time: datetime) -> Any:
    """Return the smallest ObjectId of a document created at this time."""
    return ObjectId.from_datetime(time)


def _client(address: str, setting: str) -> AsyncIOMotorClient[Document]:
    query = parse_qsl(address.partition("?")[2], keep_blank_values=True)
    given = {"journal" if name == "j" else name.lower() for name, _ in query}
    options = {name: value for name, value in DEFAULTS.items() if name.lower() not in given}
    try:
        with warnings.catch_warnings():  # the driver only warns about unknown options
            warnings.simplefilter("error", UserWarning)
            return AsyncIOMotorClient(address, **options)
    except (ConfigurationError, ValueError, TypeError, UserWarning) as error:
        raise ConfigError(  # the driver's text may contain a part of the password
            f"{setting} takes mongodb://USER:PASSWORD@HOST:PORT/DATABASE?OPTIONS, and the driver rejects its"
            f" value ({type(error).__name__}): write special characters of user and password as %XX"
        ) from None


@contextmanager
def _translate(setting: str, *, writing: bool) -> Iterator[None]:
    """Translate errors of the driver. `writing` is True if the command may have changed something."""
    try:
        yield
    except PyMongoError as error:
        raise translate(error, setting, writing=writing) from None
    except (BSONError, OverflowError, UnicodeEncodeError) as error:
        raise PermanentError(f"MongoDB cannot store this value ({type(error).__name__})") from None


def translate(error: PyMongoError, setting: str, *, writing: bool) -> DingRunError:
    """Return our error for an error of the driver."""
    if isinstance(error, NOT_SENT_ERRORS):
        return TemporaryError(f"MongoDB does not answer: {_location(error)}")
    if isinstance(error, ConnectionFailure):
        refused = isinstance(error, NotPrimaryError) and _codes(error) & NOT_PRIMARY_CODES
        return TemporaryError(
            f"the connection to MongoDB was lost: {_location(error)}", uncertain=writing and not refused
        )
    if isinstance(error, OperationFailure):
        return _error_from_server(error, setting, writing=writing)
    if isinstance(error, ConfigurationError):
        return ConfigError(f"{setting}: the driver cannot use this server: {_location(error)}")
    if isinstance(error, InvalidOperation):
        return TemporaryError("the connection to MongoDB is closed")
    return PermanentError(f"the MongoDB command failed ({type(error).__name__})")


def _error_from_server(error: OperationFailure, setting: str, *, writing: bool) -> DingRunError:
    """Return our error for an error of the server. Only its codes are shown: the text may have documents."""
    codes = _codes(error)
    if denied := [ACCESS_ERRORS[code] for code in codes if code in ACCESS_ERRORS]:
        return ConfigError(f"{setting}: the server {denied[0]}")
    text = f"code {', '.join(map(str, sorted(codes)))}"
    if codes & TEMPORARY_CODES or error.timeout or isinstance(error, WriteConcernError):
        return TemporaryError(
            f"MongoDB is temporarily unavailable ({text})",
            uncertain=writing and not codes & NOT_PRIMARY_CODES,
        )
    return PermanentError(f"MongoDB rejected the command ({text})", code=text)


def _codes(error: Any) -> set[int]:
    """Return the error codes of the server. A bulk write can have several."""
    details = error.details if isinstance(error.details, Mapping) else {}
    errors = [details, *details.get("writeErrors", ()), *details.get("writeConcernErrors", ())]
    return {int(each["code"]) for each in errors if each.get("code")} or {getattr(error, "code", 0) or 0}


def _location(error: PyMongoError) -> str:
    """Return the server of an error, without the topology that the driver adds."""
    return str(error).partition(" (configured timeouts")[0].partition(", Timeout:")[0][:200]
