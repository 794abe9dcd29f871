"""Decide whether two words are really near: a typo, or characters that are typed for each other. Pure."""

import difflib
from collections.abc import Iterable, Iterator

from bot.chat.language.lexicon import CONFUSED

NAME_CUTOFF = 0.7  # ratio from which a name of a schedule is near
MIN_TYPO_CHARS = 4  # of a word of letters in which one typo is accepted
MIN_HAN_CHARS = 4  # of a Chinese word in which one other character is accepted
MIN_TYPO_HAN = 2  # of a Chinese word that may be typed with another character
MAX_NEAR_CHARS = 40

_ALIKE = {char: group for group in CONFUSED for char in group}
_FOLDED = {char: group[0] for group in CONFUSED for char in group}


def is_typo(word: str, known: str) -> bool:
    """Return whether `word` is another word with one typo, or with characters that look or sound alike."""
    if word == known or abs(len(word) - len(known)) > 1 or len(word) > MAX_NEAR_CHARS:
        return False
    if confused(word) == confused(known):
        return True
    shortest = MIN_TYPO_CHARS if known.isascii() else MIN_HAN_CHARS
    if len(known) < shortest or word[:1] != known[:1]:
        return False
    return _one_edit(word, known)


def nearest_names(name: str, known: Iterable[str]) -> list[str]:
    """Return the names that are really near, the nearest first."""
    if len(name) > MAX_NEAR_CHARS:
        return []
    rated = [(_likeness(name, each), each) for each in known]
    return [each for ratio, each in sorted(rated, reverse=True) if ratio >= NAME_CUTOFF]


def confused(word: str) -> str:
    """Return a word with one character for all that are typed for each other."""
    return "".join(_FOLDED.get(char, char) for char in word)


def typos(word: str) -> Iterator[str]:
    """Return a Chinese word with one character replaced by each that is typed for it."""
    if len(word) < MIN_TYPO_HAN:
        return
    for at, char in enumerate(word):
        for other in _ALIKE.get(char, ""):
            if other != char:
                yield word[:at] + other + word[at + 1 :]


def _likeness(name: str, known: str) -> float:
    return difflib.SequenceMatcher(None, confused(name), confused(known), autojunk=False).ratio()


def _one_edit(word: str, known: str) -> bool:
    """Return whether one insertion, deletion, substitution or swap makes one word of the other."""
    start = next(
        (i for i, (a, b) in enumerate(zip(word, known, strict=False)) if a != b), min(len(word), len(known))
    )
    a, b = word[start:], known[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])
