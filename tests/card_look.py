"""The look of a card on the chat page. Its picture keeps it, so that an outdated picture is found."""

import json
import struct
import zlib
from typing import Any

from playwright.async_api import Locator

_CHUNK = b"zTXtlook\0\0"  # a compressed text of a PNG, with its name
_END_LENGTH = 12  # bytes of the last chunk
_LOOK = """card => [card, ...card.querySelectorAll("*")].map(one => {
    const style = getComputedStyle(one);
    const names = "color background-color font-size font-weight padding margin border-radius".split(" ");
    const words = [...one.childNodes].filter(node => node.nodeType === Node.TEXT_NODE).map(node => node.data);
    const text = one.tagName === "CODE" ? "" : words.join("").trim().split(/[0-9]/)[0];
    return [one.tagName, text, names.map(name => style.getPropertyValue(name)).join("; ")];
})"""

Look = list[list[str]]


async def look_of(card: Locator) -> Look:
    """Return each element with its text up to the first digit, and its style without what fonts decide."""
    look: Look = await card.evaluate(_LOOK)
    return look


def with_look(png: bytes, look: Look) -> bytes:
    """Return the picture with the look in a chunk of text before its end."""
    chunk = _CHUNK + zlib.compress(json.dumps(look).encode())
    framed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return png[:-_END_LENGTH] + framed + png[-_END_LENGTH:]


def stored_look(png: bytes) -> Any:
    """Return the look that a picture was drawn with. Raises `ValueError` if it has none."""
    start = png.index(_CHUNK)
    (length,) = struct.unpack(">I", png[start - 4 : start])
    return json.loads(zlib.decompress(png[start + len(_CHUNK) : start + 4 + length]))
