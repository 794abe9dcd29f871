"""Find markup in DingTalk's markdown dialects, independently of the code that writes it.

It is stricter than any client: whatever some client might take for markup counts.
"""

import re

CONSTRUCTS = {
    "heading": r"^ {0,3}#",
    "quote": r"^ {0,3}>",
    "list": r"^\s*([-+*]|\d{1,9}[.)])(\s|$)",
    "rule": r"^\s*([-*_=]\s*){3,}$",
    "emphasis": r"(\*|_)[^\s].*?\1",
    "strike": r"~~",
    "mark": r"==|\+\+",
    "code": r"`",
    "link": r"!?\[[^\]]*\]",
    "html": r"<[a-zA-Z/!?]|<[^>]*>",
    "entity": r"&(#|\w+;)",
    "table": r"\|",
    "mention": r"@\S",
    "variable": r"\$|\{|\}",
    "escape": r"\\",
    "line": r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029\t]",
    "control": r"[\x00-\x08\x0e-\x1f\x7f-\x9f]",
    "invisible": r"[\u061c\u200b\u200c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]",
}
ADDRESSES = {
    "url": r"[A-Za-z][A-Za-z0-9+.-]*://\S",
    "host": r"[\w-]+\.[A-Za-z]{2,}",
    "address": r"\d{1,3}(\.\d{1,3}){3}",
}
CARD_MENTION = re.compile(r"<a\s+atId")


def constructs(text: str, *, addresses: bool = True) -> set[str]:
    """Return the names of the markup that a client might find in a value."""
    known = CONSTRUCTS | (ADDRESSES if addresses else {})
    return {name for name, form in known.items() if re.search(form, text, re.MULTILINE)}


def outside_code(text: str) -> str:
    """Return card markdown without its code spans."""
    return re.sub(r"`[^`\n]*`", "", text)
