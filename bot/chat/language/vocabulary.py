"""All words that may stand in a message, compiled once: those of the commands and those of grammar. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bot.chat.language.lexicon import ACTED, WORDS, Role
from bot.chat.language.near import typos
from bot.chat.language.normalize import fold


class Takes(StrEnum):
    """Kind of argument that may follow the words of a command."""

    NOTHING = "nothing"
    SCHEDULE = "schedule"
    RUN = "run"
    SCHEDULE_OR_RUN = "schedule or run"
    TEXT = "text"  #: words that only its handler understands


@dataclass(frozen=True, kw_only=True)
class CommandWords:
    """The words of a command.

    Attributes:
        name: Identifies the command.
        words: What help shows, and what a message that names the command starts with.
        also: Other words for it.
        common: Words that mean it only where nothing else is said, or beside the name of a schedule.
        asked: Words that may mean it, so that it is asked back.
        acts: It changes something, so it is never guessed.
    """

    name: str
    words: Sequence[str]
    also: Sequence[str] = ()
    common: Sequence[str] = ()
    asked: Sequence[str] = ()
    acts: bool = False
    takes: Takes = Takes.NOTHING


@dataclass(frozen=True, kw_only=True)
class Sense:
    """Meaning of a word."""

    roles: frozenset[Role] = frozenset()
    commands: tuple[str, ...] = ()  # names of commands
    common: bool = False  # it means the command only in a clear case
    asked: bool = False  # it may mean the command, which is asked back
    acted: str = ""  # command whose past form it is


@dataclass
class Vocabulary:
    """Senses by folded word."""

    commands: dict[str, CommandWords] = field(default_factory=dict)
    senses: dict[str, Sense] = field(default_factory=dict)
    longest: int = 0

    @classmethod
    def build(cls, commands: Iterable[CommandWords]) -> "Vocabulary":
        """Compile the words of the commands and those of grammar."""
        vocabulary = cls()
        for role, words in WORDS.items():
            for word in words:
                vocabulary._add(word, Sense(roles=frozenset({role})))
        for name, words in ACTED.items():
            for word in words:
                vocabulary._add(word, Sense(acted=name))
        for command in commands:
            vocabulary._add_command(command)
        vocabulary._add_typos()
        vocabulary.longest = max(map(len, vocabulary.senses))
        return vocabulary

    def _add_command(self, command: CommandWords) -> None:
        self.commands[command.name] = command
        means = Sense(commands=(command.name,))
        for word in command.common:
            self._add(word, replace(means, common=True))
        for word in (*command.words, *command.also):
            self._add(word, means)
        for word in command.asked:
            self._add(word, replace(means, asked=True))

    def _add_typos(self) -> None:
        """Let a word with one character that is typed for another mean the same. An act is asked back."""
        for command in self.commands.values():
            for word in (*command.words, *command.also):
                for typo in typos(fold(word)):
                    sense = Sense(commands=(command.name,), asked=command.acts)
                    self.senses.setdefault(typo, sense)

    def _add(self, word: str, sense: Sense) -> None:
        word = fold(word)
        known = self.senses.get(word, Sense())
        clear = bool(sense.commands) and not (sense.common or sense.asked)
        self.senses[word] = replace(
            known,
            roles=known.roles | sense.roles,
            commands=known.commands if sense.common and known.commands else sense.commands or known.commands,
            common=not clear and (known.common or sense.common),
            asked=sense.asked,
            acted=sense.acted or known.acted,
        )
