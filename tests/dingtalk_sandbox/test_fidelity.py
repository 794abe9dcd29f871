"""Every rule of docs/fidelity.md names a test that exists."""

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROWS = re.findall(
    r"\| (test_\w+\.py)::(\w+) \|$", (HERE.parents[1] / "docs/fidelity.md").read_text("utf-8"), re.M
)
TABLE_LINE = re.compile(r"^\| (?!rule)", re.M)


@pytest.mark.parametrize(("file", "name"), ROWS)
def test_the_test_of_a_rule_is_there(file: str, name: str) -> None:
    tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
    assert name in {n.name for n in tree.body if isinstance(n, ast.AsyncFunctionDef | ast.FunctionDef)}


def test_every_row_has_its_test() -> None:
    text = (HERE.parents[1] / "docs/fidelity.md").read_text(encoding="utf-8")
    assert len(TABLE_LINE.findall(text)) == len(ROWS)
