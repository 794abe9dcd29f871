"""Match messages and card taps with handlers. Routes are declared in `handlers/` and listed there."""

import difflib
import re
import unicodedata
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.chat.context import Context
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

SIMILARITY_CUTOFF = 0.45  # ratio from which an unknown word counts as a typo
PUNCTUATION = " ,，:：。.!！?？"

NOTHING: Words = {"zh-CN": "", "en": ""}
SCHEDULE: Words = {"zh-CN": "[计划]", "en": "[schedule]"}
RUN: Words = {"zh-CN": "[执行]", "en": "[run]"}
SCHEDULE_OR_RUN: Words = {"zh-CN": "[计划或执行]", "en": "[schedule or run]"}


@dataclass(frozen=True, kw_only=True)
class Command:
    """Something a person can type. Help shows the first word of each language."""

    words: tuple[str, ...]
    handler: CommandHandler
    permission: Permission
    argument: Words  # what may follow, for help
    summary: Words


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
        self._by_length: list[tuple[str, Command]] = []  # normalized words, the longest first
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
        self, *words: str, permission: Permission, zh: str, en: str, argument: Words = NOTHING
    ) -> Callable[[CommandHandler], CommandHandler]:
        """Declare a command: its words, who may use it, its summaries for help, and what may follow it."""

        def declare(handler: CommandHandler) -> CommandHandler:
            summary = {"zh-CN": zh, "en": en}
            self._add_command(
                Command(
                    words=words, handler=handler, permission=permission, argument=argument, summary=summary
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
        taken = {normalize(word) for other in self.commands for word in other.words}
        twice = taken & {normalize(word) for word in command.words}
        if twice:
            raise ValueError(f"two commands share {', '.join(sorted(twice))}")
        self.commands.append(command)
        words = [(normalize(word), command) for word in command.words]
        self._by_length = sorted([*self._by_length, *words], key=lambda pair: len(pair[0]), reverse=True)

    def _add_button(self, button: Button) -> None:
        if button.action in self.buttons:
            raise ValueError(f"two buttons share {button.action}")
        self.buttons[button.action] = button

    def match(self, text: str) -> tuple[Command, str] | None:
        """Return the command that a text starts with, the longest word first, and what follows it."""
        said = normalize(text)
        for word, command in self._by_length:
            rest = _rest_after(said, word)
            if rest is not None:
                return command, _original_tail(text, rest)
        return None

    def find(self, word: str) -> Command | None:
        """Return the command that has this word, or None."""
        wanted = normalize(word)
        return next((command for known, command in self._by_length if known == wanted), None)

    def nearest(self, text: str) -> str:
        """Return the command word most like the text, or ""."""
        said = normalize(text)
        words = {normalize(word): word for command in self.commands for word in command.words}
        for candidate in (said, said.split(" ")[0]):
            close = difflib.get_close_matches(candidate, words, n=1, cutoff=SIMILARITY_CUTOFF)
            if close:
                return words[close[0]]
        return ""


def normalize(text: str) -> str:
    """Return a text for comparison: half width, lower case, single spaces, no mentions, no leading slash."""
    return " ".join(normalize_display(text).casefold().split()).removeprefix("/").strip()


def normalize_display(text: str) -> str:
    """Return a text in half width, without mentions and without invisible characters."""
    folded = "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    return " ".join(word for word in folded.split() if not word.startswith("@"))


def _rest_after(said: str, word: str) -> str | None:
    """Return what follows the word, or None. A Chinese word needs no space behind it."""
    if not said.startswith(word):
        return None
    rest = said[len(word) :]
    bounded = not rest or rest[0] in PUNCTUATION or not word[-1].isascii()
    return rest.strip(PUNCTUATION) if bounded else None


def _original_tail(text: str, rest: str) -> str:
    """Return the same rest with its capitals, as the person wrote it."""
    said = normalize_display(text)
    found = re.search(re.escape(rest) + r"\W*$", said, re.IGNORECASE) if rest else None
    return said[found.start() : found.start() + len(rest)] if found else rest
