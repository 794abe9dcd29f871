"""What the command line prints: Chinese unless the settings name English."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import bot
from bot.cli.language import in_language
from bot.errors import ConfigError, missing_extra
from tests.cards.test_catalogue import CHINESE, literal
from tests.config.test_loader import WRONG, read

CONFIG = sorted((Path(bot.__file__).parent / "config").rglob("*.py"))
SEEN_ABOVE = {"takes either cron or at, and x has x", "x, got x"}  # made of texts that are told in WRONG
ENGLISH = re.compile(r"\b(?:must|takes|is|has|needs|names|mentions|but|which|got|or|and|the)\b")
"""Words that our own texts have, and no setting."""
GIVEN = re.compile(r"'[^']*'|\"[^\"]*\"|: \*.*")
"""What stands in the file, as it is."""


@pytest.mark.parametrize(("text", "complaint"), WRONG)
def test_a_wrong_setting_is_told_in_chinese_with_the_same_place(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text)
    told = in_language(str(refused.value), None)
    assert told.startswith(re.findall(r"^config.yaml:\d+", str(refused.value))[0])
    assert CHINESE.search(told), complaint
    assert ENGLISH.findall(GIVEN.sub("", told)) == []


def errors_in(tree: ast.AST) -> Iterator[str]:
    """Yield the texts of the errors of the settings, with x for each value."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ValueError":
            yield from filter(None, map(literal, node.args[:1]))


TEXTS = {text for path in CONFIG for text in errors_in(ast.parse(path.read_text("utf-8")))}


@pytest.mark.parametrize("text", sorted(TEXTS - SEEN_ABOVE))
def test_every_error_of_a_setting_is_translated(text: str) -> None:
    separator = ":" if text.startswith(("is ", "cannot", "has more than")) else ""
    assert CHINESE.search(in_language(f"config.yaml:1: x.y{separator} {text}", None))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("environment: DINGRUN_REPORT is not a setting", "环境变量 DINGRUN_REPORT 不是设置项"),
        ("environment: DINGRUN_WEB__PORT: web.port must be a whole number, got 'x'",
         "环境变量 DINGRUN_WEB__PORT: web.port 要写整数，现在是 'x'"),
        ("file /run/secrets/DINGRUN_X: is empty: write the secret into it, or remove the file",
         "文件 /run/secrets/DINGRUN_X：是空的；把密钥写进去，或者删掉文件"),
        ("config.yaml: the file is empty; write settings into it, or remove it for the defaults",
         "config.yaml：文件是空的；写上设置，或者删掉它、使用默认值"),
        ("store.url: x.db cannot be used: unable to open database file",
         "store.url: x.db 用不了：unable to open database file"),
        ("web.port: 127.0.0.1:8780 cannot be served: Address already in use",
         "web.port：127.0.0.1:8780 用不了：Address already in use"),
        (str(missing_extra("store.url", "mongo")),
         "store.url 需要附加包：在 DingRun 的代码目录运行  pip install '.[mongo]'"),
        ("rnothing: 没有这个执行", "rnothing: 没有这个执行"),
    ],
)  # fmt: skip
def test_an_error_is_told_in_chinese(error: str, told: str) -> None:
    assert in_language(error, None) == told


@pytest.mark.parametrize("text", ["lang: en\nreports: {keep_days: x}", 'a: [\nlang: "en"  # for all'])
def test_settings_that_name_english_are_told_in_english(tmp_path: Path, text: str) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text, encoding="utf-8")
    assert in_language("config.yaml is not a setting", config) == "config.yaml is not a setting"


def test_a_variable_that_names_no_language_is_told_in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINGRUN_LANG", "fr")
    assert in_language("x is not a setting", None) == "x 不是设置项"


def test_the_variable_names_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINGRUN_LANG", "en")
    assert in_language("x is not a setting", None) == "x is not a setting"
