"""The catalogue: every text in each language, and reasons and errors in the language of the reader."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import bot
from bot.delivery.payload import Obstacle
from bot.errors import ConfigError, DingRunError, PermanentError, TemporaryError
from bot.reasons import Reason, reason
from cards.catalogue import WORDS, display_name, explain, load_topic, without_details
from cards.environment import LANGUAGES, TEMPLATES, load_phrases
from cards.summary import MARK_ALARM, MARK_STOPPED, MARK_SUCCESS, MARK_WARNING, STATUS_MARKS

CODE = Path(bot.__file__).parent
RAISED = re.compile(r"(Temporary|Permanent)Error|RateLimited|NotBilled")
OPERATORS_ONLY = {
    CODE / "cli" / f"{name}.py" for name in ("backup", "backup_file", "export", "resend", "restore")
}
OPERATORS_ONLY |= set((CODE / "cli" / "check").glob("*.py"))
CHINESE = re.compile("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
PLAIN = {kind.__init__ for kind in (DingRunError, TemporaryError, PermanentError)}
TOPICS = sorted(path.stem for path in WORDS.glob("*.yaml"))


@pytest.mark.parametrize("topic", TOPICS)
def test_every_text_is_there_in_each_language(topic: str) -> None:
    for key, texts in load_topic(topic).items():
        assert set(texts) == set(LANGUAGES), key
        assert all(texts.values()), key
        assert not CHINESE.search(texts["en"]), key


@pytest.mark.parametrize("topic", TOPICS)
def test_a_text_takes_the_same_values_in_each_language(topic: str) -> None:
    for key, texts in load_topic(topic).items():
        fields = {lang: set(re.findall(r"\{(\w+)\}", text)) for lang, text in texts.items()}
        assert fields["en"] == fields["zh-CN"], key


def codes_in(tree: ast.AST) -> Iterator[str]:
    """Yield the codes that are passed to `reason`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "reason":
            yield from (str(arg.value) for arg in node.args if isinstance(arg, ast.Constant))


def errors_in(tree: ast.AST) -> Iterator[str]:
    """Yield the texts of the errors that are raised, with x for each value."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and RAISED.search(node.func.id):
            yield from filter(None, map(literal, node.args[:1]))


def literal(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    parts = node.values if isinstance(node, ast.JoinedStr) else []
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in parts)


SOURCES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(CODE.rglob("*.py"))}
CODES = sorted({code for tree in SOURCES.values() for code in codes_in(tree)})
ERRORS = sorted({
    text for path, tree in SOURCES.items() if path not in OPERATORS_ONLY for text in errors_in(tree)
})


@pytest.mark.parametrize("code", CODES)
def test_every_reason_has_a_text(code: str) -> None:
    assert code in load_topic("reasons")


@pytest.mark.parametrize("text", ERRORS)
def test_every_error_is_translated(text: str) -> None:
    assert CHINESE.search(explain(text, "zh-CN"))
    assert explain(text, "en") == text


@pytest.mark.parametrize("obstacle", Obstacle)
def test_every_reason_for_sending_nothing_is_translated(obstacle: Obstacle) -> None:
    assert CHINESE.search(explain(str(obstacle), "zh-CN"))
    assert explain(str(obstacle), "en") == obstacle


def kinds_of_errors(kind: type[DingRunError] = DingRunError) -> Iterator[type[DingRunError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from kinds_of_errors(each)


def test_errors_that_are_raised_without_a_text_are_translated_as_well() -> None:
    kinds = [each for each in kinds_of_errors() if each.__init__ in PLAIN and each is not ConfigError]
    texts = {str(kind()) for kind in kinds if kind.__module__.startswith("bot.")}
    assert len(texts) >= 9
    assert {text for text in texts if not CHINESE.search(explain(text, "zh-CN"))} == set()


@pytest.mark.parametrize(
    ("stored", "chinese", "english"),
    [
        (reason("no_target"), "计划没有目标", "the schedule has no targets"),
        (
            reason("connection_refused", ports="80, 443"),
            "连接被拒绝（80, 443）",
            "connection refused (80, 443)",
        ),
        (reason("connection_refused"), "连接被拒绝", "connection refused"),
        (reason("failed_in_arl", why=None), "在 ARL 里执行失败", "failed in ARL"),
        ("the report cannot be written: its process died", "报告写不出来：进程意外退出", None),
        (
            "DingTalk answered 310000 x is the app published, and the robot in this group?",
            "钉钉返回 310000 x。应用发布了吗？机器人在这个群里吗？",
            None,
        ),
        ("系统重启", "系统重启", "系统重启"),
        ("no_such_code", "no_such_code", "no_such_code"),
        ('no_target {"a', 'no_target {"a', 'no_target {"a'),
        ("连接被拒绝 / connection refused (80)",) + ("连接被拒绝 / connection refused (80)",) * 2,
        ("", "", ""),
    ],
)
def test_a_stored_reason_is_told_in_the_language(stored: str, chinese: str, english: str | None) -> None:
    assert explain(stored, "zh-CN") == chinese
    assert explain(stored, "en") == (stored if english is None else english)


def test_a_value_never_becomes_a_template() -> None:
    stored = reason("refused_by_arl", words="{words} [{x}] %s")
    assert explain(stored, "en") == "ARL refused: {words} [{x}] %s"


def test_details_are_left_out_where_the_text_makes_sense_without_them() -> None:
    assert without_details(reason("connection_refused", ports=80)) == reason("connection_refused")
    stuck = reason("task_stuck", hours=24, stage="x")
    assert (without_details(stuck), without_details("x")) == (stuck, "x")


def test_a_reason_is_read_as_it_was_stored() -> None:
    stored = reason("task_stuck", hours=24, stage="端口 {扫描}")
    assert Reason.parse(stored) == Reason(code="task_stuck", values={"hours": "24", "stage": "端口 {扫描}"})


def test_an_unknown_kind_keeps_its_name() -> None:
    assert display_name("planet", "zh-CN") == "planet"


PHRASES = [(key, lang, text) for key, texts in load_phrases().items() for lang, text in texts.items()]
PAGES = [(path.name, path.parent.name, path.read_text("utf-8")) for path in TEMPLATES.glob("*/*.md")]
DRAWN_EVERYWHERE = set("✅❌⏳⚠🔴⚪📋")  # emoji of Unicode 6.0 or earlier, which every platform draws
PICTURES = re.compile("[\u203c\u2049\u20e3\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\U0001f000-\U0001ffff]")


@pytest.mark.parametrize(("name", "lang", "text"), PHRASES + PAGES)
def test_no_line_is_in_two_languages(name: str, lang: str, text: str) -> None:
    if lang == "en":
        assert not CHINESE.search(text)
    assert not re.search(r"[\u4e00-\u9fff] ?(/ ?[a-zA-Z]|\([a-z ]+\))", text)


STORED = re.compile(r"\{\{[^}]*\b(?:why|reason|error_msg|export_error|trouble|said)\b[^}]*\}\}")
IN_WORDS_ALREADY = {
    "{{ entry.said | cut(40) | exact }}",
    "{{ entry.said | cut(200) | exact }}",
    "{{ why }}",
    "{{ said }}",
}


@pytest.mark.parametrize(("name", "lang", "text"), PHRASES + PAGES)
def test_a_stored_reason_is_never_shown_as_it_is(name: str, lang: str, text: str) -> None:
    shown = set(STORED.findall(text)) - IN_WORDS_ALREADY
    assert {each for each in shown if "| reason" not in each and "said |" not in each} == set()


@pytest.mark.parametrize(("name", "lang", "text"), PHRASES + PAGES)
def test_emoji_are_those_that_every_platform_draws(name: str, lang: str, text: str) -> None:
    assert set(PICTURES.findall(text)) <= DRAWN_EVERYWHERE
    assert "\u200d" not in text


def test_marks_of_runs_are_drawn_everywhere() -> None:
    marks = {MARK_SUCCESS, MARK_STOPPED, MARK_WARNING, MARK_ALARM, *STATUS_MARKS.values()}
    assert {mark.removesuffix("\ufe0f") for mark in marks} <= DRAWN_EVERYWHERE
