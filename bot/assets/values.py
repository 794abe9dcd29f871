"""Read values of foreign documents. Nothing here raises, whatever they hold."""

import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

Document = Mapping[str, Any]

LINE_BREAK = " \r\n"  # between the values of one cell
MAX_EXACT_NUMBER = 10**15  # Excel keeps 15 digits

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,14})")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)


class Percentage(float):
    """A fraction, displayed as a percentage."""


def text(value: object) -> str:
    """Return a value as text. None becomes ""."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return "" if value is None else str(value)


def mapping(value: object) -> Document:
    """Return a document, or an empty one for any other value."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> Sequence[Any]:
    """Return the items of a list, or none for any other value."""
    return value if isinstance(value, list | tuple) else ()


def number(value: object) -> int | str:
    """Return whole numbers, written as text or not, as numbers, and everything else as text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return text(value)
    if isinstance(value, int):
        return value if -MAX_EXACT_NUMBER < value < MAX_EXACT_NUMBER else str(value)
    return int(value) if _WHOLE.fullmatch(value) else value


def moment(value: object, naive: tzinfo | None = None) -> datetime | str:
    """Parse a time. Everything else is returned as text. `naive` is the zone of times without one."""
    found = text(value).strip()
    if not _MOMENT.fullmatch(found):
        return found
    try:
        time = datetime.fromisoformat(found)
    except ValueError:
        return found
    return time.replace(tzinfo=naive) if time.tzinfo is None and naive else time


def utc(value: object) -> datetime | str:
    """Parse a time, which is in UTC when it has no zone."""
    return moment(value, UTC)


def first(documents: Iterable[Document], key: str) -> Any:
    """Return the first value of a field that is not empty."""
    for document in documents:
        value = document.get(key)
        if value:
            return value
    return None


def first_number(documents: Iterable[Document], key: str) -> int | str:
    """Return the first number of a field, which may be zero, or ""."""
    found = (number(document.get(key)) for document in documents)
    return next((value for value in found if value != ""), "")


def unique(values: Iterable[object]) -> list[str]:
    """Return the values as text, without empty and repeated ones, in their order."""
    return list(dict.fromkeys(filter(None, map(text, values))))


def union(documents: Iterable[Document], key: str) -> list[str]:
    """Return all values of a list field, sorted, without repetitions."""
    return sorted({text(value) for document in documents for value in items(document.get(key)) if value})


def ip_order(value: str) -> bytes:
    """Return a sort key: addresses in numeric order, everything else after them."""
    for version, family in ((b"4", socket.AF_INET), (b"6", socket.AF_INET6)):
        try:
            return version + socket.inet_pton(family, value)
        except (OSError, ValueError):  # not an address
            continue
    return b"9" + value.encode(errors="surrogatepass")


def endpoint_order(value: str) -> tuple[bytes, int, str]:
    """Return a sort key for `address:port`: both in numeric order."""
    host, _, port = value.rpartition(":")
    return (ip_order(host), int(port) if _WHOLE.fullmatch(port) else 0, value)
