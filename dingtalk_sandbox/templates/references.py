"""References of a template to variables: `${name}` in texts, and bindings to a variable."""

import re
from collections.abc import Iterator
from typing import Any

from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.templates.document import CardTemplate

PLACEHOLDER = re.compile(r"\$\{([^{}]{1,200})\}")
INDEX = re.compile(r"\[\d{1,6}\]")
BINDINGS = {"variable", "variableValue"}
SPECIAL_ROOTS = {"loop", "event"}
"""`${loop.x}` is of the item of the nearest loop, `${event.x}` of the response to a request."""


def plain_path(path: str) -> str:
    """Remove the indices of a path: `rows[0].name` → `rows.name`."""
    return INDEX.sub("", path).strip()


def is_bound(value: Json) -> bool:
    """Return True if a property takes its value from its `variable`."""
    if not isinstance(value.get("variable"), str) or not value["variable"]:
        return False
    return value.get("valueType") == "variable" or value.get("type") in BINDINGS or "op" in value


def referenced_paths(value: Any) -> Iterator[str]:
    """Iterate over the paths of variables that a property refers to, without indices."""
    if isinstance(value, str):
        yield from (plain_path(path) for path in PLACEHOLDER.findall(value))
    elif isinstance(value, list):
        for one in value:
            yield from referenced_paths(one)
    elif isinstance(value, dict):
        if is_bound(value):
            yield plain_path(value["variable"])
        for key, one in value.items():
            if key != "variable":
                yield from referenced_paths(one)


def referenced_roots(template: CardTemplate) -> dict[str, str]:
    """Return the first names of all referenced paths, each with the component that refers to it."""
    found: dict[str, str] = {}
    for component in template.components():
        for path in referenced_paths(component.props):
            root = path.partition(".")[0]
            if root not in SPECIAL_ROOTS:
                found.setdefault(root, component.name)
    return found


def flow_variable(template: CardTemplate) -> str:
    """Return the variable that holds the state of an AI card, or "" if the template is none."""
    for component in template.components():
        bound = component.props.get("flowStatusVar")
        if isinstance(bound, dict) and is_bound(bound):
            return plain_path(bound["variable"])
    return ""
