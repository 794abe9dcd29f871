"""Builds small exports of the card builder for tests, with the properties that a test is about."""

import json
from typing import Any

Node = dict[str, Any]


def component(kind: str, *children: Node, id_: str = "", **props: Any) -> Node:
    return {"componentName": kind, "id": id_, "props": props, "children": list(children)}


def text(content: str) -> Node:
    return {"type": "dynamicString", "content": content, "i18n": False}


def bound(variable: str, kind: str = "variableValue", loop: bool = False) -> Node:
    scope = "loop" if loop else "global"
    return {"type": kind, "valueType": "variable", "variable": variable, "variableType": scope}


def when(variable: str, op: str, value: Any = "") -> Node:
    """Build a `visible` with one condition."""
    condition = {"type": "variable", "variable": variable, "op": op, "value": value, "valueType": "fixed"}
    return {"type": "dynamicVisible", "valueType": "condition",
            "condition": {"op": "and", "conditions": [condition]}}  # fmt: skip


def param(name: str, value: Any = "", variable: str = "") -> Node:
    return {"name": name, "value": value, "variable": variable, "type": "variable" if variable else "fixed"}


def variable(
    name: str, kind: str = "string", *, private: bool = False, fields: list[Node] | None = None
) -> Node:
    return {"name": name, "id": name, "type": kind, "private": private, "schema": fields or []}


def export(
    *components: Node,
    variables: tuple[Node, ...] = (),
    local: tuple[Node, ...] = (),
    expressions: dict[str, str] | None = None,
) -> Node:
    """Build an export with a Card around the components."""
    named = [{"name": name, "expContent": source} for name, source in (expressions or {}).items()]
    editor = {
        "schema": {"componentsTree": [component("Card", *components, id_="card")]},
        "variableList": list(variables), "localList": list(local), "expList": named,
    }  # fmt: skip
    return {"editorData": json.dumps(editor, ensure_ascii=False), "type": "im", "mode": "card"}
