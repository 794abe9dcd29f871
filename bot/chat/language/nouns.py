"""Tell nouns from verbs: the runs of a day, and names that start like a sentence. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from bot.chat.language.lexicon import RUN_NOUNS, Role
from bot.chat.language.normalize import Said
from bot.chat.language.tokens import Token
from bot.chat.language.vocabulary import Sense, Vocabulary

_HISTORY = Sense(commands=("history",))
_NOTHING = Sense(roles=frozenset({Role.FILLER}))


def with_nouns(said: Said, tokens: Sequence[Token], vocabulary: Vocabulary, today: date) -> list[Token]:
    """Return the tokens, where a run that is a noun means the history, or nothing beside a question."""
    words = [token for token in tokens if not token.sign]
    nouns = [token for at, token in enumerate(words) if _is_noun(said, words, at, today)]
    others = [
        vocabulary.commands[token.sense.commands[0]]
        for token in words
        if token not in nouns
        and token.sense
        and token.sense.commands
        and Role.FILLER not in token.sense.roles
    ]
    if not nouns or any(command.acts for command in others):
        return list(tokens)
    meant = _NOTHING if others else _HISTORY
    return [replace(token, sense=meant) if token in nouns else token for token in tokens]


def _is_noun(said: Said, words: Sequence[Token], at: int, today: date) -> bool:
    """Return whether a word is a noun for runs: 上周三的执行, 昨天执行, the run of yesterday, runs."""
    word = _text(said, words[at])
    if word not in RUN_NOUNS:
        return False
    sense = words[at].sense
    if sense and Role.NOUN in sense.roles:
        return True
    if at + 1 < len(words) and _text(said, words[at + 1]) == "of":
        return True
    if not at or any(token.keys or token.is_unknown for token in words[at + 1 :]):
        return False
    before = words[at - 1]
    spoken_of = _text(said, before) == "的" or _text(said, before).endswith("'s")
    asked = any(token.sense and Role.PLEASE in token.sense.roles for token in words)
    return spoken_of or (before.day is not None and before.day != today and not asked)


def with_whole_name(said: Said, tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens with an unknown name that starts with a negation as one: 计划 不存在的."""
    words = [at for at, token in enumerate(tokens) if not token.sign]
    if len(words) < 2 or not _names_command(tokens[words[0]]):  # noqa: PLR2004
        return list(tokens)
    start, end = words[1], words[-1] + 1
    name = tokens[start:end]
    spaced = said.written(tokens[words[0]].start, name[0].start + 1)[:-1].endswith(" ")
    joined = " " not in said.written(name[0].start, name[-1].end)
    fits = spaced and joined and _has_not(name[0]) and any(token.is_unknown for token in name)
    if not fits or any(token.keys or token.day or _names_command(token) for token in name):
        return list(tokens)
    return [*tokens[:start], Token(start=name[0].start, end=name[-1].end), *tokens[end:]]


def _has_not(token: Token) -> bool:
    return bool(token.sense and Role.NOT in token.sense.roles)


def _names_command(token: Token) -> bool:
    return bool(token.sense and token.sense.commands)


def _text(said: Said, token: Token) -> str:
    return said.text[token.start : token.end]
