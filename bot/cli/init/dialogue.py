"""Questions and answers of `dingrun init`, in one language, with or without colours or a terminal."""

import os
from collections.abc import Callable, Mapping
from getpass import getpass
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.text import Text

from bot.errors import ConfigError
from bot.telemetry.logging import for_terminal
from cards.catalogue import explain, load_words

TOPIC = "init"
YES, NO = frozenset({"y", "yes", "是", "好"}), frozenset({"n", "no", "否", "不"})

T = TypeVar("T")


class Dialogue:
    """Questions to a person. Without a terminal nothing is asked: each answer comes as an option.

    Args:
        lang: `zh-CN` or `en`.
        interactive: False takes the default of each question, and raises `ConfigError` where there is none.
        console: Where texts go. rich keeps to NO_COLOR and TERM=dumb.
    """

    def __init__(self, lang: str, *, interactive: bool, console: Console | None = None) -> None:
        self.lang = lang
        self.interactive = interactive
        self.console = console or Console(highlight=False, soft_wrap=True)

    def text(self, key: str, /, **values: object) -> str:
        """Return a text of `cards/words/init.yaml`."""
        return load_words(TOPIC, self.lang)[key].format(**values)

    def explain(self, error: Exception) -> str:
        """Return the text of an error in the language of the dialogue."""
        return explain(str(error), self.lang)

    def say(self, key: str, /, *, style: str = "", **values: object) -> None:
        """Print a text."""
        self.show(self.text(key, **values), style=style)

    def show(self, text: str, *, style: str = "") -> None:
        """Print lines as they are, with secrets masked and control characters escaped."""
        self.console.print(Text(for_terminal(text), style=style))

    def show_once(self, line: str) -> None:
        """Print a line of our own that holds a new key, which is kept nowhere."""
        self.console.print(Text(line), soft_wrap=True)

    def heading(self, key: str) -> None:
        """Print the name of a step."""
        self.console.print()
        self.say(key, style="bold")

    def ask(
        self,
        key: str,
        *,
        option: str,
        parse: Callable[[str], T],
        given: str | None = None,
        default: str = "",
    ) -> T:
        """Return what `parse` makes of the answer. An answer that it refuses by `ValueError` is asked again.

        `given` is the answer of the command line. Raises `ConfigError` if that is refused, or if there is
        neither an answer nor a default nor a terminal.
        """
        if given is not None or not self.interactive:
            return self._without_asking(given if given is not None else default, option, parse)
        prompt = f"{self.text(key)}{f' [{default}]' if default else ''}: "
        return self._ask_until_valid(lambda: self._input(prompt), parse, default)

    def ask_secret(self, key: str, *, option: str, given: str | None = None, known: str = "") -> str:
        """Return a secret, typed without an echo. Enter keeps the one that is known."""
        if given is not None or not self.interactive:
            return self._without_asking(given or known, option, required)
        prompt = f"{self.text(key)}{self.text('keep_secret') if known else ''}: "
        return self._ask_until_valid(lambda: getpass(prompt), required, known)

    def choose(self, key: str, choices: Mapping[str, str], *, default: str, given: str | None = None) -> str:
        """Return the name of one of several choices, whose texts are numbered."""
        names = list(choices)
        if given is not None or not self.interactive:
            return given or default
        self.say(key)
        for number, text in enumerate(choices.values(), 1):
            self.show(f"  {number}. {text}")

        def parse(answer: str) -> str:
            if not answer.isdecimal() or not 0 < int(answer) <= len(names):
                raise ValueError(self.text("takes_number", most=len(names)))
            return names[int(answer) - 1]

        return self.ask("choice", option="", parse=parse, default=str(names.index(default) + 1))

    def confirm(self, key: str, /, *, default: bool = True, **values: object) -> bool:
        """Ask yes or no. Without a terminal, return the default."""
        if not self.interactive:
            return default
        self.show(self.text(key, **values))

        def parse(answer: str) -> bool:
            if answer.lower() not in YES | NO:
                raise ValueError(self.text("takes_yes_or_no"))
            return answer.lower() in YES

        return self.ask("yes_or_no", option="", parse=parse, default="y" if default else "n")

    def _without_asking(self, answer: str, option: str, parse: Callable[[str], T]) -> T:
        if not answer:
            raise ConfigError(f"{option} is missing: without a terminal, answers come as options")
        try:
            return parse(answer)
        except ValueError as error:
            raise ConfigError(f"{option} {error}") from None

    def _ask_until_valid(self, read: Callable[[], str], parse: Callable[[str], T], default: str) -> T:
        while True:
            try:
                answer = read()
                answer.encode()
                return parse(answer.strip() or default)
            except UnicodeError:  # half of a character is left where a terminal deletes by bytes
                self.say("try_again", style="red", why=self.text("takes_utf8"))
            except ValueError as error:
                self.say("try_again", style="red", why=self.explain(error))

    def _input(self, prompt: str) -> str:
        self.console.print(Text(for_terminal(prompt), style="cyan"), end="")
        return input()


def required(answer: str) -> str:
    """Take any answer but none."""
    if not answer:
        raise ValueError("needs an answer")
    return answer


def validated(kind: TypeAdapter[T], answer: str) -> T:
    """Return the answer as the settings take it. Raises `ValueError` with what is accepted."""
    try:
        return kind.validate_python(required(answer))
    except ValidationError as error:
        raise ValueError(first_problem(error)) from None


def first_problem(error: ValidationError) -> str:
    """Return what is wrong by the first error, to be appended to the key."""
    problem = error.errors()[0]
    return str(problem.get("ctx", {}).get("error", problem["msg"]))


def is_terminal() -> bool:
    """Return True if a person sits there: questions can be asked and answers typed."""
    return os.isatty(0) and os.isatty(1)
