"""Values of variables: from the strings of a cardParamMap to typed values, and from values to text.

All values of a cardParamMap are strings. Those of other types are JSON ("0789").
"""

import json
import math
import re
from typing import Any

from dingtalk_sandbox.redaction import is_too_deep
from dingtalk_sandbox.templates.document import Variable

MAX_VALUE_DEPTH = 20
INDEX = re.compile(r"\d{1,6}", re.ASCII)
TEXT_TYPES = {"string", "markdown", "image", "link", "icon", "color", "richText"}
LIST_TYPES = {
    "loopArray", "stringArray", "numberArray", "booleanArray", "array", "objectArray", "selectOptions",
}  # fmt: skip
OBJECT_TYPES = {"object", "dynamicObject", "dynamicEvent", "table", "chart", "form", "user"}
ITEM_TYPES: dict[str, Any] = {
    "stringArray": str,
    "numberArray": (int, float),
    "booleanArray": bool,
    "loopArray": dict,
}


def decode_json(text: str) -> Any:
    """Decode a JSON text. Raises `ValueError` for any other, and for NaN and infinite numbers."""
    return json.loads(text, parse_constant=_finite, parse_float=_finite)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a number of JSON")
    return number


def parse_value(variable: Variable | None, text: str) -> Any:
    """Return the typed value of a variable, or None if the text does not fit its type."""
    if variable is None or variable.type in TEXT_TYPES:
        return text
    try:
        value = decode_json(text)
    except (ValueError, RecursionError):
        return text if variable.type not in LIST_TYPES | OBJECT_TYPES | {"number", "boolean"} else None
    return None if is_too_deep(value, MAX_VALUE_DEPTH) or type_error(variable, value) else value


def type_error(variable: Variable, value: Any) -> str:
    """Say what a decoded value should have been, or return an empty string."""
    kind = variable.type
    if kind == "number":
        return "" if is_number(value) else "a number"
    if kind == "boolean":
        return "" if isinstance(value, bool) else "true or false"
    if kind in OBJECT_TYPES:
        return "" if isinstance(value, dict) else "an object"
    if kind in LIST_TYPES:
        expected = ITEM_TYPES.get(kind, object)
        fits = isinstance(value, list) and all(isinstance(one, expected) for one in value)
        return "" if fits else f"a list ({kind})"
    return ""


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def as_text(value: Any) -> str:
    """Return a value as a card shows it. Whole numbers have no decimals."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def as_number(value: Any) -> float | None:
    """Return a value as a finite number, or None."""
    try:
        number = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def is_true(value: Any) -> bool:
    """Return the truth of a value. The texts `false` and `0` are false."""
    return bool(value) and value not in {"false", "0"} if isinstance(value, str) else bool(value)


def is_equal(left: Any, right: Any) -> bool:
    """Return whether two values are shown alike: a number equals its text."""
    return as_text(left) == as_text(right)


def difference(left: Any, right: Any) -> float:
    """Subtract numbers. What is no number counts as 0."""
    return (as_number(left) or 0) - (as_number(right) or 0)


def find_path(value: Any, path: str) -> Any:
    """Follow a path of keys and indices, such as `rows[0].name`. Returns None if it leads nowhere."""
    for part in path.replace("[", ".").replace("]", "").lstrip(".").split("."):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and INDEX.fullmatch(part) and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value
