"""Values from outside (names, titles, targets, reasons) made inert in DingTalk's markdown dialects.

Nothing is escaped: DingTalk's parsers are not documented to know a backslash, and its desktop client reads
HTML even inside code. Instead, each character that could begin a construct becomes its full-width twin
(`*` → `＊`, `[` → `［`, `@` → `＠`), which no parser knows, which people read the same, and which NFKC turns
back: a name copied from a card and typed again is the same name to the router.

URLs: the colon of `://` becomes full-width, and a word joiner (U+2060, no width; browsers drop it from host
names) stands behind every dot between letters or digits, so that neither `https：//evil.example` nor
`evil.example` is made tappable. What people copy (targets, ids, words to type) goes through
`verbatim_message` and `verbatim_card` instead: hosts, addresses and URLs come out character by character.
On a card they stand in code style, where nothing is tappable. Messages have no code style that is
documented (0699-robot-message-type), so a client may still make a bare URL there tappable; it is one that
the schedule's owner wrote.
"""

import re
import unicodedata
from collections.abc import Iterator

LENGTH = 200  # characters of one value, where the template sets no other limit

_RAW = 4_000  # characters of a value that are looked at
_MARKS = 3  # combining marks on one letter; no script in use needs more
_ZWJ = "\u200d"  # joins emoji: the only format character that may stay
_JOINER = "\u2060"
_NONSENSE = 0xFFFE
_HIDDEN = {"Cc", "Cf", "Cs", "Co"}  # controls, bidi and other formats, lone surrogates, private use

_PICTURE = "\u2190-\u2bff\ufe0f\U0001f000-\U0001faff"
_LONELY_ZWJ = re.compile(f"(?<![{_PICTURE}]){_ZWJ}|{_ZWJ}(?![{_PICTURE}])")
_BLANKS = re.compile(r"\s+")
_DOT_INSIDE = re.compile(r"(?<=\w)\.(?=\w)")
_LIST_NUMBER = re.compile(r"(?a:^(\d{1,9})([.)]))(?=\s|$)")
_LOOSE_LOW_LINE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")  # inside a word it begins nothing
_ENTITY = re.compile(r"(?a:&(?=#|\w+;))")
_MARKED = re.compile(r"([=+])\1+")  # marks of wider dialects
_STRUCK = re.compile(r"~~+")


def _full_width(text: str) -> str:
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


def _widened(found: re.Match[str]) -> str:
    return _full_width(found[0])


_ALWAYS = {character: _full_width(character) for character in "\\`*<>[]{}|@$"}
_EXACT = str.maketrans(_ALWAYS)
_PROSE = str.maketrans(_ALWAYS | {character: _full_width(character) for character in "_~#&^"})


class Markup(str):
    """Text that is markup of our own, or has been neutralised: the only thing templates put out as it is."""

    __slots__ = ()


def escape_message(text: str, length: int = LENGTH) -> Markup:
    """A value as inert text of message markdown, in one line of at most `length` characters.

    Titles and tips take it too: they are plain text in one card template and markdown in another.
    """
    inert = _MARKED.sub(_widened, _clean(text, length).translate(_PROSE))
    return Markup(_level(_DOT_INSIDE.sub(f".{_JOINER}", _unlinked(inert))))


def escape_card(text: str, length: int = LENGTH) -> Markup:
    """The same for a card (0016-markdown-variable-new): tables, fences, fonts and `<a atId>` are known there,
    and what begins them is inert already."""
    return escape_message(text, length)


def verbatim_message(text: str, length: int = LENGTH) -> Markup:
    """A target, an id, words to type: nothing changes in a host, an address or a usual URL.

    A URL among other words is no target, so its colon is widened as in prose.
    """
    kept = _LOOSE_LOW_LINE.sub("＿", _clean(text, length).translate(_EXACT))
    kept = _STRUCK.sub(_widened, _ENTITY.sub("＆", kept))
    return Markup(_level(re.sub("^#+", _widened, _unlinked(kept) if " " in kept else kept)))


def verbatim_card(text: str, length: int = LENGTH) -> Markup:
    """The same in code style, for cards."""
    return Markup(f"`{verbatim_message(text, length) or '-'}`")


def cut_bytes(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8, with … where something is missing.

    What people see as one character (a letter with its marks, joined emoji, a flag) is never cut.
    """
    raw = text.encode(errors="ignore")
    if len(raw) <= limit:
        return raw.decode()
    end = "…" if limit >= len("…".encode()) else ""
    room = max(limit - len(end.encode()), 0)
    whole = raw.decode()
    return whole[: _boundary(whole, len(raw[:room].decode(errors="ignore")))] + end


def cut(text: str, length: int) -> str:
    """At most `length` characters, with … where something is missing."""
    return text if len(text) <= length else text[: _boundary(text, max(length - 1, 0))] + "…"


def _clean(text: str, length: int) -> str:
    """One line without anything invisible or malformed, cut to `length` characters."""
    shown = "".join(_shown(unicodedata.normalize("NFC", text[:_RAW])))
    return cut(_BLANKS.sub(" ", _LONELY_ZWJ.sub("", shown)).strip(), length)


def _shown(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        hidden = category in _HIDDEN and character != _ZWJ and not character.isspace()
        if marks <= _MARKS and not hidden and not _is_nonsense(character):
            yield character


def _is_nonsense(character: str) -> bool:
    """U+FFFE, U+FFFF and their like in every plane are no characters."""
    return ord(character) & _NONSENSE == _NONSENSE


def _unlinked(text: str) -> str:
    return text.replace("://", "：//")


def _level(text: str) -> str:
    """Without what makes a line a list, a rule or a heading when it stands at its start."""
    if text[:1] in {"-", "+", "="}:
        return _full_width(text[0]) + text[1:]
    return _LIST_NUMBER.sub(lambda found: found[1] + _full_width(found[2]), text)


def _boundary(text: str, at: int) -> int:
    """The nearest place up to `at` where a character, as people see it, ends."""
    while 0 < at < len(text) and _joined(text, at):
        at -= 1
    return at


def _joined(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at]
    if _ZWJ in {before, after} or unicodedata.category(after) in {"Mn", "Me", "Mc"}:
        return True
    return "\U0001f3fb" <= after <= "\U0001f3ff" or (_is_flag(after) and _flags_before(text, at) % 2 == 1)


def _is_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flags_before(text: str, at: int) -> int:
    count = 0
    while count < at and _is_flag(text[at - count - 1]):
        count += 1
    return count
