"""Open the store that `store.url` names: all ports on one file or one database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from bot.errors import missing_extra
from bot.models import MAX_CLOCK_SKEW
from bot.ports import (
    AuditStore,
    DocumentStore,
    DownloadLinkStore,
    LapseStore,
    OverrideStore,
    QuotaStore,
    ReportArchive,
    ReservationStore,
    RetentionStore,
    Store,
    TaskStore,
)
from bot.stores.dump import Dumpable
from bot.stores.sqlite.audit import SqliteAudit
from bot.stores.sqlite.documents import SqliteDocuments
from bot.stores.sqlite.dump import SqliteDump
from bot.stores.sqlite.lapses import SqliteLapses
from bot.stores.sqlite.links import SqliteLinks
from bot.stores.sqlite.overrides import SqliteOverrides
from bot.stores.sqlite.probe import probe_sqlite
from bot.stores.sqlite.quota import SqliteQuotaStore
from bot.stores.sqlite.reservations import SqliteReservations
from bot.stores.sqlite.retention import SqliteRetention
from bot.stores.sqlite.store import SqliteStore, sqlite_path
from bot.stores.sqlite.tasks import SqliteTaskStore

if TYPE_CHECKING:
    from bot.mongo import Mongo
    from bot.stores.mongo.store import MongoStore


@dataclass(frozen=True, kw_only=True)
class StoreSet:
    """The ports on one file or database. `store` opens and closes it for all of them."""

    store: Store
    quota: QuotaStore
    tasks: TaskStore
    links: DownloadLinkStore
    audit: AuditStore
    lapses: LapseStore
    overrides: OverrideStore
    reservations: ReservationStore
    documents: DocumentStore
    retention: RetentionStore
    moving: Dumpable
    archive: ReportArchive | None = None  # of reports; in SQLite there is none


def clock_skew(url: str) -> timedelta:
    """Return the clock skew to tolerate on this store. Bots on one SQLite file share a machine."""
    return timedelta() if url.startswith("sqlite:") else MAX_CLOCK_SKEW


def open_stores(url: str) -> StoreSet:
    """Return the ports at an address. They are not open yet."""
    return _in_mongodb(url) if url.startswith("mongodb") else sqlite_stores(SqliteStore(sqlite_path(url)))


async def probe_store(url: str) -> bool:
    """Test the store at an address without creating anything. Returns False if its file is missing."""
    if not url.startswith("mongodb"):
        return await asyncio.to_thread(probe_sqlite, sqlite_path(url))
    store = _in_mongodb(url).store
    try:
        await cast("MongoStore", store).probe()
    finally:
        await store.close()
    return True


def sqlite_stores(store: SqliteStore) -> StoreSet:
    """Return every port on one SQLite file."""
    return StoreSet(
        store=store,
        quota=SqliteQuotaStore(store),
        tasks=SqliteTaskStore(store),
        links=SqliteLinks(store),
        audit=SqliteAudit(store),
        lapses=SqliteLapses(store),
        overrides=SqliteOverrides(store),
        reservations=SqliteReservations(store),
        documents=SqliteDocuments(store),
        retention=SqliteRetention(store),
        moving=SqliteDump(store),
    )


@asynccontextmanager
async def staged_mongo_stores(url: str) -> AsyncIterator[tuple[StoreSet, Callable[[], Awaitable[None]]]]:
    """Open empty stores beside those of a MongoDB database, and a function by which they replace them."""
    _ensure_driver()
    from bot.stores.mongo.staging import MongoStaging  # noqa: PLC0415

    staging = MongoStaging(url)
    stores = _on_mongo(staging.mongo)
    try:
        await staging.clear()
        await stores.store.open()
        yield stores, staging.publish
    finally:
        await stores.store.close()
        await staging.close()


def _in_mongodb(url: str) -> StoreSet:
    _ensure_driver()
    from bot.mongo import Mongo  # noqa: PLC0415 - an extra, and 0.2 s that SQLite need not pay

    return _on_mongo(Mongo(url))


def _ensure_driver() -> None:
    try:
        import bot.mongo  # noqa: F401, PLC0415
    except ImportError:
        raise missing_extra("store.url: mongodb://…", "mongo") from None


def _on_mongo(mongo: "Mongo") -> StoreSet:
    from bot.stores.mongo.archive import MongoArchive  # noqa: PLC0415
    from bot.stores.mongo.audit import MongoAudit  # noqa: PLC0415
    from bot.stores.mongo.dump import MongoDump  # noqa: PLC0415
    from bot.stores.mongo.lapses import MongoLapses  # noqa: PLC0415
    from bot.stores.mongo.links import MongoLinks  # noqa: PLC0415
    from bot.stores.mongo.overrides import MongoOverrides  # noqa: PLC0415
    from bot.stores.mongo.quota import MongoQuotaStore  # noqa: PLC0415
    from bot.stores.mongo.reservations import MongoReservations  # noqa: PLC0415
    from bot.stores.mongo.retention import MongoRetention  # noqa: PLC0415
    from bot.stores.mongo.store import MongoStore  # noqa: PLC0415
    from bot.stores.mongo.stored_documents import MongoDocuments  # noqa: PLC0415
    from bot.stores.mongo.tasks import MongoTaskStore  # noqa: PLC0415

    return StoreSet(
        store=MongoStore(mongo),
        quota=MongoQuotaStore(mongo),
        tasks=MongoTaskStore(mongo),
        links=MongoLinks(mongo),
        audit=MongoAudit(mongo),
        lapses=MongoLapses(mongo),
        overrides=MongoOverrides(mongo),
        reservations=MongoReservations(mongo),
        documents=MongoDocuments(mongo),
        retention=MongoRetention(mongo),
        moving=MongoDump(mongo),
        archive=MongoArchive(mongo),
    )
