"""Tries the file of a store, and neither creates nor changes anything."""

import sqlite3
from contextlib import closing
from pathlib import Path

from bot.errors import ConfigError, TemporaryError
from bot.files import folder_problem
from bot.stores.sqlite.store import BUSY_SECONDS, VERSION

BUSY = ("locked", "busy")


def probe_sqlite(path: Path) -> bool:
    """Try to read and lock the store; False when there is no file yet, but could be.

    Raises `ConfigError` for a file that is no store, is written by a newer DingRun, or cannot be written,
    and `TemporaryError` while somebody else holds its lock.
    """
    if not path.exists():
        if problem := folder_problem(path.parent):
            raise ConfigError(f"store.url: {path} cannot be used: {problem}")
        return False
    try:
        version = _version(path)
    except sqlite3.OperationalError as error:
        if any(word in str(error) for word in BUSY):
            raise TemporaryError(f"store.url: {path} is locked by another program") from None
        raise ConfigError(f"store.url: {path} cannot be used: {error}") from None
    except sqlite3.DatabaseError as error:
        raise ConfigError(f"store.url: {path} is not a DingRun store: {error}") from None
    if version > VERSION:
        raise ConfigError(
            f"store.url: {path} was written by a newer DingRun (schema {version}, this one knows {VERSION}):"
            " start that version, or name another file"
        )
    return True


def _version(path: Path) -> int:
    address = f"{path.resolve().as_uri()}?mode=rw"
    with closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)) as db:
        version = int(db.execute("pragma user_version").fetchone()[0])
        db.execute("begin immediate")  # what cannot be written refuses this
        db.execute("rollback")
    return version
