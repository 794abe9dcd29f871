"""Presses of cards whose template was exported from the card builder (card "03/0009", "03/0011")."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dingtalk_sandbox.control.card_views import card_data, card_view
from dingtalk_sandbox.errors import Json, UsageError
from dingtalk_sandbox.scenario import Person
from dingtalk_sandbox.state import Card, SandboxState
from dingtalk_sandbox.templates.actions import menu_options, resolve_params
from dingtalk_sandbox.templates.drawing.canvas import Control
from dingtalk_sandbox.templates.drawing.fields import field_value, form_values, local_target
from dingtalk_sandbox.templates.scope import Scope
from dingtalk_sandbox.templates.steps import Step
from dingtalk_sandbox.templates.values import as_number
from dingtalk_sandbox.validation import cards as card_rules

log = logging.getLogger(__name__)
MAX_STEPS = 20
"""Of one press: chains and callbacks of a template may be long, and need not end."""
TOAST_TONES = {0: "success", 1: "info", 2: "error"}
Send = Callable[[Card, Person, str, Json], Awaitable[Json]]


@dataclass(kw_only=True)
class Press:
    """One press, while it is carried out."""

    card: Card
    person: Person
    control: Control
    scope: Scope
    value: Any = None  # of a field
    params: Json | None = None  # of the request of the control itself
    left: int = MAX_STEPS
    effects: list[Json] = field(default_factory=list)
    answer: Json | None = None  # of the latest request


class TemplateTaps:
    """Carries out presses. `send` pushes a callback to the bot and returns what the person saw."""

    def __init__(self, state: SandboxState, send: Send) -> None:
        self._state = state
        self._send = send
        self._actions: dict[str, Callable[[Press, Step, str], Awaitable[bool]]] = {
            "request": self._request, "url": self._open, "setLocalState": self._set_local,
            "toast": self._toast, "copy": self._copy, "confirm": self._confirm, "select": self._menu,
            "actionSheet": self._menu, "selectOption": self._choose, "eventChain": self._chain,
            "none": self._nothing, "": self._nothing,
        }  # fmt: skip

    async def press(self, card: Card, person: Person, wanted: str, given: Mapping[str, Any]) -> Json:
        """Press a control: its key or action id, or `key/path` of a step inside it.

        `given` are the values of a form, `{"value": …}` of a field, or the params that tell buttons with the
        same action id apart. Returns the answer of the bot with `effects`. Raises `UsageError`.
        """
        key, *path = wanted.split("/")
        view = card_view(self._state, card, person.id)
        control = view.find(key, given) if view else None
        if control is None:
            known = ", ".join(dict.fromkeys(c.action_id for c in view.controls.values())) if view else ""
            log.warning(
                "card %s: there is no action %r; it has %s", card.out_track_id, wanted, known or "none"
            )
            return {"ok": False, "reason": "no such button"}
        step = _step_at(control, path)
        if step is None or (control.disabled and not path):
            return {"ok": False, "reason": "disabled" if step else "no such button"}
        press = Press(card=card, person=person, control=control, scope=control.scope)
        try:
            self._read_values(press, given)
        except ValueError as problem:
            return {"ok": False, "reason": "required", "message": str(problem)}
        await self._run(press, step, wanted)
        for message in self._state.conversations.find_by_card(card.out_track_id):
            self._state.conversations.publish_change(message)
        return (press.answer or {"ok": True, "private": {}}) | {"effects": press.effects}

    def _read_values(self, press: Press, given: Mapping[str, Any]) -> None:
        control = press.control
        if control.kind == "form":
            press.params = control.params | {control.action_id: form_values(control.fields, given)}
        elif control.kind == "field":
            if "value" not in given:
                raise UsageError('expected params {"value": …} for a field')
            press.value = field_value(control.fields[0], given["value"])
            press.params = control.params | {control.fields[0]["name"]: press.value}
        elif control.is_request:
            press.params = control.params

    async def _run(self, press: Press, step: Step, key: str) -> bool:
        """Carry out a step and its callbacks. Returns whether it succeeded."""
        press.left -= 1
        if press.left < 0:
            return False
        act = self._actions.get(step.action.kind)
        if act is None:
            log.warning("not emulated: action %s", step.action.kind)
            press.effects.append({"kind": "unsupported", "text": step.action.kind})
            return False
        done = await act(press, step, key)
        outcome = "success" if done else "failure"
        side = "left" if press.scope.holds(step.condition(outcome)) else "right"
        if following := step.callback(outcome, f"{side}Event"):
            await self._run(press, following, f"{key}/{outcome}-{side}Event")
        return done

    async def _nothing(self, press: Press, step: Step, key: str) -> bool:
        del step, key
        if press.control.kind == "field":
            return True
        press.answer = press.answer or {"ok": False, "reason": "not a callback button"}
        return False

    async def _request(self, press: Press, step: Step, key: str) -> bool:
        control, action = press.control, step.action
        own = press.params is not None and key.count("/") == 0
        params = press.params if own else action.params(press.scope)
        id_ = control.action_id if own else action.action_id(press.scope)
        press.answer = await self._send(press.card, press.person, id_, params or {})
        done = press.answer["ok"] is True
        answer = press.answer.get("answer") or {}
        event = {
            "cardData": card_rules.parse_param_map(answer.get("cardData")),
            "cardPrivateData": card_rules.parse_param_map(answer.get("userPrivateData")),
        }
        data = card_data(press.card, press.person.id)
        press.scope = replace(press.scope, data=data).after(event)
        self._request_toast(press, step, done)
        return done

    def _request_toast(self, press: Press, step: Step, done: bool) -> None:
        """Show the toasts of a request. They need a condition of success (card "03/0009")."""
        props, scope = step.action.props, press.scope
        condition = props.get("successCondition")
        judged = isinstance(condition, dict) and condition.get("conditions")
        if press.control.kind == "cell":
            text, tone = scope.value("_tableRequestMessage"), scope.value("_tableRequestStatus")
            self._show(press, scope.text(text), TOAST_TONES.get(int(as_number(tone) or 0), "info"))
        elif judged or not done:
            good = done and scope.holds(condition)
            self._show(
                press,
                scope.text(props.get("successToast" if good else "failureToast")),
                "success" if good else "error",
            )

    def _show(self, press: Press, text: str, tone: str) -> None:
        if text:
            press.effects.append({"kind": "toast", "text": text, "tone": tone})

    async def _open(self, press: Press, step: Step, key: str) -> bool:
        del key
        link = step.action.link(press.scope)
        if link:
            press.effects.append({"kind": "open", "url": link})
        return bool(link)

    async def _toast(self, press: Press, step: Step, key: str) -> bool:
        del key
        tone = TOAST_TONES.get(int(as_number(step.action.props.get("toastType")) or 0), "info")
        self._show(press, press.scope.text(step.action.props.get("toastContent")), tone)
        return True

    async def _copy(self, press: Press, step: Step, key: str) -> bool:
        del key
        props = step.action.props
        text = press.scope.text(props.get("copyValue")) or press.scope.text(props.get("copyVariable"))
        press.effects.append({"kind": "copy", "text": text})
        return bool(text)

    async def _confirm(self, press: Press, step: Step, key: str) -> bool:
        props, text = step.action.props, press.scope.text
        dialog: Json = {
            "kind": "confirm",
            "title": text(props.get("confirmTitle")),
            "text": text(props.get("confirmMessage")),
        }
        for name, prop in (("ok", "confirmOk"), ("cancel", "confirmCancel")):
            acts = props.get(f"{prop}Action") not in {None, "", "none"}
            dialog[name] = {
                "text": text(props.get(f"{prop}Text")),
                "control": f"{key}/{name}" if acts else "",
            }
        press.effects.append(dialog)
        return True

    async def _menu(self, press: Press, step: Step, key: str) -> bool:
        text, props = press.scope.text, step.action.props
        items = [
            {"text": text(o.get("text") or o.get("label") or o.get("title")), "control": f"{key}/{at}"}
            for at, o in enumerate(menu_options(props))
        ]
        title = text(props.get("actionSheetTitle")) if step.action.kind == "actionSheet" else ""
        press.effects.append({"kind": "menu", "title": title, "items": items})
        return True

    async def _choose(self, press: Press, step: Step, key: str) -> bool:
        """Choose an item of a menu that has no events of its own."""
        props, at = step.action.props, int(step.action.props["selectedIndex"])
        value = {
            "index": at,
            "value": press.scope.text(menu_options({**props, "actionType": "select"})[at].get("value")),
        }
        if props.get("selectActionType") == "request":
            params = resolve_params(props.get("selectParams"), press.scope) | value
            press.answer = await self._send(press.card, press.person, press.control.action_id, params)
            return press.answer["ok"] is True
        for prop, kept in (("selectDataKey", value), ("selectIndex", at)):
            if name := _bound_name(props.get(prop)):
                self._keep(press, name, kept)
        return True

    async def _chain(self, press: Press, step: Step, key: str) -> bool:
        """Run the events of a chain. An event that fails ends it, as does one that waits for a person."""
        for at in range(len(step.action.events())):
            event = step.child(str(at))
            if event is None or not await self._run(press, event, f"{key}/{at}"):
                return False
            if event.action.kind in {"confirm", "select", "actionSheet"}:
                return True
        return True

    async def _set_local(self, press: Press, step: Step, key: str) -> bool:
        """Set a local variable: to the value of a field, or to the one that the action names."""
        props, scope = step.action.props, press.scope
        if press.control.kind == "field" and key.count("/") == 0:
            name, inner = local_target(press.control.component, scope)
            value = press.value
        else:
            name, inner = _bound_name(props.get("localVarAction")), ""
            value = _local_value(props, scope, name)
        if name:
            self._keep(press, name, value, inner)
        return bool(name)

    def _keep(self, press: Press, name: str, value: Any, inner: str = "") -> None:
        declared = press.scope.template.variables.get(name)
        kept = press.card.local.setdefault(press.person.id, {})
        typed = _as_numbers(value) if declared and declared.type.startswith("number") else value
        old = kept.get(name)
        kept[name] = {**(old if isinstance(old, dict) else {}), inner: typed} if inner else typed
        press.scope = replace(press.scope, data=card_data(press.card, press.person.id))


def _step_at(control: Control, path: list[str]) -> Step | None:
    step: Step | None = Step(action=control.action)
    for token in path[:MAX_STEPS]:
        step = step.child(token) if step else None
    return step


def _bound_name(given: Any) -> str:
    name = given.get("variable") if isinstance(given, dict) else None
    return name if isinstance(name, str) else ""


def _local_value(props: Mapping[str, Any], scope: Scope, name: str) -> Any:
    declared = scope.template.variables.get(name)
    kind = declared.type if declared else "string"
    if kind == "number":
        return scope.number(props.get("numberLocalValue"))
    return (
        scope.boolean(props.get("booleanLocalValue"))
        if kind == "boolean"
        else scope.text(props.get("stringLocalValue"))
    )


def _as_numbers(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_numbers(one) for one in value]
    number = as_number(value)
    return int(number) if number is not None and number.is_integer() else number
