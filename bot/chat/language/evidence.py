"""Collect what the words of a text say: commands, roles, names, a day, a number, and what is left. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from bot.chat.language.lexicon import ABOUT, Role
from bot.chat.language.near import is_typo, nearest_names
from bot.chat.language.normalize import Said
from bot.chat.language.tokens import Named, Token
from bot.chat.language.vocabulary import Sense, Vocabulary

MAX_DIGITS = 2  # of a number in a list


class Certainty(StrEnum):
    """Certainty about the schedule or run that a text names."""

    NOTHING = "nothing"  #: it names none
    EXACT = "exact"  #: by its whole name
    PART = "part"  #: by a part of its name
    CLOSE = "close"  #: by a name that is really near
    UNKNOWN = "unknown"  #: by a name that nothing has


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Schedule or run that a text is about. Several keys: any of these may be meant."""

    certainty: Certainty = Certainty.NOTHING
    keys: tuple[str, ...] = ()
    claimed: str = ""  # the name as it was written, if nothing has it
    left: tuple[str, ...] = ()  # what else was not understood

    @property
    def left_chars(self) -> int:
        return sum(map(len, self.left))


@dataclass(frozen=True, kw_only=True)
class Wish:
    """One word of a command in a text."""

    command: str
    acts: bool
    common: bool  # a common word, which means the command in a clear case only
    asked: bool  # it may mean the command, which is asked back
    at: int  # number of the token
    word: str


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that the words of a text say."""

    wishes: tuple[Wish, ...]
    acted: str  # command whose past form is used
    roles: frozenset[Role]
    subject: Subject
    day: date | None
    number: int
    numbers: int  # how many numbers it has
    ends_on: str  # its last word
    starts_with_wish: bool
    past_words: frozenset[str]
    names_act: bool  # the act is a noun, as in the rerun of

    def has(self, *roles: Role) -> bool:
        return not self.roles.isdisjoint(roles)


def collect(said: Said, tokens: Sequence[Token], names: Sequence[Named], vocabulary: Vocabulary) -> Evidence:
    """Collect the evidence of a text from its tokens."""
    words = [token for token in tokens if not (token.sign and token.sense is None)]
    wishes = _wishes(said, words, vocabulary)
    senses = [(said.text[token.start : token.end], token.sense) for token in words if token.sense]
    roles = frozenset(role for _, sense in senses for role in sense.roles if _counts(sense.commands, wishes))
    clear = any(not wish.common for wish in wishes)
    subject = _subject(said, tokens, names, with_common=clear)
    content = [number for number, token in enumerate(words) if not _is_filler(token)]
    return Evidence(
        wishes=wishes,
        acted=next((sense.acted for _, sense in senses if sense.acted), ""),
        roles=roles,
        subject=subject,
        day=next((token.day for token in words if token.day), None),
        number=next((token.number for token in words if token.number), 0) or _digits(said, tokens),
        numbers=sum(bool(token.number) or _is_digits(said, token) for token in words),
        ends_on=said.text[words[-1].start : words[-1].end] if words else "",
        starts_with_wish=bool(wishes and content and content[0] >= wishes[0].at),
        past_words=frozenset(word for word, sense in senses if Role.PAST in sense.roles),
        names_act=any(_is_of(said, words, wish) for wish in wishes),
    )


def _is_of(said: Said, words: Sequence[Token], wish: Wish) -> bool:
    """Return whether `of` makes a noun of an act: the rerun of, but not the failed ones of."""
    if not wish.acts or wish.command in ABOUT.values():
        return False
    following = words[wish.at + 1 : wish.at + 2]
    return any(said.text[token.start : token.end] == "of" for token in following)


def _counts(commands: tuple[str, ...], wishes: Sequence[Wish]) -> bool:
    """Return whether the roles of a word count: not if it is the word of the command that is meant."""
    return not any(wish.command in commands for wish in wishes)


def _is_filler(token: Token) -> bool:
    return token.sense is not None and not token.sense.commands


def _wishes(said: Said, words: Sequence[Token], vocabulary: Vocabulary) -> tuple[Wish, ...]:
    """Return the commands that are named. A word that may be a filler is one beside another command."""
    only_signs = all(token.sign for token in words)
    found = [
        (_wish(said, token, at, vocabulary), token.sense)
        for at, token in enumerate(words)
        if token.sense and token.sense.commands and (only_signs or not token.sign)
    ]
    clear = [wish for wish, sense in found if Role.FILLER not in sense.roles]
    return tuple(clear or [wish for wish, _ in found])


def _wish(said: Said, token: Token, at: int, vocabulary: Vocabulary) -> Wish:
    sense = token.sense or Sense()
    command = vocabulary.commands[sense.commands[0]]
    word = said.text[token.start : token.end]
    return Wish(
        command=command.name,
        acts=command.acts,
        common=sense.common,
        asked=sense.asked,
        at=at,
        word=word,
    )


def _is_digits(said: Said, token: Token) -> bool:
    return bool(token.keys) and said.text[token.start : token.end].isdecimal()


def _digits(said: Said, tokens: Sequence[Token]) -> int:
    """Return the number that is the name of something, which may also be a number in a list."""
    names = [said.text[token.start : token.end] for token in tokens if token.keys and not token.part]
    return next((int(name) for name in names if name.isdecimal() and len(name) <= MAX_DIGITS), 0)


def _subject(said: Said, tokens: Sequence[Token], names: Sequence[Named], *, with_common: bool) -> Subject:
    exact = [token for token in tokens if token.keys and not token.part]
    chunks = _chunks(tokens, with_common=with_common)
    parts = [chunk[0] for chunk in chunks if len(chunk) == 1 and chunk[0].part]
    rest = [said.written(chunk[0].start, chunk[-1].end) for chunk in chunks if chunk[0] not in parts]
    if exact:
        keys = dict.fromkeys(key for token in exact for key in token.keys)
        others = [said.written(part.start, part.end) for part in parts if keys.keys().isdisjoint(part.keys)]
        return Subject(certainty=Certainty.EXACT, keys=tuple(keys), left=(*rest, *others))
    if parts:
        return Subject(certainty=Certainty.PART, keys=_common_keys(parts), left=tuple(rest))
    return _claimed(rest, names)


def _common_keys(parts: Sequence[Token]) -> tuple[str, ...]:
    """Return what all parts name, or what any of them does."""
    shared = [key for key in parts[0].keys if all(key in part.keys for part in parts)]
    return tuple(shared or dict.fromkeys(key for part in parts for key in part.keys))


def _claimed(rest: Sequence[str], names: Sequence[Named]) -> Subject:
    """Return what is really near to the text that is left, or that nothing has this name."""
    known = {each.name: each for each in names if each.partly}
    for number, text in enumerate(rest):
        near = nearest_names(text.casefold(), known) or _with_typo(text.casefold(), known)
        if near:
            keys = tuple(dict.fromkeys(known[name].key for name in near))
            left = (*rest[:number], *rest[number + 1 :])
            return Subject(certainty=Certainty.CLOSE, keys=keys, claimed=text, left=left)
    if rest:
        return Subject(certainty=Certainty.UNKNOWN, claimed=rest[0], left=tuple(rest[1:]))
    return Subject()


def _with_typo(word: str, known: Iterable[str]) -> list[str]:
    """Return the names one of whose words in letters has a typo here."""
    return [name for name in known if any(part.isascii() and is_typo(word, part) for part in name.split())]


def _chunks(tokens: Sequence[Token], *, with_common: bool) -> list[list[Token]]:
    """Group neighbouring tokens that are unknown, or that are parts of names.

    `with_common` counts common words of commands among them, such as 扫描 in an unknown name.
    """
    groups: list[list[Token]] = [[]]
    for token in tokens:
        if token.is_unknown or token.part or (with_common and _is_common(token)):
            groups[-1].append(token)
        elif not (token.sign and token.sense is None):
            groups.append([])
    return [group for group in groups if not all(map(_is_common, group))]


def _is_common(token: Token) -> bool:
    return token.sense is not None and token.sense.common and not token.sense.roles
