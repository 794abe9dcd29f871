"""Sort any number of items in bounded memory: merge sorted chunks from temporary files."""

import heapq
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import IO, Any

MAX_ITEMS_IN_MEMORY = 5_000
MAX_FILES_PER_LEVEL = 32  # this many are merged into one file of the next level

Key = tuple[str, ...]
KeyedItem = tuple[Key, Any]


class ExternalSort:
    """A stable external merge sort.

    - Items are JSON values; other values become text. Keys are tuples of text.
    - `MAX_FILES_PER_LEVEL` files are merged into one of the next level, which bounds open files and memory.
    - The files have no name and vanish with the process.
    - Everything here blocks.
    """

    def __init__(self, *, chunk: int = MAX_ITEMS_IN_MEMORY, fan_in: int = MAX_FILES_PER_LEVEL) -> None:
        self._chunk = chunk
        self._fan_in = fan_in
        self._items: list[KeyedItem] = []
        self._levels: list[list[IO[str]]] = []  # the newest items are on the lowest level

    def __enter__(self) -> "ExternalSort":
        return self

    def __exit__(self, *exc: object) -> None:
        for file in chain(*self._levels):
            file.close()

    @property
    def open_files(self) -> int:
        """Return the number of temporary files in use."""
        return sum(map(len, self._levels))

    def add(self, key: Key, item: object) -> None:
        """Add one item."""
        self._items.append((key, item))
        if len(self._items) >= self._chunk:
            self.spill()

    def extend(self, items: Iterable[KeyedItem]) -> None:
        """Add many items."""
        for key, item in items:
            self.add(key, item)

    def spill(self) -> None:
        """Move the items in memory to a file."""
        self._items.sort(key=_key)
        self._write(map(_line, self._items))
        self._items = []

    def _write(self, lines: Iterable[str], level: int = 0) -> None:
        """Write sorted lines to a file of this level, and merge the level when it is full."""
        if level == len(self._levels):
            self._levels.append([])
        files = self._levels[level]
        file = tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogatepass")  # noqa: SIM115 - __exit__
        files.append(file)
        file.writelines(lines)
        if len(files) == self._fan_in:
            self._write(map(_line, _merged(files)), level + 1)
            while files:
                files.pop().close()

    def __iter__(self) -> Iterator[KeyedItem]:
        """Yield keys and items in order, equal keys in the order they were added."""
        self._items.sort(key=_key)
        oldest_first = list(chain(*reversed(self._levels)))
        return heapq.merge(_merged(oldest_first), self._items, key=_key)


def _key(keyed: KeyedItem) -> Key:
    return keyed[0]


def _line(keyed: KeyedItem) -> str:
    return json.dumps(keyed, ensure_ascii=False, default=str) + "\n"


def _merged(files: Sequence[IO[str]]) -> Iterator[KeyedItem]:
    return heapq.merge(*map(_lines, files), key=_key)


def _lines(file: IO[str]) -> Iterator[KeyedItem]:
    file.seek(0)
    for line in file:
        key, item = json.loads(line)
        yield tuple(key), item
