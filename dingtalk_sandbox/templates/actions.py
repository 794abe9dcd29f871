"""Actions of a pressed component, as the builder names them (card "03/0009", "03/0011").

An action is a mapping with `actionType`. A component has it among its properties; so has a button of a list
and an event of an event chain. Its action id, if empty, is the one that compiled exports show.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.templates.document import CardTemplate, Component
from dingtalk_sandbox.templates.scope import Scope

NO_ACTION = {"", "none"}
FIELD_COMPONENTS = {
    "Input", "SelectBlock", "MultiSelectBlock", "DatePickerBlock", "Checkbox", "CheckboxList",
    "CheckboxListMulti", "CheckableTags",
}  # fmt: skip
DEFAULT_ACTION_IDS = {"Grid": "grid", "Checkbox": "1", "Input": "input"}
CHAIN_ACTION_ID = "main"
LINK_KEYS = ("url", "pcUrl", "androidUrl", "iosUrl")
MAX_MENU_ITEMS = 50


@dataclass(frozen=True, kw_only=True)
class Action:
    """One action, with the action id that a request of it has unless its own is set."""

    props: Mapping[str, Any] = field(repr=False)
    default_id: str = ""

    @property
    def kind(self) -> str:
        """The `actionType`, such as url, request, setLocalState, toast, confirm, select or eventChain."""
        return str(self.props.get("actionType") or "")

    def action_id(self, scope: Scope) -> str:
        return scope.text(self.props.get("actionId")) or self.default_id

    def params(self, scope: Scope) -> Json:
        return resolve_params(self.props.get("params"), scope)

    def link(self, scope: Scope) -> str:
        """Return the URL for a desktop, or an empty string."""
        keys = LINK_KEYS if self.props.get("urlType", "all") == "all" else LINK_KEYS[1:]
        return next(filter(None, (scope.text(self.props.get(key)) for key in keys)), "")

    def events(self) -> list[Json]:
        """Return the events of a chain: `{event, callbacks}`."""
        given = self.props.get("events")
        return [e for e in given if isinstance(e, dict)] if isinstance(given, list) else []


def resolve_params(given: Any, scope: Scope) -> Json:
    """Return the parameters of a request. Those without a name are not sent."""
    found: Json = {}
    for one in given if isinstance(given, list) else []:
        if isinstance(one, dict) and one.get("name"):
            found[str(one["name"])] = _param_value(one, scope)
    return found


def _param_value(given: Json, scope: Scope) -> Any:
    if given.get("type") == "variable":
        return scope.value(str(given.get("variable") or ""))
    return given.get("value") if given.get("type") == "literal" else scope.text(given.get("value"))


def component_action(component: Component) -> Action | None:
    """Return the action of a component, or None if a press of it does nothing."""
    props = component.props
    action = Action(props=props, default_id=default_action_id(component))
    if action.kind in NO_ACTION or props.get("enableClickEvent") is False:
        return None
    return action


def default_action_id(component: Component) -> str:
    if component.props.get("actionType") == "eventChain":
        return CHAIN_ACTION_ID
    if component.name in FIELD_COMPONENTS and (own := written_text(component.props.get("id"))):
        return own
    if component.name == "SingleButton":
        return f"single_button_{component.id}"
    return DEFAULT_ACTION_IDS.get(component.name, component.id)


def listed_buttons(component: Component) -> list[Json]:
    """Return the buttons of a ButtonList or ButtonBlock."""
    given = component.props.get("buttons")
    buttons = given.get("list") if isinstance(given, dict) else given
    return [b for b in buttons if isinstance(b, dict)] if isinstance(buttons, list) else []


def button_action(button: Json) -> Action:
    return Action(props=button, default_id=str(button.get("id") or ""))


def menu_options(props: Mapping[str, Any]) -> list[Json]:
    """Return the items of a menu (`select`) or of an action sheet."""
    given = props.get("selectOptions" if props.get("actionType") == "select" else "actionSheetItems")
    value = given.get("value") if isinstance(given, dict) else given
    return [o for o in value if isinstance(o, dict)][:MAX_MENU_ITEMS] if isinstance(value, list) else []


def declared_requests(template: CardTemplate) -> list[Json]:
    """List the requests that a template can send, as it writes them: `{component, actionId, params}`.

    Cells of a table send a request if the data says so (`request: true`); they are not listed.
    """
    found: list[Json] = []
    for component in template.components():
        for action in _component_actions(component):
            found += _requests(component, action)
    return found


def _component_actions(component: Component) -> Iterator[Action]:
    for button in listed_buttons(component) if component.name in {"ButtonList", "ButtonBlock"} else []:
        yield button_action(button)
    if component.name == "Form":
        id_ = written_text(component.props.get("id"))
        yield Action(props={**component.props, "actionType": "request"}, default_id=id_)
    elif (action := component_action(component)) is not None:
        yield action


def _requests(component: Component, action: Action, chain: bool = False) -> Iterator[Json]:
    if action.kind == "request":
        given = action.props.get("params")
        params = given if isinstance(given, list) else []
        names = [str(p["name"]) for p in params if isinstance(p, dict) and p.get("name")]
        id_ = written_text(action.props.get("actionId")) or (CHAIN_ACTION_ID if chain else action.default_id)
        yield {"component": component.name, "actionId": id_, "params": names}
    for event in nested_events(action.props.get("events")) if action.kind == "eventChain" else []:
        yield from _requests(component, Action(props=event, default_id=CHAIN_ACTION_ID), chain=True)


def nested_events(value: Any) -> Iterator[Json]:
    """Iterate over all events inside the events and callbacks of a chain."""
    if isinstance(value, dict):
        if isinstance(value.get("event"), dict):
            yield value["event"]
        for key, one in value.items():
            if key != "event":
                yield from nested_events(one)
    elif isinstance(value, list):
        for one in value:
            yield from nested_events(one)


def written_text(given: Any) -> str:
    """Return a text as the template has it, with its placeholders."""
    content = given.get("content") if isinstance(given, dict) else given
    return content if isinstance(content, str) else ""
