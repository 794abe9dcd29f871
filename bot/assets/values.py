"""Reads documents that came from outside: whatever is in them, nothing here raises."""

import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

Document = Mapping[str, Any]

LINE_BREAK = " \r\n"  # between the values of one cell
MAX_EXACT_NUMBER = 10**15  # whole numbers below it stay exact in a cell

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,14})")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)


class Percentage(float):
    """A part of a whole, shown in hundredths."""


def text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return "" if value is None else str(value)


def mapping(value: object) -> Document:
    return value if isinstance(value, dict) else {}


def items(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def number(value: object) -> int | str:
    """A whole number as a number, whatever it was written as; anything else as text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return text(value)
    if isinstance(value, int):
        return value if -MAX_EXACT_NUMBER < value < MAX_EXACT_NUMBER else str(value)
    return int(value) if _WHOLE.fullmatch(value) else value


def moment(value: object, naive: tzinfo | None = None) -> datetime | str:
    """A time as a time; anything else as text. `naive` is the zone of a time that names none."""
    found = text(value).strip()
    if not _MOMENT.fullmatch(found):
        return found
    try:
        time = datetime.fromisoformat(found)
    except ValueError:
        return found
    return time.replace(tzinfo=naive) if time.tzinfo is None and naive else time


def utc(value: object) -> datetime | str:
    """A time that is in UTC where it names no zone."""
    return moment(value, UTC)


def first(documents: Iterable[Document], key: str) -> Any:
    """The first value that says something."""
    for document in documents:
        value = document.get(key)
        if value:
            return value
    return None


def first_number(documents: Iterable[Document], key: str) -> int | str:
    """The first number, zero among them, or nothing."""
    found = (number(document.get(key)) for document in documents)
    return next((value for value in found if value != ""), "")


def unique(values: Iterable[object]) -> list[str]:
    """Texts that say something, once each, in the order they came."""
    return list(dict.fromkeys(filter(None, map(text, values))))


def union(documents: Iterable[Document], key: str) -> list[str]:
    """All values of a list field, once each, sorted."""
    return sorted({text(value) for document in documents for value in items(document.get(key)) if value})


def ip_order(value: str) -> bytes:
    """Addresses in the order of their numbers, anything else behind them."""
    for version, family in ((b"4", socket.AF_INET), (b"6", socket.AF_INET6)):
        try:
            return version + socket.inet_pton(family, value)
        except (OSError, ValueError):  # not an address, or not even text for one
            continue
    return b"9" + value.encode(errors="surrogatepass")


def endpoint_order(value: str) -> tuple[bytes, int, str]:
    """`address:port` in the order of both numbers."""
    host, _, port = value.rpartition(":")
    return (ip_order(host), int(port) if _WHOLE.fullmatch(port) else 0, value)
