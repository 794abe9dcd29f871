"""Turn a store into one of an earlier version, as that version would have left it, in the middle of work."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from bot.mongo import Mongo
from bot.stores.mongo.store import RENAMED_FIELDS
from bot.stores.sqlite.migrations import MIGRATIONS, MIGRATIONS_FOLDER
from bot.stores.sqlite.store import sqlite_path
from tests.stores.sqlite.test_upgrade import add

FIRST_WITH_QUOTA = 2  # a store of version 1 has no table for it
FIRST_WITH_SKIPPED = 9  # before, skipped was written skip
FIRST_WITH_MUTES = 12
MONGO_VERSIONS = (2, 4)  # documents with other names, and runs that are not counted


def earlier_versions(address: str) -> Sequence[int]:
    """Return the versions of a store from which an upgrade is tried."""
    return range(FIRST_WITH_QUOTA, len(MIGRATIONS)) if address.startswith("sqlite") else MONGO_VERSIONS


def keeps_mutes(address: str, version: int) -> bool:
    """Return whether an earlier version of a store keeps what is muted."""
    return not address.startswith("sqlite") or version >= FIRST_WITH_MUTES


async def downgrade(address: str, version: int) -> None:
    """Rewrite a closed store as an earlier version. What that version could not keep is lost."""
    if address.startswith("sqlite"):
        await asyncio.to_thread(_downgrade_sqlite, sqlite_path(address), version)
    else:
        await _downgrade_mongo(Mongo(address), version)


async def remove(address: str) -> None:
    """Remove a database of a server. A file is removed with its folder."""
    if not address.startswith("sqlite"):
        mongo = Mongo(address)
        await mongo.drop()
        await mongo.close()


def _downgrade_sqlite(path: Path, version: int) -> None:
    older = path.with_suffix(".older")
    with closing(sqlite3.connect(path)) as new, closing(sqlite3.connect(older)) as old, old:
        new.row_factory = sqlite3.Row
        for name in MIGRATIONS[:version]:
            old.executescript((MIGRATIONS_FOLDER / name).read_text(encoding="utf-8"))
        old.execute(f"pragma user_version = {version}")
        tables = [name for (name,) in old.execute("select name from sqlite_schema where type = 'table'")]
        for table in (name for name in tables if not name.startswith("sqlite_")):
            old.execute(f"delete from {table}")  # noqa: S608 - a name of ours
            for row in new.execute(f"select * from {table}"):  # noqa: S608
                add(old, table, _older(dict(row), table, version))
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    older.replace(path)


def _older(row: dict[str, Any], table: str, version: int) -> dict[str, Any]:
    """Return a row with the words of an earlier version."""
    if table == "runs" and version < FIRST_WITH_SKIPPED:
        skipped = {name: "skip" for name in ("push_status", "export_status") if row[name] == "skipped"}
        return row | skipped
    return row


async def _downgrade_mongo(mongo: Mongo, version: int) -> None:
    await mongo.open()
    if version == MONGO_VERSIONS[0]:
        for collection, old, new in RENAMED_FIELDS:
            await mongo.collection(collection).change_all({new: {"$exists": True}}, {"$rename": {new: old}})
    await mongo.collection("runs").change_all({}, {"$unset": {"ordinal": ""}})
    await mongo.drop_collection("counters")
    await mongo.collection("about").change({"_id": "schema"}, {"$set": {"version": version}})
    await mongo.close()
