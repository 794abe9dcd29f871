"""Problems of a template, and of the data of a card that uses it. Each is one line of text."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.templates.document import CardTemplate, Variable
from dingtalk_sandbox.templates.drawing.view import PAINTERS
from dingtalk_sandbox.templates.expressions import ExpressionError, compile_expression
from dingtalk_sandbox.templates.references import referenced_roots
from dingtalk_sandbox.templates.values import LIST_TYPES, OBJECT_TYPES, TEXT_TYPES, decode_json, type_error

MAX_PROBLEMS = 50
MAX_CHECKED_ITEMS = 200
PLATFORM_VARIABLES = {
    "autoLayout": "boolean", "config": "object", "flowStatus": "string", "sys_full_json_obj": "string",
    "_IC_AIGC_DETAIL_URL": "object", "_tableRequestStatus": "number", "_tableRequestMessage": "string",
}  # fmt: skip
"""Variables that the platform reads without a declaration (card "04/0004", "01/0002", "03/0013")."""


def template_problems(template: CardTemplate) -> list[str]:
    """List what is wrong with a template, and what the sandbox does not draw."""
    unknown = sorted({c.name for c in template.components()} - PAINTERS.keys())
    found = [f"the component {name} is not emulated; the page shows a box with its name" for name in unknown]
    found += _expression_problems(template)
    known = {*template.variables, *template.expressions, *PLATFORM_VARIABLES}
    found += [
        f"{component} refers to the variable {root!r}, which is not declared"
        for root, component in sorted(referenced_roots(template).items())
        if root not in known and root.isidentifier()
    ]
    return found[:MAX_PROBLEMS]


def _expression_problems(template: CardTemplate) -> Iterator[str]:
    for name, source in template.expressions.items():
        try:
            compile_expression(source)
        except ExpressionError as problem:
            yield f"the expression {name!r} cannot be read: {problem}"


def missing_variables(template: CardTemplate, given: Mapping[str, str]) -> list[str]:
    """List the variables that components show and that a new card does not set."""
    used = referenced_roots(template)
    return [
        f"the variable {v.name!r} is not set; it shows as empty"
        for v in template.variables.values()
        if not v.local and v.name in used and v.name not in given
    ][:MAX_PROBLEMS]


def data_problems(template: CardTemplate, given: Mapping[str, str], *, private: bool) -> list[str]:
    """List unknown variables, values of a wrong type, and private variables for everyone, and vice versa."""
    found = [problem for name, text in given.items() for problem in _variable_problems(template, name, text)]
    if private:
        found += [
            f"the variable {name!r} is not marked private in the template; its private value is not shown"
            for name in given
            if name in template.variables and not template.variables[name].private
        ]
    return found[:MAX_PROBLEMS]


def _variable_problems(template: CardTemplate, name: str, text: str) -> Iterator[str]:
    variable = template.variables.get(name)
    if variable is not None and variable.local:
        yield f"{name!r} is a local variable of the template; a value that is sent is not shown"
    elif variable is not None:
        yield from _type_problems(variable, text)
    elif name in template.expressions:
        yield f"{name!r} is an expression of the template; a value that is sent is not shown"
    elif name not in PLATFORM_VARIABLES:
        yield f"the template has no variable {name!r}"


def _type_problems(variable: Variable, text: str) -> Iterator[str]:
    if variable.type in TEXT_TYPES or not text:
        return
    try:
        value = decode_json(text)
    except (ValueError, RecursionError):
        if variable.type in LIST_TYPES | OBJECT_TYPES | {"number", "boolean"}:
            yield f"the variable {variable.name!r} ({variable.type}) is not JSON: {text[:40]!r}"
        return
    yield from _value_problems(variable, value, variable.name)


def _value_problems(variable: Variable, value: Any, path: str) -> Iterator[str]:
    if wanted := type_error(variable, value):
        yield f"the variable {path!r} must be {wanted}, got {json.dumps(value, ensure_ascii=False)[:60]}"
    elif variable.inner and isinstance(value, dict):
        yield from _field_problems(variable, value, path)
    elif variable.inner and isinstance(value, list):
        for at, item in enumerate(value[:MAX_CHECKED_ITEMS]):
            if isinstance(item, dict):
                yield from _field_problems(variable, item, f"{path}[{at}]")


def _field_problems(variable: Variable, value: Json, path: str) -> Iterator[str]:
    """Check the fields of an object. The items of tables, charts and forms may have any further fields."""
    declared = {field.name: field for field in variable.inner}
    for name, inner in value.items():
        field = declared.get(name)
        if field is not None and inner is not None and field.type not in TEXT_TYPES:
            yield from _value_problems(field, inner, f"{path}.{name}")
