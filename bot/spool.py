"""Puts any number of items in order without holding them: they wait on disk."""

import json
import sqlite3
from collections.abc import Iterator
from types import TracebackType
from typing import Any

AT_ONCE = 500  # items
CACHE = -4_000  # KiB, of SQLite


class Spool:
    """JSON values, given in any order, read back in the order of their places; equal places as they came.

    They lie in a file that SQLite makes in the folder for temporary files, and that nobody else sees.
    """

    def __init__(self) -> None:
        self._db = sqlite3.connect("")
        self._db.execute(f"pragma cache_size = {CACHE}")
        self._db.execute("create table items (place blob not null, item text not null)")
        self._waiting: list[tuple[bytes, str]] = []

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._db.close()

    def add(self, place: bytes, item: object) -> None:
        self._waiting.append((place, json.dumps(item)))
        if len(self._waiting) >= AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        self._db.executemany("insert into items values (?, ?)", self._waiting)
        self._waiting.clear()

    def __iter__(self) -> Iterator[Any]:
        self._flush()
        for (item,) in self._db.execute("select item from items order by place, rowid"):
            yield json.loads(item)
