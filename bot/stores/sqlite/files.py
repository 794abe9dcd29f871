"""The file of a SQLite store as a whole: copy it, and have it replaced. Everything here blocks."""

import sqlite3
from contextlib import closing
from pathlib import Path

from bot.errors import ConfigError, TemporaryError
from bot.files import make_private_file
from bot.stores.dump import HISTORY_KINDS


def copy_store(path: Path, target: Path) -> None:
    """Copy a store as it is at this moment. Others may write to it meanwhile."""
    if not path.is_file():
        raise ConfigError(f"store.url: {path}: there is no store to back up")
    make_private_file(target)
    try:
        address = f"{path.resolve().as_uri()}?mode=rw"
        with closing(sqlite3.connect(address, uri=True)) as store, closing(sqlite3.connect(target)) as copy:
            store.backup(copy)
    except sqlite3.DatabaseError as error:
        raise ConfigError(f"store.url: {path} cannot be read: {error}") from None
    seal(target)


def seal(path: Path) -> None:
    """Put everything into the one file, so that it can be moved.

    Raises `TemporaryError` if anybody else has it open.
    """
    try:
        with closing(sqlite3.connect(path, timeout=0)) as db:
            db.execute("pragma journal_mode=delete")
    except sqlite3.OperationalError:
        raise TemporaryError(f"{path} is open: stop all bots and commands on it first") from None


def schema_version(path: Path) -> int:
    """Return the version of the schema of a store."""
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("pragma user_version").fetchone()[0])


def has_history(path: Path) -> bool:
    """Return whether a file of any schema, or another database, has more than a first start stores."""
    try:
        with closing(sqlite3.connect(path)) as db:
            tables = {name for (name,) in db.execute("select name from sqlite_master where type = 'table'")}
            known = [kind for kind in HISTORY_KINDS if kind in tables]
            return any(db.execute(f"select 1 from {kind} limit 1").fetchone() for kind in known)  # noqa: S608
    except sqlite3.DatabaseError:
        return True
