"""The export format of the card builder (card "02/0011"), read defensively.

An export is a JSON object. Its `editorData` is JSON text with `schema.componentsTree` (the components and
their properties), `variableList`, `localList` and `expList`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dingtalk_sandbox.errors import Json, UsageError
from dingtalk_sandbox.redaction import is_too_deep

MAX_EXPORT_BYTES = 4 * 1024 * 1024
"""The largest public example has 0.9 MB."""
MAX_EXPORT_DEPTH = 60
"""The deepest public example has 20 levels."""
MAX_COMPONENTS = 2000
MAX_VARIABLES = 1000
SAFE_ID = re.compile(r"[\w-]{1,80}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Component:
    """A component with its properties as they were exported."""

    name: str  # componentName, such as BaseText
    id: str  # unique within the template
    props: Json = field(repr=False)
    children: tuple["Component", ...] = ()
    hidden: bool = False

    def walk(self) -> Iterator["Component"]:
        """Iterate over this component and everything inside it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A declared variable (card "03/0005")."""

    name: str
    type: str  # string, number, boolean, object, loopArray, markdown, table, chart, form …
    private: bool = False
    local: bool = False
    inner: tuple["Variable", ...] = ()  # the fields of an object, or of the items of a loopArray


@dataclass(frozen=True, kw_only=True)
class CardTemplate:
    """A template of the card builder."""

    roots: tuple[Component, ...]
    variables: Mapping[str, Variable]
    expressions: Mapping[str, str]  # name → source
    source: Json = field(repr=False)

    def components(self) -> Iterator[Component]:
        for root in self.roots:
            yield from root.walk()


def parse_template(given: Any) -> CardTemplate:
    """Parse an export: its JSON text, or the decoded object. Raises `UsageError` that says what is wrong."""
    source = _decode(given, "the template")
    editor = _decode(source.get("editorData"), "editorData of the template")
    schema = editor.get("schema")
    trees = schema.get("componentsTree") if isinstance(schema, dict) else None
    if not isinstance(trees, list) or not trees:
        raise UsageError(
            "not an export of the card builder: editorData has no schema.componentsTree. "
            "Export the template in the builder (导出) and use that file."
        )
    reader = _ComponentReader()
    roots = tuple(reader.read(tree) for tree in trees)
    declared = _variables(editor.get("variableList")) + _variables(editor.get("localList"), local=True)
    return CardTemplate(
        roots=roots,
        variables={v.name: v for v in declared},
        expressions=_expressions(editor.get("expList")),
        source=source,
    )


def _decode(given: Any, what: str) -> Json:
    if isinstance(given, bytes | str):
        given = _parse_json(given, what)
    if not isinstance(given, dict):
        raise UsageError(f"{what} must be a JSON object, as the card builder exports it")
    if is_too_deep(given, MAX_EXPORT_DEPTH):
        raise UsageError(f"{what} is nested too deeply")
    return given


def _parse_json(text: bytes | str, what: str) -> Any:
    size = len(text if isinstance(text, bytes) else text.encode("utf-8", "replace"))
    if size > MAX_EXPORT_BYTES:
        raise UsageError(f"{what} has more than {MAX_EXPORT_BYTES // 1024**2} MB")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise UsageError(f"{what} is not valid JSON") from None


class _ComponentReader:
    """Reads a tree of components, and gives each a unique id."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    def read(self, given: Any) -> Component:
        if not isinstance(given, dict) or not isinstance(given.get("componentName"), str):
            raise UsageError("a component of the template has no componentName")
        if len(self._ids) >= MAX_COMPONENTS:
            raise UsageError(f"the template has more than {MAX_COMPONENTS} components")
        props, children = given.get("props") or {}, given.get("children")
        if not isinstance(props, dict):
            raise UsageError(f"props of {given['componentName'][:80]} must be an object")
        return Component(
            name=given["componentName"][:80],
            id=self._unique_id(given.get("id")),
            props=props,
            children=tuple(self.read(c) for c in children) if isinstance(children, list) else (),
            hidden=given.get("hidden") is True,
        )

    def _unique_id(self, given: Any) -> str:
        usable = isinstance(given, str) and SAFE_ID.fullmatch(given) and given not in self._ids
        chosen = given if usable else f"component_{len(self._ids)}"
        self._ids.add(chosen)
        return str(chosen)


def _variables(given: Any, *, local: bool = False) -> tuple[Variable, ...]:
    items = given if isinstance(given, list) else []
    if len(items) > MAX_VARIABLES:
        raise UsageError(f"the template has more than {MAX_VARIABLES} variables in one list")
    return tuple(
        Variable(
            name=one["name"],
            type=str(one.get("type") or "string"),
            private=one.get("private") is True,
            local=local,
            inner=_variables(one.get("schema"), local=local),
        )
        for one in items
        if isinstance(one, dict) and isinstance(one.get("name"), str)
    )


def _expressions(given: Any) -> dict[str, str]:
    items = given if isinstance(given, list) else []
    return {
        one["name"]: str(one.get("expContent") or "")
        for one in items
        if isinstance(one, dict) and isinstance(one.get("name"), str)
    }
