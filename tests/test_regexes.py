"""Check that no regular expression takes more than linear time on text from outside.

Whoever runs a scanned host writes that text. Two unbounded repeats in one pattern can backtrack for quadratic
time or worse. Each pattern with two or more is listed in `REVIEWED` with the reason why it is safe. Every
other pattern is safe by its shape.
"""

import ast
import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from bot.engines.arl.client import parse_answer
from bot.engines.arl.documents import is_address
from bot.errors import TemporaryError
from bot.telemetry.logging import RedactingFormatter
from bot.workbook.masking import mask_text

kinds: Any = import_module("re._constants")
parser: Any = import_module("re._parser")
ROOT = Path(__file__).parent.parent
PACKAGES = ("bot", "handlers", "cards", "dingtalk_sandbox", "arl_sandbox")
MAX_BOUNDED_REPEATS = 1000  # a repeat with a higher limit counts as unbounded
RE_FUNCTIONS = {
    f"re.{verb}"
    for verb in ("compile", "search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer")
}

SEPARATED = "its repeats are separated by characters that they do not match"
OWN_OUTPUT = "reads text that DingRun wrote, with foreign text escaped"
SETTINGS_ONLY = "reads a setting"
REVIEWED = {
    "bot/engines/arl/documents.py": (1, SEPARATED),
    "bot/engines/router.py": (1, SEPARATED),
    "arl_sandbox/documents.py": (2, SEPARATED),
    "arl_sandbox/api/exports.py": (1, "reads at most twenty characters"),
    "bot/targets.py": (1, SETTINGS_ONLY),
    "bot/workbook/masking.py": (1, SEPARATED),
    "bot/workbook/splitter.py": (5, OWN_OUTPUT),
    "bot/config/types.py": (2, SETTINGS_ONLY),
    "bot/config/reports.py": (1, SETTINGS_ONLY),
    "bot/config/reference.py": (1, OWN_OUTPUT),
    "dingtalk_sandbox/validation/media.py": (1, SEPARATED),
}


def literal(node: ast.expr) -> str:
    """Return the pattern as written, with `x` for each interpolated value."""
    if isinstance(node, ast.Constant):
        return node.value.decode("latin-1") if isinstance(node.value, bytes) else str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(literal(part) if isinstance(part, ast.Constant) else "x" for part in node.values)
    if isinstance(node, ast.BinOp):
        return literal(node.left) + literal(node.right)
    return "x"


def patterns() -> Iterator[tuple[str, str]]:
    """Yield the file and the text of every pattern in the code."""
    for path in sorted(path for top in PACKAGES for path in (ROOT / top).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in RE_FUNCTIONS:
                yield path.relative_to(ROOT).as_posix(), literal(node.args[0])


def unbounded(parsed: Sequence[Any]) -> int:
    """Count the unbounded repeats on the alternative that has the most."""
    return sum(count_unbounded(kind, given) for kind, given in parsed)


def count_unbounded(kind: Any, given: Any) -> int:
    if kind in {kinds.MAX_REPEAT, kinds.MIN_REPEAT}:
        return int(given[1] > MAX_BOUNDED_REPEATS) + unbounded(given[2])
    if kind is kinds.SUBPATTERN:
        return unbounded(given[-1])
    if kind is kinds.BRANCH:
        return max(unbounded(each) for each in given[1])
    if kind in {kinds.ASSERT, kinds.ASSERT_NOT}:
        return unbounded(given[1])
    return 0


def test_a_pattern_has_one_unbounded_repeat_at_most() -> None:
    risky = Counter(file for file, pattern in patterns() if unbounded(parser.parse(pattern)) > 1)
    assert risky == {file: count for file, (count, _) in REVIEWED.items()}


def test_the_rule_finds_patterns_that_backtrack() -> None:
    assert unbounded(parser.parse(r"<title[^>]*>(.*?)</title")) == 2
    assert unbounded(parser.parse(r"(a+)+|x")) == 2


COUNT = 50_000


@pytest.mark.parametrize(
    "attack",
    ["password:" * COUNT, "://:" * COUNT, "://a:" + "b" * COUNT, "token " * COUNT, 'key="' * COUNT,
     "authorization: bearer" + " " * COUNT, "sign" + " " * COUNT, "session:" + " " * COUNT, "SEC" * COUNT],
)  # fmt: skip
def test_masking_secrets_takes_linear_time(attack: str) -> None:
    started = time.process_time()
    mask_text(attack)
    RedactingFormatter().format(logging.makeLogRecord({"msg": attack}))
    assert time.process_time() - started < 2


def test_reading_answers_of_arl_takes_linear_time() -> None:
    started = time.process_time()
    with pytest.raises(TemporaryError):
        parse_answer(200, b'{"code": 500, "message": "' + b"error:" * COUNT + b'"}')
    assert not is_address("1." * COUNT)
    assert time.process_time() - started < 2
