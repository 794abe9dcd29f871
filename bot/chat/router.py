"""From words and presses to handlers: routes are declared in `handlers/`, listed there, and found here."""

import difflib
import re
import unicodedata
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.chat.context import Context
from bot.chat.permissions import Permission
from bot.models import CardTap, MarkdownMessage, Message, Run

CommandHandler = Callable[[Context, Message, str], Awaitable[MarkdownMessage]]
ButtonHandler = Callable[[Context, CardTap, Run, str], Awaitable[None]]
Precondition = Callable[[Context, CardTap, Run], Awaitable[None]]
DedupeKey = Callable[[Context, Run], Awaitable[str]]

SIMILARITY_CUTOFF = 0.45  # likeness from which an unknown word is taken for a slip

NOTHING = {"zh-CN": "", "en": ""}
SCHEDULE = {"zh-CN": "[计划]", "en": "[schedule]"}
RUN = {"zh-CN": "[执行]", "en": "[run]"}
SCHEDULE_OR_RUN = {"zh-CN": "[计划或执行]", "en": "[schedule or run]"}


@dataclass(frozen=True, kw_only=True)
class Command:
    """Something a person can type. The first word is the one that help shows."""

    words: tuple[str, ...]
    handler: CommandHandler
    permission: Permission
    argument: Mapping[str, str]  # what may follow, for help, by language
    summary: Mapping[str, str]  # by language


async def _always(ctx: Context, tap: CardTap, run: Run) -> None:
    """Most buttons can always be pressed."""


async def _once(ctx: Context, run: Run) -> str:
    """Most buttons mean the same whenever they are pressed."""
    return ""


@dataclass(frozen=True, kw_only=True)
class ButtonReplies:
    """What the presser of a button sees, by phrase, and when it can be pressed."""

    accepted: str  # the first press
    again: str  # the same press again
    per_person: bool = False  # everyone may press once; else the first press counts for all
    precondition: Precondition = _always  # raises `UserError` when it makes no sense now
    free: bool = False  # costs no call, and counts for nobody's budget
    dedupe_key: DedupeKey = _once  # another turn makes another press a new wish


@dataclass(frozen=True, kw_only=True)
class Button:
    """Something a person can press on a card."""

    action: str
    handler: ButtonHandler
    permission: Permission
    replies: ButtonReplies


class Router:
    """Commands and buttons, and those of the routers given. Two of one name are a mistake in the program."""

    def __init__(self, *parts: "Router") -> None:
        self.commands: list[Command] = []
        self.buttons: dict[str, Button] = {}
        self._by_length: list[tuple[str, Command]] = []  # plain words, the longest first
        for part in parts:
            for command in part.commands:
                self._add_command(command)
            for button in part.buttons.values():
                self._add_button(button)

    def command(
        self, *words: str, permission: Permission, zh: str, en: str, argument: Mapping[str, str] = NOTHING
    ) -> Callable[[CommandHandler], CommandHandler]:
        """Declare a command: its words, who may, its summaries for help, and what may follow it."""

        def declare(do: CommandHandler) -> CommandHandler:
            summary = {"zh-CN": zh, "en": en}
            self._add_command(
                Command(words=words, handler=do, permission=permission, argument=argument, summary=summary)
            )
            return do

        return declare

    def button(
        self, action: str, *, permission: Permission, replies: ButtonReplies
    ) -> Callable[[ButtonHandler], ButtonHandler]:
        """Declare a button: its id, who may, and what its presser sees."""

        def declare(do: ButtonHandler) -> ButtonHandler:
            self._add_button(Button(action=action, handler=do, permission=permission, replies=replies))
            return do

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
        """The command that a text begins with, the longest word first, and what follows it."""
        said = normalize(text)
        for word, command in self._by_length:
            rest = _after(said, word)
            if rest is not None:
                return command, _original_tail(text, rest)
        return None

    def nearest(self, text: str) -> str:
        """The command word most like what was typed, or ""."""
        said = normalize(text)
        words = {normalize(word): word for command in self.commands for word in command.words}
        for candidate in (said, said.split(" ")[0]):
            close = difflib.get_close_matches(candidate, words, n=1, cutoff=SIMILARITY_CUTOFF)
            if close:
                return words[close[0]]
        return ""


def normalize(text: str) -> str:
    """What was said, for comparing: half width, lower case, single blanks, without mentions and a leading
    slash."""
    return " ".join(normalize_display(text).casefold().split()).removeprefix("/").strip()


def normalize_display(text: str) -> str:
    """What was said, half width, without mentions and without characters that nobody sees."""
    folded = "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    return " ".join(word for word in folded.split() if not word.startswith("@"))


def _after(said: str, word: str) -> str | None:
    """What follows the word, or None. Chinese needs no blank behind it, English does."""
    if not said.startswith(word):
        return None
    rest = said[len(word) :]
    bounded = not rest or rest[0] in " ,，:：。.!！?？" or not word[-1].isascii()
    return rest.strip(" ,，:：。.!！?？") if bounded else None


def _original_tail(text: str, rest: str) -> str:
    """The same rest as the person wrote it, with its capitals."""
    said = normalize_display(text)
    found = re.search(re.escape(rest) + r"\W*$", said, re.IGNORECASE) if rest else None
    return said[found.start() : found.start() + len(rest)] if found else rest


def usages(commands: Sequence[Command], lang: str) -> list[dict[str, object]]:
    """The commands as help shows them."""
    return [
        {"words": command.words, "usage": command.argument[lang], "summary": command.summary[lang]}
        for command in commands
    ]
