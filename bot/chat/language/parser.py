"""Interpret what a person says, with the names that are known. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from bot.chat.language.decisions import Answer, Interpretation, decide, tells_another
from bot.chat.language.evidence import Evidence, collect
from bot.chat.language.lexicon import Role
from bot.chat.language.near import is_typo
from bot.chat.language.normalize import Said, fold, read
from bot.chat.language.nouns import with_nouns, with_whole_name
from bot.chat.language.quiet import read_mute_of_all, read_quiet
from bot.chat.language.spans import is_span
from bot.chat.language.tokens import Named, Token, Tokenizer, written
from bot.chat.language.vocabulary import CommandWords, Takes, Vocabulary

_POLITE = frozenset({Role.FILLER, Role.PLEASE, Role.YOU, Role.CHECK, Role.SMALLTALK})
_TELLING = frozenset({
    Role.DONT,
    Role.NOT,
    Role.PAST,
    Role.DID,
    Role.WHETHER,
    Role.MAY,
    Role.CAN,
    Role.WHO,
    Role.WHY,
    Role.WHEN,
    Role.HOW,
    Role.ELSE,
    Role.ONCE,
})  # of a word that may make no command of a text with a name before a command
_GRAMMAR = frozenset({
    Role.TAKE,
    Role.OF,
    Role.ONCE,
    Role.DID,
    Role.WHETHER,
    Role.SET,
})  # words that are no part of an argument
_DOES = frozenset({Answer.ACT, Answer.ASK, Answer.LOOK, Answer.WHICH, Answer.NO_SUCH})


class Parser:
    """Interprets texts by the words of the commands."""

    def __init__(self, commands: Sequence[CommandWords]) -> None:
        self._vocabulary = Vocabulary.build(commands)

    @property
    def words(self) -> frozenset[str]:
        """Return all words that mean something, folded."""
        return frozenset(self._vocabulary.senses)

    def parse(self, text: str, *, names: Sequence[Named] = (), today: date) -> Interpretation:
        """Interpret a text, with the names that are known now. Never raises."""
        said = read(text)
        tokens = with_whole_name(said, Tokenizer(self._vocabulary, names, today).split(said.text))
        tokens = with_nouns(said, tokens, self._vocabulary, today)
        words = [token for token in tokens if not (token.sign and token.sense is None)]
        free = read_mute_of_all(said, words) or self._free_text(said, tokens) or read_quiet(said, words)
        if free:
            return free
        evidence = collect(said, tokens, names, self._vocabulary)
        found = decide(evidence, said, self._vocabulary)
        if found.answer is Answer.UNKNOWN and not evidence.wishes and not evidence.acted:
            return self._by_typo(evidence, found)
        return self._with_text(found, said, tokens)

    def _free_text(self, said: Said, tokens: Sequence[Token]) -> Interpretation | None:
        """Return the command with an argument of its own form that the text starts with."""
        words = [token for token in tokens if not (token.sign and token.sense is None)]
        first = next((at for at, token in enumerate(words) if not _is_polite(token)), len(words) - 1)
        command = self._text_command(words[first]) if words else None
        rest = words[first + 1 :]
        if command is None:
            return self._after_name(said, words, first)
        if any(map(self._acts, rest)):
            return None
        text = "" if all(map(_is_polite, rest)) else _name_first(said, rest)
        careful = _is_doubtful(said, words) or said.text.endswith(("吗", "?"))
        answer = Answer.LOOK if not command.acts else Answer.ASK if careful else Answer.ACT
        return Interpretation(answer=answer, command=command.name, text=text)

    def _after_name(self, said: Said, words: Sequence[Token], first: int) -> Interpretation | None:
        """Return the command that follows the name of a schedule: 每日巡检静默2小时."""
        start = first + (bool(words) and _has(words[first], Role.TAKE))
        name, *rest = words[start : start + 2] if words[start:] else (None,)
        command = self._text_command(rest[0]) if rest and name and _is_name(name) else None
        after = words[start + 2 :]
        told = any(token.sense and token.sense.roles & _TELLING for token in words)
        if name is None or command is None or not command.acts or told or any(map(self._acts, after)):
            return None
        said_after = _argument(said, after)
        clear = not said_after or is_span(said_after)
        answer = Answer.ACT if clear and not _is_doubtful(said, words) else Answer.ASK
        text = f"{said.written(name.start, name.end)} {said_after}".strip()
        return Interpretation(answer=answer, command=command.name, text=text)

    def _acts(self, token: Token) -> bool:
        """Return whether a word clearly means a command that acts."""
        sense = token.sense
        commands = self._vocabulary.commands
        return bool(sense and not sense.common and any(commands[name].acts for name in sense.commands[:1]))

    def _text_command(self, token: Token) -> CommandWords | None:
        """Return the command of a word that takes text."""
        names = token.sense.commands[:1] if token.sense else ()
        commands = [self._vocabulary.commands[name] for name in names]
        return next((command for command in commands if command.takes is Takes.TEXT), None)

    def _with_text(self, found: Interpretation, said: Said, tokens: Sequence[Token]) -> Interpretation:
        """Ask back for a command that takes text and whose word stands inside of it."""
        for token in tokens:
            command = self._text_command(token)
            if command and command.name == found.command and found.answer in _DOES:
                text = _argument(said, [each for each in tokens if each is not token])
                answer = Answer.ASK if command.acts else Answer.LOOK
                return replace(found, answer=answer, keys=(), claimed="", number=0, text=text)
        return found

    def _by_typo(self, evidence: Evidence, found: Interpretation) -> Interpretation:
        """Ask back for an acting command whose word has a typo, and suggest the word of another."""
        subject = evidence.subject
        unknown = [fold(text) for text in (subject.claimed, *subject.left) if text]
        command, word = self._nearest(unknown[0]) if len(unknown) == 1 else (None, "")
        if command is None:
            return found
        keys = () if subject.claimed else subject.keys
        if command.acts and not evidence.has(Role.NOT, Role.DONT) and len(keys) <= 1:
            return replace(found, answer=Answer.ASK, command=command.name, keys=keys, claimed="")
        return replace(found, suggestion=word)

    def _nearest(self, unknown: str) -> tuple[CommandWords | None, str]:
        """Return the command that has a word of which this is a typo, and the word."""
        for command in self._vocabulary.commands.values():
            for word in (*command.words, *command.also):
                if is_typo(unknown, fold(word)):
                    return command, word
        return None, ""


def _has(token: Token, role: Role) -> bool:
    return bool(token.sense and role in token.sense.roles)


def _is_name(token: Token) -> bool:
    return len(token.keys) == 1 and not token.part


def _is_doubtful(said: Said, words: Sequence[Token]) -> bool:
    """Return whether a text may not be for DingRun, or is not whole."""
    roles = frozenset(role for token in words if token.sense for role in token.sense.roles)
    return said.cut or tells_another(roles, said)


def _name_first(said: Said, tokens: Sequence[Token]) -> str:
    """Return the words of an argument with the name of a schedule at the front: 改成仅失败 每日巡检."""
    name = next((token for token in tokens if _is_name(token)), None)
    if name is None:
        return _argument(said, tokens)
    others = _argument(said, [token for token in tokens if token is not name])
    return f"{said.written(name.start, name.end)} {others}".strip()


def _argument(said: Said, tokens: Sequence[Token]) -> str:
    """Return the words of an argument as they were written, without those of grammar."""
    kept = [token for token in tokens if not (token.sense and token.sense.roles & _GRAMMAR)]
    while kept and _is_polite(kept[0]) and kept[0].sense and Role.PLEASE in kept[0].sense.roles:
        kept = kept[1:]
    return written(said, kept)


def _is_polite(token: Token) -> bool:
    """Return whether a word says nothing but please or thanks."""
    sense = token.sense
    return bool(sense and not sense.commands and sense.roles <= _POLITE)
