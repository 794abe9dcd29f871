"""Split a folded text into words: the split that leaves the least unknown. Linear in its length. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from bot.chat.language.dates import read_day
from bot.chat.language.lexicon import Role
from bot.chat.language.normalize import Said, is_word_char
from bot.chat.language.vocabulary import Sense, Vocabulary

UNKNOWN_COST = 10.0  # of a character
WORD_COST = 1.0
NAME_COST = 0.5  # the full name of a schedule, whatever words it has inside
PART_COST = 4.0  # a part of a name
SIGN_COST = 0.1
MIN_PART_CHARS = 2
EDGES = " ,:。.!?"  # signs that are no part of what is written between them

_NUMBER = re.compile(
    r"(?:第|#|no\.? ?)?(\d{1,2})(?:[个条号项]|st|[nr]d|th)?(?![\d])|第([一二三四五六七八九十])[个条号项]"
)
_SPAN = re.compile(
    r"\d{1,9}(?:\.\d{1,9})?(?:[次遍回轮天周]|个?小时|分钟?|点半?| ?(?:h|min|hours?|minutes?|days?))[后前]?"
)
_HAN_DIGITS = "一二三四五六七八九十"


_LATER = Sense(roles=frozenset({Role.LATER}))  # another time, or more than once


@dataclass(frozen=True, kw_only=True)
class Named:
    """Something that a person may name.

    Attributes:
        key: What stands for it in an interpretation.
        name: A folded name or id. Several may have the same key, and several keys the same name.
        partly: A part of the name names it as well.
    """

    key: str
    name: str
    partly: bool = True


@dataclass(frozen=True, kw_only=True)
class Token:
    """A word of a text."""

    start: int
    end: int
    sense: Sense | None = None
    keys: tuple[str, ...] = ()  # of what it names
    part: bool = False  # it is a part of these names only
    day: date | None = None
    number: int = 0
    sign: bool = False

    @property
    def is_unknown(self) -> bool:
        return not (self.sense or self.keys or self.day or self.number or self.sign)


class Tokenizer:
    """Splits texts by a vocabulary, with the names that are known at the moment."""

    def __init__(self, vocabulary: Vocabulary, names: Sequence[Named], today: date) -> None:
        self._vocabulary = vocabulary
        self._names = names
        self._today = today
        self._parts = "\n" + "\n".join(each.name for each in names if each.partly) + "\n"

    def split(self, text: str) -> list[Token]:
        """Return the words of a text, in order, without spaces."""
        named = self._find_names(text)
        costs: list[float] = [0.0] + [float("inf")] * len(text)
        last: list[Token | None] = [None] * (len(text) + 1)
        for start in range(len(text)):
            if costs[start] == float("inf"):
                continue
            for cost, token in self._candidates(text, start, named):
                total = costs[start] + cost
                if total < costs[token.end]:
                    costs[token.end], last[token.end] = total, token
        return _read_back(last)

    def _candidates(
        self, text: str, start: int, named: dict[int, list[Token]]
    ) -> Iterator[tuple[float, Token]]:
        if not text[start].isalnum():
            sense = self._vocabulary.senses.get(text[start])
            yield SIGN_COST, Token(start=start, end=start + 1, sense=sense, sign=True)
        else:
            end = _word_end(text, start)
            yield UNKNOWN_COST * (end - start), Token(start=start, end=end)
        for token in named.get(start, ()):
            yield NAME_COST, token
        if is_word_char(text, start) and is_word_char(text, start - 1):
            return
        yield from self._words(text, start)
        yield from self._numbers(text, start)
        part = self._part(text, start)
        if part:
            yield PART_COST, part

    def _words(self, text: str, start: int) -> Iterator[tuple[float, Token]]:
        for end in range(start + 1, min(len(text), start + self._vocabulary.longest) + 1):
            sense = self._vocabulary.senses.get(text[start:end])
            if sense and _ends(text, end):
                yield WORD_COST, Token(start=start, end=end, sense=sense)

    def _numbers(self, text: str, start: int) -> Iterator[tuple[float, Token]]:
        day = read_day(text, start, self._today)
        if day and _ends(text, day[1]):
            yield WORD_COST, Token(start=start, end=day[1], day=day[0])
        span = _SPAN.match(text, start)
        if span and _ends(text, span.end()):
            yield WORD_COST, Token(start=start, end=span.end(), sense=_LATER)
        number = _NUMBER.match(text, start)
        if number and _ends(text, number.end()):
            value = int(number[1]) if number[1] else _HAN_DIGITS.index(number[2]) + 1
            if value:
                yield WORD_COST, Token(start=start, end=number.end(), number=value)

    def _find_names(self, text: str) -> dict[int, list[Token]]:
        """Find the full names in a text, by where they start."""
        found: dict[int, list[Token]] = {}
        keys: dict[str, list[str]] = {}
        for each in self._names:
            if each.name and each.name in text:
                keys.setdefault(each.name, []).append(each.key)
        for name, owners in keys.items():
            start = text.find(name)
            while start >= 0:
                end = start + len(name)
                counted = name.isdecimal() and _SPAN.match(text, start)
                if _ends(text, start) and _ends(text, end) and not counted:
                    token = Token(start=start, end=end, keys=tuple(dict.fromkeys(owners)))
                    found.setdefault(start, []).append(token)
                start = text.find(name, start + 1)
        return found

    def _part(self, text: str, start: int) -> Token | None:
        """Return the longest part of a name that starts here."""
        latin = is_word_char(text, start)
        end = start
        while end < len(text) and text[start : end + 1] in self._parts and text[end] != "\n":
            end += 1
        while end > start and not _ends(text, end):
            end -= 1
        part = text[start:end].rstrip()
        if len(part) < MIN_PART_CHARS + latin or part.isdigit():
            return None
        owners = [each.key for each in self._names if each.partly and has_part(each.name, part)]
        if not owners:
            return None
        return Token(start=start, end=start + len(part), keys=tuple(dict.fromkeys(owners)), part=True)


def written(said: Said, tokens: Sequence[Token]) -> str:
    """Return words as they were written, with a space where words between them are left out."""
    parts: list[tuple[int, int]] = []
    for token in tokens:
        joined = bool(parts) and not said.text[parts[-1][1] : token.start].strip()
        parts = [*parts[:-1], (parts[-1][0], token.end)] if joined else [*parts, (token.start, token.end)]
    return " ".join(said.written(start, end) for start, end in parts).strip(EDGES)


def has_part(name: str, part: str) -> bool:
    """Return whether a name has this part. A part in letters is made of whole words."""
    start = name.find(part)
    while start >= 0:
        if _ends(name, start) and _ends(name, start + len(part)):
            return True
        start = name.find(part, start + 1)
    return False


def _ends(text: str, position: int) -> bool:
    """Return whether a word may start or end here: not inside a word of letters."""
    return not (is_word_char(text, position - 1) and is_word_char(text, position))


def _word_end(text: str, start: int) -> int:
    """Return the end of the unknown word of letters, or of the one Chinese character, that starts here."""
    end = start + 1
    if is_word_char(text, start):
        while is_word_char(text, end):
            end += 1
    return end


def _read_back(last: Sequence[Token | None]) -> list[Token]:
    tokens: list[Token] = []
    token = last[-1]
    while token:
        tokens.append(token)
        token = last[token.start]
    return tokens[::-1]
