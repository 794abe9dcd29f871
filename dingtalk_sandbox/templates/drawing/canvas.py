"""The canvas: what components draw on. It bounds the size of a card and collects its controls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.templates.actions import Action
from dingtalk_sandbox.templates.document import Component
from dingtalk_sandbox.templates.scope import Scope

MAX_NODES = 3000
"""Loops may repeat. What exceeds the limit is not drawn, and the card says so."""
MAX_ITEMS = 200
"""Of a loop, and rows of a table."""
TONES = ("red", "orange", "yellow", "gold", "green", "blue", "purple", "gray")


@dataclass(frozen=True, kw_only=True)
class Control:
    """Something that can be pressed or filled in."""

    key: str  # unique on the card: the component, and its place in loops
    kind: str  # button, area, cell, form or field
    text: str
    scope: Scope = field(repr=False)
    action: Action = field(repr=False)
    component: Component = field(repr=False)
    action_id: str = ""
    params: Json = field(default_factory=dict)  # what a request sends beside the values of fields
    disabled: bool = False
    link: str = ""
    fields: tuple[Json, ...] = ()  # of a form, or the one of a field

    @property
    def is_request(self) -> bool:
        return self.action.kind == "request"


Painter = Callable[["Canvas", Component, Scope], list[Json]]


class Canvas:
    """Draws components. `controls` has what can be pressed, in the order of the card."""

    def __init__(self, painters: Mapping[str, Painter]) -> None:
        self._painters = painters
        self._left = MAX_NODES
        self.controls: dict[str, Control] = {}
        self.title = ""
        self.truncated = False

    def draw(self, component: Component, scope: Scope) -> list[Json]:
        """Return the nodes of a component, none if it is hidden."""
        if component.hidden or not scope.is_visible(component.props.get("visible")):
            return []
        self._left -= 1
        if self._left < 0:
            self.truncated = True
            return []
        painter = self._painters.get(component.name)
        if painter is None:
            return [{"type": "unknown", "name": component.name, "children": self.children(component, scope)}]
        return painter(self, component, scope)

    def children(self, component: Component, scope: Scope) -> list[Json]:
        return [node for child in component.children for node in self.draw(child, scope)]

    def take_items(self, items: list[Any]) -> list[Any]:
        """Return the items of a list that are drawn."""
        self.truncated |= len(items) > MAX_ITEMS
        return items[:MAX_ITEMS]

    def add(self, control: Control) -> str:
        """Register a control. Returns its key."""
        self.controls[control.key] = control
        return control.key


def key_of(component: Component, scope: Scope, part: object = "") -> str:
    """Return the key of a control: the component, its place in loops, and a part of it."""
    places = [str(item.index) for item in scope.loops] + ([str(part)] if part != "" else [])
    return ".".join([component.id, *places])


def tone_of(given: object) -> str:
    """Return the tone of a colour token or name, such as `common_red1_color` or `blue`."""
    text = str(given or "")
    if "level1" in text or text == "black":
        return ""
    return next((tone for tone in TONES if tone in text), "gray" if "level" in text else "")
