"""Match messages and card taps with handlers. Routes are declared in `handlers/` and listed there."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.chat.context import Context
from bot.chat.language.normalize import fold
from bot.chat.language.vocabulary import CommandWords, Takes
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest, TapRequest
from bot.models import MarkdownMessage, Run
from cards.buttons import ButtonDesign

CommandHandler = Callable[[Context, CommandRequest], Awaitable[MarkdownMessage]]
ButtonHandler = Callable[[Context, TapRequest], Awaitable[None]]
Precondition = Callable[[Context, TapRequest], Awaitable[None]]
DedupeKey = Callable[[Context, Run], Awaitable[str]]
Words = Mapping[str, str]
"""What people read, by language."""

NOTHING: Words = {"zh-CN": "", "en": ""}
SCHEDULE: Words = {"zh-CN": "[计划]", "en": "[schedule]"}
RUN: Words = {"zh-CN": "[执行]", "en": "[run]"}
SCHEDULE_OR_RUN: Words = {"zh-CN": "[计划或执行]", "en": "[schedule or run]"}

_TAKES = (
    (NOTHING, Takes.NOTHING),
    (SCHEDULE, Takes.SCHEDULE),
    (RUN, Takes.RUN),
    (SCHEDULE_OR_RUN, Takes.SCHEDULE_OR_RUN),
)


def _split(words: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in words.split("|") if word.strip())


@dataclass(frozen=True, kw_only=True)
class Synonyms:
    """Other words for a command, separated by `|`.

    Attributes:
        also: Words that mean the command wherever they stand.
        common: Words that mean it only alone or beside a name, such as 跑 and run.
        asked: Words that may mean it, such as 没收到 for sending again. It is asked back.
    """

    also: str = ""
    common: str = ""
    asked: str = ""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Something a person can type. Help shows the first word of each language."""

    words: tuple[str, ...]
    handler: CommandHandler
    permission: Permission
    argument: Words  # what may follow, for help
    summary: Words
    synonyms: "Synonyms"

    @property
    def name(self) -> str:
        """Return the first English word, which identifies the command."""
        return next(word for word in self.words if word.isascii())

    def word(self, lang: str) -> str:
        """Return the first word in a language, which help shows."""
        return self.name if lang == "en" else self.words[0]

    @property
    def takes(self) -> Takes:
        """Return what may follow the words."""
        return next((takes for shown, takes in _TAKES if shown is self.argument), Takes.TEXT)

    @property
    def language(self) -> CommandWords:
        """Return the command as the parser knows it."""
        return CommandWords(
            name=self.name,
            words=self.words,
            also=_split(self.synonyms.also),
            common=_split(self.synonyms.common),
            asked=_split(self.synonyms.asked),
            acts=self.permission not in {Permission.VIEW, Permission.IDENTIFY},
            takes=self.takes,
        )


NO_SYNONYMS = Synonyms()


async def _always(ctx: Context, request: TapRequest) -> None:
    """Accept every tap."""


async def _once(ctx: Context, run: Run) -> str:
    """Treat all taps on a card as one request."""
    return ""


@dataclass(frozen=True, kw_only=True)
class ButtonReplies:
    """Feedback for the person who taps a button, by phrase, and the taps that are accepted."""

    accepted: str  # after the first tap
    again: str  # after the same tap again
    per_person: bool = False  # everyone may tap once, else the first tap counts for all
    precondition: Precondition = _always  # raises `UserError` when the tap makes no sense now
    expires: bool = False  # refused on cards that are older than `chat.action_ttl`
    free: bool = False  # does not count as a request of the person, or `precondition` counts it
    dedupe_key: DedupeKey = _once  # with a new key, another tap is a new request


@dataclass(frozen=True, kw_only=True)
class Button:
    """Something a person can tap on a card."""

    design: ButtonDesign
    handler: ButtonHandler
    permission: Permission
    replies: ButtonReplies

    @property
    def action(self) -> str:
        return self.design.action


class Router:
    """The commands and buttons of a file in `handlers/`, or of several routers.

    Raises:
        ValueError: Two commands share a word, or two buttons an action.
    """

    def __init__(self, *parts: "Router") -> None:
        self.commands: list[Command] = []
        self.buttons: dict[str, Button] = {}
        self._by_word: dict[str, Command] = {}
        for part in parts:
            for command in part.commands:
                self._add_command(command)
            for button in part.buttons.values():
                self._add_button(button)

    @property
    def button_designs(self) -> Sequence[ButtonDesign]:
        """Return how the buttons look, in the order in which cards show them."""
        return tuple(button.design for button in self.buttons.values())

    def command(
        self,
        *words: str,
        permission: Permission,
        zh: str,
        en: str,
        argument: Words = NOTHING,
        synonyms: Synonyms = NO_SYNONYMS,
    ) -> Callable[[CommandHandler], CommandHandler]:
        """Declare a command: its words, who may use it, its summaries for help, and what may follow it.

        `synonyms` are not shown in help.
        """

        def declare(handler: CommandHandler) -> CommandHandler:
            summary = {"zh-CN": zh, "en": en}
            self._add_command(
                Command(
                    words=words,
                    handler=handler,
                    permission=permission,
                    argument=argument,
                    summary=summary,
                    synonyms=synonyms,
                )
            )
            return handler

        return declare

    def button(
        self, design: ButtonDesign, *, permission: Permission, replies: ButtonReplies
    ) -> Callable[[ButtonHandler], ButtonHandler]:
        """Declare a button: how it looks, who may tap it, and what that person sees."""

        def declare(handler: ButtonHandler) -> ButtonHandler:
            self._add_button(Button(design=design, handler=handler, permission=permission, replies=replies))
            return handler

        return declare

    def _add_command(self, command: Command) -> None:
        words = {fold(word): command for word in command.words}
        twice = self._by_word.keys() & words.keys()
        if twice:
            raise ValueError(f"two commands share {', '.join(sorted(twice))}")
        self.commands.append(command)
        self._by_word |= words

    def _add_button(self, button: Button) -> None:
        if button.action in self.buttons:
            raise ValueError(f"two buttons share {button.action}")
        self.buttons[button.action] = button

    def find(self, word: str) -> Command | None:
        """Return the command that has this word, or None."""
        return self._by_word.get(fold(word))
