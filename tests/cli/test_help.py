"""What `--help` and wrong words are answered: Chinese unless the settings name English."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bot.__main__ import main
from bot.cli.help import paragraphs
from bot.workbook.cells import display_width
from cards.catalogue import explain_help, load_topic
from tests.cards.test_catalogue import CHINESE

NOT_OURS = {"sandbox"}  # its options are those of `dingtalk-sandbox`, for developers
CLICK = {"Usage", "Options", "Commands", "default"}


def commands(command: click.Command, *words: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield each command with the words that call it."""
    yield words, command
    for name, each in command.commands.items() if isinstance(command, click.Group) else ():
        yield from commands(each, *words, name)


def texts(command: click.Command) -> Iterator[str]:
    """Yield the English texts of the help of a command."""
    yield from paragraphs(command.help)
    yield from filter(None, [command.epilog])
    for option in command.get_params(click.Context(command)):
        yield from filter(None, [option.help]) if isinstance(option, click.Option) else ()


COMMANDS = dict(commands(main))
TEXTS = {text for command in COMMANDS.values() for text in texts(command)}
SHOWN = [words for words in COMMANDS if words[:1] not in [(name,) for name in NOT_OURS]]


def shown(*words: str, lang: str = "", columns: int = 80) -> str:
    """Return what `--help` of a command prints on a terminal."""
    env = {"DINGRUN_LANG": lang or None}
    done = CliRunner().invoke(main, [*words, "--help"], prog_name="dingrun", env=env, terminal_width=columns)
    return done.stdout


@pytest.mark.parametrize("text", sorted(TEXTS))
def test_each_text_of_the_help_is_translated(text: str) -> None:
    assert explain_help(text, "zh-CN") != text
    assert explain_help(text, "en") == text


def test_no_text_is_translated_that_the_help_does_not_have() -> None:
    assert {each["en"] for each in load_topic("help").values()} - TEXTS == CLICK


@pytest.mark.parametrize("words", SHOWN, ids=" ".join)
@pytest.mark.parametrize("columns", [60, 80])
def test_the_help_is_chinese_and_no_line_is_wider_than_the_terminal(
    words: tuple[str, ...], columns: int
) -> None:
    said = shown(*words, columns=columns)
    assert said.startswith(" ".join(["用法: dingrun", *words]))
    assert CHINESE.search(said.splitlines()[2])
    assert {line for line in said.splitlines() if display_width(line) > columns} == set()


@pytest.mark.parametrize("words", SHOWN, ids=" ".join)
def test_the_help_is_english_where_the_environment_says_so(words: tuple[str, ...]) -> None:
    said = shown(*words, lang="en")
    assert said.startswith(" ".join(["Usage: dingrun", *words]))
    assert not CHINESE.search(said)


def test_the_help_is_english_where_the_settings_say_so(tmp_path: Path) -> None:
    settings = tmp_path / "config.yaml"
    settings.write_text("lang: en\n", encoding="utf-8")
    assert "Test the settings" in shown("--config", str(settings), "check")


def test_marks_stay_with_their_words_and_conditions_on_one_line() -> None:
    for columns in range(55, 100):
        lines = [line.strip() for line in shown("demo", columns=columns).splitlines()]
        assert not [line for line in lines if line.startswith(("，", "。", "、", "；", "：", "）"))]
        assert "[默认: embedded]" in "\n".join(lines)


def test_each_command_is_listed_with_all_that_it_does() -> None:
    listed = shown(lang="en", columns=200)
    assert "check    Test the settings, this machine and every connection. Without --send, sends" in listed
    assert "English: DINGRUN_LANG=en dingrun --help" in shown()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("rn", "没有 'rn' 这个命令。"),
        ("api kye", "没有 'kye' 这个命令，是不是 'key'？"),
        ("--confg x", "没有 '--confg' 这个选项，是不是 '--config'？"),
        ("check --sned x", "没有 '--sned' 这个选项，是不是其中之一：'--json', '--send'？"),
        ("watch", "缺少 'URL'。"),
        ("check --send", "'--send' 后面要写值。"),
        ("--config", "'--config' 后面要写值。"),
        ("check --json=1", "'--json' 后面不能写值。"),
        ("export a b", "多了 b。"),
        ("export a b c", "多了 b c。"),
        ("demo --port x", "'--port' 要写整数，现在是 'x'。"),
        ("demo --port 99999", "'--port' 要在 0<=x<=65535 之内，现在是 99999。"),
        ("audit --format x", "'--format' 只能是 'table'、'jsonl'，现在是 'x'。"),
        ("init --wait x", "'--wait' 要写数字，现在是 'x'。"),
        ("init --arl-key-file nix", "'--arl-key-file'：没有文件 'nix'。"),
        ("check --groups", "--groups 要和 --send STAFFID 一起用。"),
    ],
)
def test_wrong_words_are_told_in_the_language(words: str, told: str) -> None:
    done, in_english = (
        CliRunner().invoke(main, words.split(), prog_name="dingrun", env={"DINGRUN_LANG": lang})
        for lang in ("zh-CN", "en")
    )
    assert (done.exit_code, in_english.exit_code) == (2, 2)
    assert done.stderr.splitlines()[-1] == told
    assert not CHINESE.search(in_english.stderr)


def test_wrong_words_are_told_with_the_command_that_helps() -> None:
    done = CliRunner().invoke(main, ["watch"], prog_name="dingrun")
    assert done.stderr == "用法: dingrun watch [OPTIONS] URL\n请看 dingrun watch --help\n缺少 'URL'。\n"


def test_a_group_without_a_command_shows_its_help() -> None:
    done = CliRunner().invoke(main, ["api"], prog_name="dingrun")
    assert (done.exit_code, done.output) == (2, shown("api"))
