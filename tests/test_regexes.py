"""No regex may take more than linear time over text from outside: whoever runs a scanned host writes it.

Two unbounded repeats in one pattern can take quadratic time or worse. Each pattern that has them stands here
with what makes it safe, or the text it reads; every other one is safe by its shape.
"""

import ast
import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from re import _constants as kinds  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest

from bot.engines.arl.client import understood
from bot.engines.arl.documents import is_address
from bot.errors import TemporaryError
from bot.telemetry.logging import RedactingFormatter
from bot.workbook.masking import text_masked

ROOT = Path(__file__).parent.parent
TOPS = ("bot", "handlers", "cards", "dingtalk_sandbox", "arl_sandbox")
MANY = 1000  # repeats up to here count as bounded
VERBS = {
    f"re.{verb}"
    for verb in ("compile", "search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer")
}

APART = "the repeats are kept apart by signs that they do not take themselves"
OURS = "reads what we wrote ourselves, in which text from outside is escaped"
SETTING = "reads a setting"
SAFE = {
    "bot/engines/arl/documents.py": (1, APART),
    "arl_sandbox/documents.py": (2, APART),
    "arl_sandbox/api/exports.py": (1, "reads twenty letters"),
    "bot/targets.py": (1, SETTING),
    "bot/workbook/masking.py": (1, APART),
    "bot/workbook/splitter.py": (5, OURS),
    "bot/config/types.py": (2, SETTING),
    "bot/config/reports.py": (1, SETTING),
    "bot/config/reference.py": (1, OURS),
    "dingtalk_sandbox/validation/media.py": (1, APART),
}


def literal(node: ast.expr) -> str:
    """The pattern as it is written, with a letter for what is put into it."""
    if isinstance(node, ast.Constant):
        return node.value.decode("latin-1") if isinstance(node.value, bytes) else str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(literal(part) if isinstance(part, ast.Constant) else "x" for part in node.values)
    if isinstance(node, ast.BinOp):
        return literal(node.left) + literal(node.right)
    return "x"


def patterns() -> Iterator[tuple[str, str]]:
    """Every pattern of the code, with its file."""
    for path in sorted(path for top in TOPS for path in (ROOT / top).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in VERBS:
                yield path.relative_to(ROOT).as_posix(), literal(node.args[0])


def unbounded(parsed: Sequence[Any]) -> int:
    """Repeats without an end, on the way that has most of them."""
    return sum(weight(kind, given) for kind, given in parsed)


def weight(kind: Any, given: Any) -> int:
    if kind in {kinds.MAX_REPEAT, kinds.MIN_REPEAT}:
        return int(given[1] > MANY) + unbounded(given[2])
    if kind is kinds.SUBPATTERN:
        return unbounded(given[-1])
    if kind is kinds.BRANCH:
        return max(unbounded(each) for each in given[1])
    if kind in {kinds.ASSERT, kinds.ASSERT_NOT}:
        return unbounded(given[1])
    return 0


def test_a_pattern_has_one_unbounded_repeat_at_most() -> None:
    risky = Counter(file for file, pattern in patterns() if unbounded(parser.parse(pattern)) > 1)
    assert risky == {file: count for file, (count, _) in SAFE.items()}


def test_the_rule_sees_what_once_froze_the_loop() -> None:
    assert unbounded(parser.parse(r"<title[^>]*>(.*?)</title")) == 2
    assert unbounded(parser.parse(r"(a+)+|x")) == 2


LONG = 50_000


@pytest.mark.parametrize(
    "attack",
    ["password:" * LONG, "://:" * LONG, "://a:" + "b" * LONG, "token " * LONG, 'key="' * LONG,
     "authorization: bearer" + " " * LONG, "sign" + " " * LONG, "session:" + " " * LONG, "SEC" * LONG],
)  # fmt: skip
def test_what_hides_secrets_takes_no_time(attack: str) -> None:
    began = time.process_time()
    text_masked(attack)
    RedactingFormatter().format(logging.makeLogRecord({"msg": attack}))
    assert time.process_time() - began < 2


def test_what_arl_says_takes_no_time() -> None:
    began = time.process_time()
    with pytest.raises(TemporaryError):
        understood(200, b'{"code": 500, "message": "' + b"error:" * LONG + b'"}')
    assert not is_address("1." * LONG)
    assert time.process_time() - began < 2
