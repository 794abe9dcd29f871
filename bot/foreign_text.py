"""Sanitizing of foreign text for stores, logs and workbooks.

JSON escapes and HTTP headers can contain lone surrogates, which UTF-8 cannot encode. Control characters would
affect the terminal that shows a log.
"""

import re
from typing import Any

REPLACEMENT = "\ufffd"

_LONE = re.compile("[\ud800-\udfff]")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def storable(text: str) -> str:
    """Replace lone surrogates, which no store can encode."""
    return text if text.isascii() else _LONE.sub(REPLACEMENT, text)


def storable_value(value: Any) -> Any:
    """Make all text in a JSON value storable, including keys."""
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
    """Decode an HTTP/1 header: UTF-8, or else Latin-1 (RFC 2616)."""
    try:
        return printable(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return printable(raw.decode("latin-1"))
