"""Expression variables (card "03/0005"): `submitted ? "done" : "submit"`, `subdataIndex() + 1`.

The pages do not list the functions; those of the public examples and their neighbours are emulated.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol

from dingtalk_sandbox.templates.values import as_number, as_text, difference, find_path, is_equal, is_true

MAX_LENGTH = 2000
MAX_DEPTH = 40
MAX_OPERATIONS = 100
MAX_RESULT_LENGTH = 20_000
TOKEN = re.compile(
    r"""\s{0,99}(?:(\d{1,15}(?:\.\d{1,15})?)|"((?:[^"\\]|\\.){0,999})"|'((?:[^'\\]|\\.){0,999})'"""
    r"""|([A-Za-z_]\w{0,99}(?:\.\w{1,99}|\[\d{1,6}\]){0,20})"""
    r"""|(&&|\|\||[=!]==?|[<>]=?|[-+*/%!?:,()\[\]]))""",
    re.ASCII,
)
ESCAPE = re.compile(r"\\(.)")
ESCAPES = {"n": "\n", "t": "\t"}
WORDS = {"true": True, "false": False, "null": None, "undefined": None}
LEVELS = (("||",), ("&&",), ("==", "===", "!=", "!=="), ("<", "<=", ">", ">="), ("+", "-"), ("*", "/", "%"))


class ExpressionError(Exception):
    """An expression that the sandbox cannot read."""


class Names(Protocol):
    """The names that an expression can refer to."""

    def value(self, path: str) -> Any:
        """Return the value of a variable."""

    def item(self, levels_up: int) -> Any:
        """Return the item of the nearest loop, or of one further out."""

    def index(self) -> int:
        """Return the position in the nearest loop, from 0."""


Compiled = Callable[[Names], Any]
Function = Callable[..., Any]
_NOTHING: Compiled = lambda _: None  # noqa: E731 - a node


def _item_value(levels_up: int) -> Function:
    return lambda names, path: find_path(names.item(levels_up), as_text(path))


def _array_get(_: Names, items: Any, at: Any) -> Any:
    return find_path(items, as_text(at))


def _join(_: Names, items: Any, separator: Any = ",") -> str:
    return as_text(separator).join(map(as_text, items)) if isinstance(items, list) else ""


FUNCTIONS: dict[str, Function] = {
    "toStr": lambda _, value: as_text(value),
    "toNumber": lambda _, value: as_number(value),
    "toLong": lambda _, value: int(as_number(value) or 0),
    "toDouble": lambda _, value: as_number(value),
    "concat": lambda _, *parts: "".join(map(as_text, parts)),
    "subdata": _item_value(0),
    "parentSubdata": _item_value(1),
    "subdataIndex": lambda names: names.index(),
    "arrayGet": _array_get,
    "objectGet": _array_get,
    "arrayJoin": _join,
    "len": lambda _, value: len(value) if isinstance(value, str | list | dict) else 0,
    "arrayLength": lambda _, value: len(value) if isinstance(value, list) else 0,
}


@lru_cache(maxsize=512)
def compile_expression(source: str) -> Compiled:
    """Compile an expression. Raises `ExpressionError` that says what cannot be read."""
    if len(source) > MAX_LENGTH:
        raise ExpressionError(f"longer than {MAX_LENGTH} characters")
    parser = _Parser(_tokens(source))
    compiled = parser.ternary()
    parser.expect_end()
    return compiled


def evaluate(source: str, names: Names) -> Any:
    """Return the value of an expression, or None if it cannot be read or computed."""
    try:
        value = compile_expression(source)(names)
    except (ExpressionError, TypeError, ValueError, ArithmeticError, RecursionError):
        return None
    return value[:MAX_RESULT_LENGTH] if isinstance(value, str) else value


def _tokens(source: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    at, end = 0, len(source.rstrip())
    while at < end:
        match = TOKEN.match(source, at)
        if match is None:
            raise ExpressionError(f"unexpected {source[at : at + 10]!r}")
        number, double, single, name, sign = match.groups()
        text = double if double is not None else single
        if number is not None:
            found.append(("value", float(number) if "." in number else int(number)))
        elif text is not None:
            found.append(("value", ESCAPE.sub(lambda m: ESCAPES.get(m[1], m[1]), text)))
        else:
            found.append(("name", name) if name is not None else ("sign", sign))
        at = match.end()
    return found


class _Parser:
    """Recursive descent over tokens. Each method returns a function of the names."""

    def __init__(self, tokens: list[tuple[str, Any]]) -> None:
        self._tokens, self._at, self._depth = tokens, 0, 0
        if (
            sum(value in OPERATORS or value in LOGICAL for kind, value in tokens if kind == "sign")
            > MAX_OPERATIONS
        ):
            raise ExpressionError(f"more than {MAX_OPERATIONS} operations")

    def _peek(self) -> Any:
        kind, value = self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")
        return value if kind == "sign" else None

    def _take(self, *signs: str) -> str:
        if (sign := self._peek()) in signs and sign is not None:
            self._at += 1
            return str(sign)
        return ""

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise ExpressionError(f"{sign!r} is missing")

    def expect_end(self) -> None:
        if self._at < len(self._tokens):
            raise ExpressionError(f"unexpected {self._tokens[self._at][1]!r}")

    def ternary(self) -> Compiled:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError("nested too deeply")
        test = self._binary(0)
        if self._take("?"):
            yes = self.ternary()
            self._expect(":")
            no = self.ternary()
            condition = test
            test = lambda names: yes(names) if is_true(condition(names)) else no(names)  # noqa: E731 - a node
        self._depth -= 1
        return test

    def _binary(self, level: int) -> Compiled:
        if level == len(LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while sign := self._take(*LEVELS[level]):
            left = _operation(sign, left, self._binary(level + 1))
        return left

    def _unary(self) -> Compiled:
        signs = []
        while sign := self._take("!", "-"):
            signs.append(sign)
        node = self._primary()
        for sign in reversed(signs):
            node = _operation("!", node, _NOTHING) if sign == "!" else _operation("-", _NOTHING, node)
        return node

    def _primary(self) -> Compiled:
        if self._take("("):
            inner = self.ternary()
            self._expect(")")
            return inner
        if self._take("["):
            items = self._list("]")
            return lambda names: [item(names) for item in items]
        if self._at >= len(self._tokens) or self._tokens[self._at][0] == "sign":
            raise ExpressionError("a value is missing")
        kind, value = self._tokens[self._at]
        self._at += 1
        if kind == "value" or value in WORDS:
            constant = WORDS.get(value) if kind == "name" else value
            return lambda _: constant
        return self._call(value) if self._take("(") else (lambda names: names.value(value))

    def _call(self, name: str) -> Compiled:
        function, arguments = FUNCTIONS.get(name), self._list(")")
        if function is None:
            raise ExpressionError(f"the function {name} is not emulated")
        return lambda names: function(names, *(argument(names) for argument in arguments))

    def _list(self, end: str) -> list[Compiled]:
        items: list[Compiled] = []
        while not self._take(end):
            if items:
                self._expect(",")
            items.append(self.ternary())
        return items


def _plus(left: Any, right: Any) -> Any:
    if isinstance(left, str) or isinstance(right, str):
        return (as_text(left) + as_text(right))[:MAX_RESULT_LENGTH]
    return (as_number(left) or 0) + (as_number(right) or 0)


LOGICAL = {"&&", "||"}
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": is_equal,
    "===": is_equal,
    "!=": lambda a, b: not is_equal(a, b),
    "!==": lambda a, b: not is_equal(a, b),
    "<": lambda a, b: difference(a, b) < 0,
    "<=": lambda a, b: difference(a, b) <= 0,
    ">": lambda a, b: difference(a, b) > 0,
    ">=": lambda a, b: difference(a, b) >= 0,
    "+": _plus,
    "-": difference,
    "*": lambda a, b: (as_number(a) or 0) * (as_number(b) or 0),
    "/": lambda a, b: (as_number(a) or 0) / (as_number(b) or 0),
    "%": lambda a, b: (as_number(a) or 0) % (as_number(b) or 0),
    "!": lambda a, _: not is_true(a),
}


def _operation(sign: str, left: Compiled, right: Compiled) -> Compiled:
    if sign in LOGICAL:
        return _logical(sign, left, right)
    operate = OPERATORS[sign]
    return lambda names: operate(left(names), right(names))


def _logical(sign: str, left: Compiled, right: Compiled) -> Compiled:
    """Return `&&` or `||`. The right side is computed only if the left one does not decide."""

    def choose(names: Names) -> Any:
        value = left(names)
        return right(names) if is_true(value) == (sign == "&&") else value

    return choose
