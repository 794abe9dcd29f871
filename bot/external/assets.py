"""Read assets that other systems upload: lines of JSON to flat documents with a key. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.assets.kinds import REPORTED_KINDS
from bot.assets.values import text

MAX_LINE_BYTES = 1024 * 1024
MAX_COLUMNS = 50
MAX_KEY_COLUMNS = 5
MAX_NAME_CHARACTERS = 60  # of a column
MAX_VALUE_CHARACTERS = 32_000  # Excel takes 32,767 in a cell
MAX_KEY_CHARACTERS = 500
MAX_DEPTH = 3  # of documents in documents; deeper ones are written as JSON
RESERVED = frozenset({"changes", "history", "overview", "statistics", "service"})
KIND = re.compile(r"[a-z][a-z0-9_-]{0,29}")
SEPARATOR = "\0"  # between the values of a key: sorts as the values do

Flat = dict[str, Any]


class BadLineError(Exception):
    """A line is no asset."""


@dataclass
class AssetReader:
    """Reads the lines of one upload, and remembers the columns that it has seen.

    `key` names the columns that identify an asset. A kind of ARL has its own key and format.
    """

    kind: str
    key: Sequence[str] = ()
    columns: dict[str, None] = field(default_factory=dict)

    @property
    def is_known(self) -> bool:
        """Tell if the kind is one of ARL's."""
        return self.kind in REPORTED_KINDS

    def read(self, line: bytes) -> tuple[str, Mapping[str, Any]]:
        """Return the key and the document of a line. Raises `BadLineError` that says what is wrong."""
        if len(line) > MAX_LINE_BYTES:
            raise BadLineError(f"longer than {MAX_LINE_BYTES} bytes")
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            raise BadLineError("no JSON") from None
        if not isinstance(document, dict):
            raise BadLineError("no object")
        if self.is_known:
            return self._keyed(REPORTED_KINDS[self.kind].key(document)), document
        flat = self._known(flatten(document))
        return self._keyed(tuple(text(flat.get(name)) for name in self.key)), flat

    def _keyed(self, values: Sequence[str]) -> str:
        if not any(value.strip(":") for value in values):
            raise BadLineError(f"without a value of {', '.join(self.key) or 'its key'}")
        return SEPARATOR.join(value.replace(SEPARATOR, " ") for value in values)[:MAX_KEY_CHARACTERS]

    def _known(self, flat: Flat) -> Flat:
        """Add new columns, and leave out what is beyond their limit."""
        for name in flat:
            if len(self.columns) < MAX_COLUMNS:
                self.columns.setdefault(name)
        return {name: value for name, value in flat.items() if name in self.columns}


def flatten(document: Mapping[str, Any], prefix: str = "", depth: int = 1) -> Flat:
    """Return the values of a document by column; `a.b` is the value `b` of the document `a`."""
    flat: Flat = {}
    for name, value in document.items():
        column = f"{prefix}{name}".replace("\n", " ")[:MAX_NAME_CHARACTERS]
        if isinstance(value, dict) and depth < MAX_DEPTH:
            flat |= flatten(value, f"{column}.", depth + 1)
        elif value is not None and value != "":
            flat[column] = _cell(value)
    return flat


def _cell(value: Any) -> Any:
    """Return a value for one cell: numbers and texts as they are, lists of them by line, others as JSON."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return value
    if isinstance(value, list) and all(isinstance(each, str | int | float) for each in value):
        value = "\n".join(map(str, value))
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False)
    return value[:MAX_VALUE_CHARACTERS]
