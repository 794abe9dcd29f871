"""Test the command `帮助` / `help`."""

import pytest

from handlers import router
from handlers.help import describe
from tests.conftest import CoreHarness


def test_english_help_shows_english_arguments() -> None:
    shown = describe(router.commands, "en")
    assert any(command["usage"] for command in shown)
    for command in shown:
        assert f"{command['usage']}{command['summary']}".isascii()


@pytest.mark.parametrize("word", ["帮助", "help", "?"])
async def test_help_shows_every_command_in_both_languages(core: CoreHarness, word: str) -> None:
    answer = await core.say(word)
    for command in router.commands:
        assert all(name in answer for name in command.words[:2])
