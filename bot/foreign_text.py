"""Makes text from outside fit for stores, logs and workbooks. Pure, linear in the length of the text.

JSON escapes and header bytes can carry lone surrogates, which UTF-8 cannot encode: SQLite, BSON and every
file refuse them. Control characters drive the terminal that shows a log.
"""

import re
from typing import Any

REPLACEMENT = "\ufffd"

_LONE = re.compile("[\ud800-\udfff]")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def storable(text: str) -> str:
    """Replace lone surrogates, which no store can hold; anything else stays."""
    return text if text.isascii() else _LONE.sub(REPLACEMENT, text)


def storable_value(value: Any) -> Any:
    """Make every text in a value of JSON storable, keys included."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable_value(key): storable_value(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [storable_value(each) for each in value]
    return value


def printable(text: str) -> str:
    """Replace lone surrogates and control characters, except tabs and line feeds."""
    return _UNPRINTABLE.sub(REPLACEMENT, text)


def decode_header(raw: bytes) -> str:
    """Decode a header of HTTP/1: UTF-8 as servers send today, else Latin-1 as RFC 2616 had it."""
    try:
        return printable(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return printable(raw.decode("latin-1"))
