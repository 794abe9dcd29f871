"""Steps of a press: an action with the callbacks that follow it, and the steps inside menus and dialogs.

A step is named by a path from the control: events of a chain and items of a menu by their number, buttons of
a dialog by `ok` and `cancel`, callbacks by `success-leftEvent` and so on.
"""

from dataclasses import dataclass, field
from typing import Any

from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.templates.actions import CHAIN_ACTION_ID, Action, menu_options

CALLBACKS = tuple(
    f"{outcome}-{side}Event" for outcome in ("success", "failure") for side in ("left", "right")
)
DIALOG = {"ok": "confirmOk", "cancel": "confirmCancel"}


@dataclass(frozen=True, kw_only=True)
class Step:
    """An action and its callbacks: a mapping of outcomes, or of a menu a list of chains."""

    action: Action
    callbacks: Any = field(default=None, repr=False)

    def child(self, token: str) -> "Step | None":
        """Return the step with this name inside this one."""
        if token in CALLBACKS:
            outcome, _, side = token.partition("-")
            return self.callback(outcome, side)
        if token in DIALOG:
            return self._dialog(DIALOG[token]) if self.action.kind == "confirm" else None
        number = int(token) if token.isdecimal() and len(token) < 4 else -1  # noqa: PLR2004 - digits
        finders = {"eventChain": self._event, "select": self._option, "actionSheet": self._item}
        find = finders.get(self.action.kind)
        return find(number) if find and number >= 0 else None

    def callback(self, outcome: str, side: str) -> "Step | None":
        part = self.callbacks.get(outcome) if isinstance(self.callbacks, dict) else None
        given = part.get(side) if isinstance(part, dict) else None
        return event_step(given, self.action.default_id) if isinstance(given, dict) else None

    def condition(self, outcome: str) -> Any:
        part = self.callbacks.get(outcome) if isinstance(self.callbacks, dict) else None
        return part.get("condition") if isinstance(part, dict) else None

    def _event(self, number: int) -> "Step | None":
        events = self.action.events()
        if number >= len(events):
            return None
        id_ = self.action.default_id
        own = id_ if number == 0 and id_ == CHAIN_ACTION_ID else f"{id_}_{number}"
        return event_step(events[number], own)

    def _option(self, number: int) -> "Step | None":
        if number >= len(menu_options(self.action.props)):
            return None
        chains = self.callbacks if isinstance(self.callbacks, list) else []
        if number < len(chains):
            props: Json = {"actionType": "eventChain", "events": chains[number]}
        else:
            props = {**self.action.props, "actionType": "selectOption", "selectedIndex": number}
        return Step(action=Action(props=props, default_id=f"{self.action.default_id}_{number}"))

    def _item(self, number: int) -> "Step | None":
        items = menu_options(self.action.props)
        return (
            Step(action=Action(props=items[number], default_id=str(number))) if number < len(items) else None
        )

    def _dialog(self, prefix: str) -> "Step":
        props = self.action.props
        chosen = {
            "actionType": props.get(f"{prefix}Action"),
            "actionId": props.get(f"{prefix}ReqActionActionId"),
            "params": props.get(f"{prefix}ReqActionParams"),
            "successToast": props.get(f"{prefix}ReqActionToast"),
        }
        return Step(action=Action(props=chosen, default_id=self.action.default_id))


def event_step(given: Json, default_id: str) -> Step:
    event = given.get("event")
    props = event if isinstance(event, dict) else {}
    return Step(action=Action(props=props, default_id=default_id), callbacks=given.get("callbacks"))
