"""Check of a SQLite store that creates and changes nothing."""

import sqlite3
from contextlib import closing
from pathlib import Path

from bot.errors import ConfigError, TemporaryError
from bot.files import folder_problem, nearest_existing
from bot.stores.sqlite.migrations import SCHEMA_VERSION
from bot.stores.sqlite.store import BUSY_SECONDS

LOCK_ERRORS = ("locked", "busy")


def probe_sqlite(path: Path) -> bool:
    """Read and lock the store. Returns False if the file does not exist but can be created.

    Raises `ConfigError` if the file is not a store, has a newer schema or cannot be written, and
    `TemporaryError` while another program holds its lock.
    """
    if nearest_existing(path) != path.absolute():
        if problem := folder_problem(path.parent):
            raise ConfigError(f"store.url: {path} cannot be used: {problem}")
        return False
    try:
        version = _version(path)
    except sqlite3.OperationalError as error:
        if any(word in str(error) for word in LOCK_ERRORS):
            raise TemporaryError(f"store.url: {path} is locked by another program") from None
        raise ConfigError(f"store.url: {path} cannot be used: {error}") from None
    except sqlite3.DatabaseError as error:
        raise ConfigError(f"store.url: {path} is not a DingRun store: {error}") from None
    if version > SCHEMA_VERSION:
        raise ConfigError(
            f"store.url: {path} was written by a newer DingRun (schema {version}, this one knows"
            f" {SCHEMA_VERSION}): start that version, or name another file"
        )
    return True


def _version(path: Path) -> int:
    address = f"{path.resolve().as_uri()}?mode=rw"
    with closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)) as db:
        version = int(db.execute("pragma user_version").fetchone()[0])
        db.execute("begin immediate")  # fails if the file cannot be written
        db.execute("rollback")
    return version
