"""Buttons, alone and in groups, and areas that can be pressed."""

from typing import Any

from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.templates.actions import Action, button_action, component_action, listed_buttons
from dingtalk_sandbox.templates.document import Component
from dingtalk_sandbox.templates.drawing.canvas import Canvas, Control, key_of
from dingtalk_sandbox.templates.scope import Scope

TEXT_KEYS = ("title", "tag", "text", "label", "placeholder", "submit", "x", "series")
NAMED = {"avatar", "unknown"}
INNER_KEYS = ("children", "columns", "rows", "fields", "options", "points")
BUTTON_COLOURS = {"blue", "gray", "red", "gold", "green"}


def draw_button(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    action = component_action(component) or Action(props={})
    return [_button(canvas, component, scope, (component.props, action, ""))]


def draw_buttons(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    """Draw a ButtonList or a ButtonBlock."""
    shown = [
        _button(canvas, component, scope, (button, button_action(button), at))
        for at, button in enumerate(listed_buttons(component))
        if scope.is_visible(button.get("visible"))
    ]
    direction = "column" if component.props.get("direction") == "vertical" else "row"
    return [{"type": "buttons", "direction": direction, "children": shown}] if shown else []


def _button(canvas: Canvas, component: Component, scope: Scope, given: tuple[Json, Action, Any]) -> Json:
    props, written, part = given
    action = effective_action(written, scope)
    colour = scope.text(props.get("color"))
    control = Control(
        key=key_of(component, scope, part),
        kind="button",
        text=scope.text(props.get("text")),
        scope=scope,
        action=action,
        component=component,
        action_id=action.action_id(scope),
        params=action.params(scope),
        disabled=scope.text(props.get("status")) == "disabled",
        link=action.link(scope) if action.kind == "url" else "",
    )
    return {
        "type": "button",
        "control": canvas.add(control),
        "text": control.text,
        "color": colour if colour in BUTTON_COLOURS else "gray",
        "disabled": control.disabled,
        "link": control.link,
    }


def effective_action(action: Action, scope: Scope) -> Action:
    """Return the action itself, or the one that a `dynamicEvent` variable holds."""
    if action.kind != "dynamicEvent":
        return action
    event = scope.resolve(action.props.get("dynamicEventVar"))
    params = event.get("params") if isinstance(event, dict) else None
    if not isinstance(params, dict):
        return Action(props={})
    if event.get("type") == "openLink":
        url = params.get("url")
        return Action(props={"actionType": "url", "url": url.get("pc") if isinstance(url, dict) else url})
    sent = params.get("params")
    pairs = sent.items() if isinstance(sent, dict) else ()
    named = [{"name": name, "value": value, "type": "literal"} for name, value in pairs]
    return Action(
        props={"actionType": "request", "actionId": params.get("actionId"), "params": named},
        default_id=action.default_id,
    )


def add_area(canvas: Canvas, component: Component, scope: Scope, nodes: list[Json]) -> str:
    """Register a container that can be pressed. Returns the key of its control, or an empty string."""
    action = component_action(component)
    if action is None:
        return ""
    action = effective_action(action, scope)
    link = action.link(scope) if action.kind == "url" else ""
    if action.kind == "url" and not link:
        return ""
    return canvas.add(
        Control(
            key=key_of(component, scope),
            kind="area",
            text=" ".join(texts_of(nodes))[:80],
            scope=scope,
            action=action,
            component=component,
            action_id=action.action_id(scope),
            params=action.params(scope),
            link=link,
        )
    )


def texts_of(nodes: list[Any]) -> list[str]:
    """Return the texts that nodes show, in their order, those of tables, forms and charts included."""
    found: list[str] = []
    for node in nodes:
        if isinstance(node, list):  # a row of a table
            found += texts_of(node)
            continue
        keys = (*TEXT_KEYS, "name") if node.get("type") in NAMED else TEXT_KEYS
        found += [str(node[key]) for key in keys if node.get(key)]
        inner = [*([node["field"]] if "field" in node else []), *(node.get(key, []) for key in INNER_KEYS)]
        found += texts_of(inner)
    return found
