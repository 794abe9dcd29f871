"""A person who types answers without a terminal: a dialogue whose questions are answered from a list."""

import io

import pytest
from rich.console import Console

from bot.cli.init.dialogue import Dialogue


class TypedDialogue(Dialogue):
    """A dialogue that answers come for in order. `shown` is all that it printed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: str, lang: str = "en") -> None:
        self._screen = io.StringIO()
        super().__init__(
            lang, interactive=True, console=Console(file=self._screen, width=200, soft_wrap=True)
        )
        left = iter(answers)

        def next_answer(_: str = "") -> str:
            answer = next(left, None)
            if answer is None:
                raise EOFError
            return answer

        monkeypatch.setattr("builtins.input", next_answer)
        monkeypatch.setattr("bot.cli.init.dialogue.getpass", next_answer)

    @property
    def shown(self) -> str:
        return self._screen.getvalue()
