"""Escape values from outside (names, titles, targets, reasons) for DingTalk's markdown dialects.

Backslashes are not used: DingTalk does not document them, and its desktop client renders HTML even inside
code. Instead, each character that could start markup is replaced by its full-width form (`*` → `＊`, `[` →
`［`, `@` → `＠`). No parser knows it, people read it the same, and NFKC turns it back, so a name that is
copied from a card matches the same schedule.

URLs: the colon of `://` becomes full-width, and a word joiner (U+2060, no width; browsers drop it from host
names) follows every dot between letters or digits, so that neither `https：//evil.example` nor
`evil.example` becomes a link. Text that people copy (targets, IDs, commands) goes through
`verbatim_message` and `verbatim_card`, which keep hosts, addresses and URLs unchanged. On a card, such text
is in code style, which has no links. Messages have no documented code style (0699-robot-message-type), so a
client may still turn a bare URL into a link. Such a URL was written by the owner of the schedule.
"""

import re
import unicodedata
from collections.abc import Iterator

MAX_LENGTH = 200  # characters of one value, where the template sets no other limit

_MAX_INPUT = 4_000  # characters of a value that are read
_MAX_MARKS = 3  # combining marks on one letter; no script in use needs more
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
    """Our own markup, or escaped text. Templates put out nothing else as it is."""

    __slots__ = ()


def escape_message(text: str, length: int = MAX_LENGTH) -> Markup:
    """Escape a value for message markdown, in one line of at most `length` characters.

    Titles and tips use it too: they are plain text in one card template and markdown in another.
    """
    inert = _MARKED.sub(_widened, _clean(text, length).translate(_PROSE))
    return Markup(_level(_DOT_INSIDE.sub(f".{_JOINER}", _unlinked(inert))))


def escape_card(text: str, length: int = MAX_LENGTH) -> Markup:
    """Escape a value for a card.

    Cards also know tables, fences, fonts and `<a atId>` (0016-markdown-variable-new). The characters that
    start them are escaped already.
    """
    return escape_message(text, length)


def verbatim_message(text: str, length: int = MAX_LENGTH) -> Markup:
    """Escape a target, an ID or a command for a message, and keep hosts, addresses and URLs unchanged.

    A URL among other words is no target, so its colon becomes full-width.
    """
    kept = _LOOSE_LOW_LINE.sub("＿", _clean(text, length).translate(_EXACT))
    kept = _STRUCK.sub(_widened, _ENTITY.sub("＆", kept))
    return Markup(_level(re.sub("^#+", _widened, _unlinked(kept) if " " in kept else kept)))


def verbatim_card(text: str, length: int = MAX_LENGTH) -> Markup:
    """Escape a target, an ID or a command for a card, in code style."""
    return Markup(f"`{verbatim_message(text, length) or '-'}`")


def cut_bytes(text: str, limit: int) -> str:
    """Shorten a text to `limit` bytes of UTF-8, and add … where it was cut.

    Graphemes (a letter with its marks, joined emoji, a flag) are never split.
    """
    raw = text.encode(errors="ignore")
    if len(raw) <= limit:
        return raw.decode()
    end = "…" if limit >= len("…".encode()) else ""
    room = max(limit - len(end.encode()), 0)
    whole = raw.decode()
    return whole[: _boundary(whole, len(raw[:room].decode(errors="ignore")))] + end


def cut(text: str, length: int) -> str:
    """Shorten a text to `length` characters, and add … where it was cut."""
    return text if len(text) <= length else text[: _boundary(text, max(length - 1, 0))] + "…"


def _clean(text: str, length: int) -> str:
    """Return one line of at most `length` characters, without invisible or malformed ones."""
    shown = "".join(_shown(unicodedata.normalize("NFC", text[:_MAX_INPUT])))
    return cut(_BLANKS.sub(" ", _LONELY_ZWJ.sub("", shown)).strip(), length)


def _shown(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        hidden = category in _HIDDEN and character != _ZWJ and not character.isspace()
        if marks <= _MAX_MARKS and not hidden and not _is_nonsense(character):
            yield character


def _is_nonsense(character: str) -> bool:
    """Return whether this is a noncharacter, such as U+FFFE or U+FFFF in any plane."""
    return ord(character) & _NONSENSE == _NONSENSE


def _unlinked(text: str) -> str:
    return text.replace("://", "：//")


def _level(text: str) -> str:
    """Escape the start of a line, so that it becomes no list, rule or heading."""
    if text[:1] in {"-", "+", "="}:
        return _full_width(text[0]) + text[1:]
    return _LIST_NUMBER.sub(lambda found: found[1] + _full_width(found[2]), text)


def _boundary(text: str, at: int) -> int:
    """Return the nearest position up to `at` where a grapheme ends."""
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
