"""Questions, and what is made of the answers."""

from collections.abc import Sequence

import pytest

from bot.cli.init.dialogue import Dialogue, required
from bot.errors import ConfigError
from tests.cli.init.typing_person import TypedDialogue

CHOICES = {"a": "first", "b": "second"}


def test_an_answer_that_is_refused_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    dialogue = TypedDialogue(monkeypatch, "x", "7")
    assert dialogue.ask("targets_cron", option="--cron", parse=int) == 7
    assert "Not accepted: invalid literal" in dialogue.shown


def test_half_a_character_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal without IUTF8 deletes one byte of a Chinese character."""
    half = "\udce6\udcaf"  # as Python reads such bytes from a terminal
    dialogue = TypedDialogue(monkeypatch, half, "巡检", half, "s3cret")
    assert dialogue.ask("targets_name", option="--name", parse=required) == "巡检"
    assert dialogue.ask_secret("client_secret", option="") == "s3cret"
    assert dialogue.shown.count("half a character") == 2


def test_enter_takes_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    dialogue = TypedDialogue(monkeypatch, "", "", "")
    assert dialogue.ask("targets_cron", option="--cron", parse=required, default="0 3 * * *") == "0 3 * * *"
    assert dialogue.ask_secret("client_secret", option="", known="s3cret-of-before") == "s3cret-of-before"
    assert dialogue.choose("watch_way", CHOICES, default="b") == "b"
    assert "s3cret-of-before" not in dialogue.shown


@pytest.mark.parametrize(("answers", "chosen"), [(["2"], "b"), (["3", "0", "b", "1"], "a")])
def test_a_choice_is_made_by_its_number(
    monkeypatch: pytest.MonkeyPatch, answers: Sequence[str], chosen: str
) -> None:
    assert TypedDialogue(monkeypatch, *answers).choose("watch_way", CHOICES, default="a") == chosen


@pytest.mark.parametrize(
    ("answers", "agreed"), [(["y"], True), (["否"], False), (["perhaps", "N"], False), ([""], True)]
)
def test_yes_and_no_are_taken_in_both_languages(
    monkeypatch: pytest.MonkeyPatch, answers: Sequence[str], agreed: bool
) -> None:
    assert TypedDialogue(monkeypatch, *answers).confirm("watch_more") is agreed


def test_without_a_terminal_defaults_are_taken_and_the_rest_is_named() -> None:
    dialogue = Dialogue("zh-CN", interactive=False)
    assert dialogue.choose("watch_way", CHOICES, default="b") == "b"
    assert dialogue.confirm("watch_more", default=False) is False
    assert dialogue.ask("targets_cron", option="--cron", parse=required, default="x") == "x"
    with pytest.raises(ConfigError, match="--cron is missing"):
        dialogue.ask("targets_cron", option="--cron", parse=required)
    with pytest.raises(ConfigError, match="--cron invalid literal"):
        dialogue.ask("targets_cron", option="--cron", parse=int, given="x")


def test_names_of_others_cannot_command_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    dialogue = TypedDialogue(monkeypatch)
    dialogue.say("heard_other_text", name="\x1b[2Jx[bold]")
    assert "\x1b[2J" not in dialogue.shown
    assert "x[bold]" in dialogue.shown
