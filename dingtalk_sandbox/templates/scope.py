"""Resolve the properties of components for one viewer: bindings, `${…}`, conditions, items of loops."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.templates.document import CardTemplate
from dingtalk_sandbox.templates.expressions import evaluate
from dingtalk_sandbox.templates.references import PLACEHOLDER, is_bound, plain_path
from dingtalk_sandbox.templates.values import (
    as_number,
    as_text,
    difference,
    find_path,
    is_equal,
    is_true,
    parse_value,
)

MAX_TEXT_LENGTH = 50_000
MAX_EXPRESSION_DEPTH = 8
"""Expressions may refer to each other. Deeper ones, and circles, are empty."""
MAX_EVALUATIONS = 20_000
"""Of expressions, for one view of a card. Those beyond are empty."""
LANGUAGES = {"zh": ("zh_Hans", "zh_CN", "en_US"), "en": ("en_US", "zh_Hans", "zh_CN")}

LANGUAGE_KEYS = {key for keys in LANGUAGES.values() for key in keys}


@dataclass(frozen=True, kw_only=True)
class CardData:
    """The data of a card as one viewer sees it. Sent values are strings; local ones are typed."""

    public: Mapping[str, str]
    private: Mapping[str, str]
    local: Mapping[str, Any] = field(default_factory=dict)
    lang: str = "zh"


@dataclass(frozen=True, kw_only=True)
class LoopItem:
    """An item of a Loop: `path` is that of its list without indices."""

    path: str
    index: int
    value: Any


@dataclass(kw_only=True)
class Budget:
    """The computation that is left to one view of a card."""

    evaluations: int = MAX_EVALUATIONS


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The names that a component can refer to. It implements `expressions.Names`."""

    template: CardTemplate
    data: CardData
    loops: tuple[LoopItem, ...] = ()  # the innermost last
    event: Any = None  # the response to a request, for `${event.x}`
    depth: int = 0
    budget: Budget = field(default_factory=Budget, repr=False)

    def inside(self, path: str, index: int, value: Any) -> "Scope":
        return replace(self, loops=(*self.loops, LoopItem(path=path, index=index, value=value)))

    def after(self, event: Any) -> "Scope":
        return replace(self, event=event)

    # names

    def item(self, levels_up: int) -> Any:
        return self.loops[-1 - levels_up].value if levels_up < len(self.loops) else None

    def index(self) -> int:
        return self.loops[-1].index if self.loops else 0

    def value(self, path: str) -> Any:
        """Return the value of a path such as `a.b`, `rows[0].name`, `loop.name` or `event.cardData.x`."""
        root, _, rest = path.strip().partition(".")
        if root == "loop":
            return find_path(self.item(0), rest) if rest else self.item(0)
        if root == "event":
            return find_path(self.event, rest) if rest else self.event
        if self.loops and (found := self._loop_value(plain_path(path))) is not None:
            return found[0]
        name = root.partition("[")[0]
        whole = self._variable(name)
        return find_path(whole, path.strip()[len(name) :].lstrip(".")) if path.strip() != name else whole

    def _loop_value(self, path: str) -> tuple[Any] | None:
        """Return the value of `rows.name` inside a loop over `rows`, or None if it is of no loop."""
        for item in reversed(self.loops):
            if path.startswith(f"{item.path}."):
                return (find_path(item.value, path[len(item.path) + 1 :]),)
        return None

    def _variable(self, name: str) -> Any:
        if name in self.template.expressions:
            self.budget.evaluations -= 1
            if self.depth >= MAX_EXPRESSION_DEPTH or self.budget.evaluations < 0:
                return None
            return evaluate(self.template.expressions[name], replace(self, depth=self.depth + 1))
        declared = self.template.variables.get(name)
        if declared is not None and declared.local:
            return self.data.local.get(name)
        if declared is not None and declared.private and self.data.private.get(name):
            return parse_value(declared, self.data.private[name])
        text = self.data.public.get(name)
        return None if text is None else parse_value(declared, text)

    # properties

    def resolve(self, given: Any) -> Any:
        """Return the value of a property: a constant, a binding, or a text in the viewer's language."""
        if not isinstance(given, dict):
            return given
        if given.get("valueType") == "eventData":
            return find_path(self.event, str(given.get("eventData") or ""))
        if is_bound(given):
            return self.value(given["variable"])
        if given.get("type") == "dynamicString":
            return self._fill(given.get("content"))
        if "content" in given and "valueType" not in given:
            return self.resolve(self._localized(given["content"]))
        value = given if LANGUAGE_KEYS & given.keys() else given.get("value")
        return self._fill(value) if isinstance(value, str) or value is given else value

    def _fill(self, content: Any) -> str:
        """Fill in the placeholders, up to a length, as a hostile template repeats large values."""
        text = as_text(self._localized(content))[:MAX_TEXT_LENGTH]
        parts, length, end = [], 0, 0
        for match in PLACEHOLDER.finditer(text):
            parts += [text[end : match.start()], as_text(self.value(match[1]))]
            length, end = length + len(parts[-1]), match.end()
            if length > MAX_TEXT_LENGTH:
                break
        return "".join([*parts, text[end:]])[:MAX_TEXT_LENGTH]

    def _localized(self, content: Any) -> Any:
        if not isinstance(content, dict) or "type" in content:
            return content
        languages = (lang for lang in LANGUAGES[self.data.lang] if content.get(lang))
        return content.get(next(languages, ""), next(iter(content.values()), ""))

    def text(self, given: Any) -> str:
        """Return a property as text. A plain string may have placeholders too."""
        value = self._fill(given) if isinstance(given, str) else self.resolve(given)
        return as_text(value)[:MAX_TEXT_LENGTH]

    def number(self, given: Any, default: float = 0) -> float:
        value = as_number(self.resolve(given))
        return default if value is None else value

    def boolean(self, given: Any) -> bool:
        return is_true(self.resolve(given))

    def items(self, given: Any) -> tuple[str, list[Any]]:
        """Return the plain path and the items of a bound list."""
        path = given.get("variable") if isinstance(given, dict) else ""
        value = self.value(path) if isinstance(path, str) and path else None
        return plain_path(str(path)), value if isinstance(value, list) else []

    def is_visible(self, given: Any) -> bool:
        """Return whether a component with this `visible` is shown (card "03/0006"). It is by default."""
        if not isinstance(given, dict):
            return given is not False
        if given.get("valueType") == "condition":
            return self.holds(given.get("condition"))
        return given.get("value") is not False if not is_bound(given) else self.boolean(given)

    def holds(self, condition: Any) -> bool:
        """Return whether `{op: and | or, conditions}` holds. Without conditions it does."""
        if not isinstance(condition, dict):
            return True
        results = list(self._results(condition.get("conditions")))
        return not results or (any(results) if condition.get("op") == "or" else all(results))

    def _results(self, conditions: Any) -> Iterator[bool]:
        for one in conditions if isinstance(conditions, list) else []:
            if isinstance(one, dict) and "conditions" in one:
                yield self.holds(one)
            elif isinstance(one, dict):
                yield self._result(one)

    def _result(self, given: Json) -> bool:
        of_event = given.get("type") == "eventData"
        path = str(given.get("eventData" if of_event else "variable"))
        value = find_path(self.event, path) if of_event else self.value(path)
        test = TESTS.get(str(given.get("op")))
        return True if test is None else test(value, self._operand(given))

    def _operand(self, given: Json) -> Any:
        if given.get("valueType") == "variable" and isinstance(given.get("value"), str):
            return self.value(given["value"])
        return given.get("value")


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str | list | dict) else 0


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)


TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "equal": is_equal,
    "notEqual": lambda a, b: not is_equal(a, b),
    "isTrue": lambda a, _: is_true(a),
    "isFalse": lambda a, _: not is_true(a),
    "isEmpty": lambda a, _: _is_empty(a),
    "isNotEmpty": lambda a, _: not _is_empty(a),
    "greater": lambda a, b: difference(a, b) > 0,
    "greaterEqual": lambda a, b: difference(a, b) >= 0,
    "less": lambda a, b: difference(a, b) < 0,
    "lessEqual": lambda a, b: difference(a, b) <= 0,
    "contain": lambda a, b: as_text(b) in a if isinstance(a, str) else b in (a or []),
    "notContain": lambda a, b: as_text(b) not in a if isinstance(a, str) else b not in (a or []),
    "lengthEqual": lambda a, b: _length(a) == difference(b, 0),
    "lengthNotEqual": lambda a, b: _length(a) != difference(b, 0),
    "lengthGreater": lambda a, b: _length(a) > difference(b, 0),
    "lengthLess": lambda a, b: _length(a) < difference(b, 0),
}
"""Tests of a condition. Public examples have the first six and `lengthNotEqual`; the others are assumed."""
