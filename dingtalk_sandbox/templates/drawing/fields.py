"""Interactive components and forms (card "03/0010", "03/0014"): what is filled in, and what is sent."""

from collections.abc import Callable, Mapping
from typing import Any

from dingtalk_sandbox.errors import Json, UsageError
from dingtalk_sandbox.templates.actions import Action, component_action, resolve_params
from dingtalk_sandbox.templates.document import Component
from dingtalk_sandbox.templates.drawing.canvas import MAX_ITEMS, Canvas, Control, key_of
from dingtalk_sandbox.templates.scope import Scope
from dingtalk_sandbox.templates.values import as_number, as_text, find_path, is_true

MAX_FIELDS = 100
MAX_TEXT = 5000  # characters of one field
FORM_KINDS = {
    "TEXT": "text", "TEXT_ARRAY": "texts", "TEXT_AREA": "textarea", "NUMBER": "number", "SELECT": "select",
    "MULTI_SELECT": "multi_select", "DATE": "date", "TIME": "time", "DATETIME": "datetime",
    "CHECKBOX": "checkbox", "SWITCH": "switch", "CHECKBOX_GROUP": "radio", "MULTI_CHECKBOX_GROUP": "checks",
}  # fmt: skip
Reader = Callable[[Json, Any], Any]
PICKERS = {"date": "date", "time": "time", "datetime": "datetime"}


def options_of(given: Any, scope: Scope) -> list[Json]:
    """Return `[{value, text}]` of a list of options, bound or fixed."""
    value = scope.resolve(given) if isinstance(given, dict) else given
    items = value if isinstance(value, list) else []
    return [
        {"value": scope.text(one.get("value")), "text": scope.text(one.get("text") or one.get("label"))}
        for one in items[:MAX_ITEMS]
        if isinstance(one, dict)
    ]


def draw_form(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    """Draw a Form. Hidden fields are sent and not shown."""
    props = component.props
    schema = scope.resolve(props.get("formSchema"))
    given = schema.get("fields") if isinstance(schema, dict) else None
    fields = (
        [_form_field(one) for one in given[:MAX_FIELDS] if isinstance(one, dict)]
        if isinstance(given, list)
        else []
    )
    name = scope.text(props.get("id")) or "form"
    control = Control(
        key=key_of(component, scope), kind="form", scope=scope,
        text=scope.text(props.get("submitText")) or "提交",
        action=Action(props={**props, "actionType": "request"}, default_id=name), component=component,
        action_id=name, params=resolve_params(props.get("params"), scope),
        disabled=scope.text(props.get("status")) == "disabled", fields=tuple(fields),
    )  # fmt: skip
    canvas.add(control)
    shown = [field for field in fields if not field["hidden"]]
    head = {"type": "form", "control": control.key, "submit": control.text}
    return [head | {"disabled": control.disabled, "fields": shown}] if fields else []


def _form_field(given: Json) -> Json:
    name, kind = as_text(given.get("name")), FORM_KINDS.get(as_text(given.get("type")), "text")
    label = as_text(given.get("label"))
    options = given.get("options")
    choices = options[:MAX_ITEMS] if isinstance(options, list) else []
    field: Json = {
        "name": name, "label": label, "kind": kind, "placeholder": as_text(given.get("placeholder")),
        "required": given.get("required") is True, "readOnly": given.get("readOnly") is True,
        "hidden": given.get("hidden") is True,
        "error": as_text(given.get("requiredMsg")) or f"{label}是必填项",
        "options": [
            {"value": as_text(o.get("value")), "text": as_text(o.get("text"))}
            for o in choices if isinstance(o, dict)
        ],
    }  # fmt: skip
    return field | {"value": _default(kind, given.get("defaultValue"))}


def _default(kind: str, given: Any) -> Any:
    """Return a default as the page takes it: options by value, lists of values, texts, truth."""
    value = given.get("value") if isinstance(given, dict) else given
    if kind in {"checkbox", "switch"}:
        return is_true(value)
    if kind in {"multi_select", "checks", "texts"}:
        return [as_text(v) for v in value] if isinstance(value, list) else []
    return as_text(value)


def form_values(fields: tuple[Json, ...], given: Mapping[str, Any]) -> Json:
    """Return the values of a form as DingTalk sends them. Empty ones are left out.

    Raises `UsageError` for an unknown field and a value of a wrong type, and `ValueError` with the text that
    the person sees if a required field is empty.
    """
    names = [field["name"] for field in fields]
    if unknown := sorted(set(given) - set(names)):
        raise UsageError(f"no such field: {', '.join(unknown)}; the form has {', '.join(names)}")
    found: Json = {}
    for field in fields:
        editable = field["name"] in given and not field["readOnly"] and not field["hidden"]
        value = field_value(field, given[field["name"]] if editable else field["value"])
        if value in (None, "", []):
            if field["required"] and not field["hidden"]:
                raise ValueError(field["error"])
        elif value is not False or field["name"] in given:
            found[field["name"]] = value
    return found


def field_value(field: Json, given: Any) -> Any:
    """Return the value of a field as it is sent. Raises `UsageError` if it does not fit the field."""
    if given is None:
        return None
    read: Reader = READERS.get(field["kind"], _read_text)
    return read(field, given)


def _read_text(field: Json, given: Any) -> str:
    if not isinstance(given, str | int | float) or len(str(given)) > MAX_TEXT:
        raise UsageError(f"{field['name']} must be a text of at most {MAX_TEXT} characters")
    return as_text(given)


def _read_number(field: Json, given: Any) -> Any:
    if given == "":
        return ""
    number = None if isinstance(given, bool) else as_number(given)
    if number is None:
        raise UsageError(f"{field['name']} must be a number")
    return int(number) if number.is_integer() else number


def _read_truth(field: Json, given: Any) -> bool:
    if not isinstance(given, bool):
        raise UsageError(f"{field['name']} must be true or false")
    return given


def _read_texts(field: Json, given: Any) -> list[str]:
    if not isinstance(given, list) or len(given) > MAX_ITEMS:
        raise UsageError(f"{field['name']} must be a list")
    return [text for one in given if (text := _read_text(field, one))]


def _index(field: Json, value: str) -> int:
    values = [option["value"] for option in field["options"]]
    if value not in values:
        raise UsageError(f"{field['name']} must be one of {', '.join(values)}")
    return values.index(value)


def _read_option(field: Json, given: Any) -> Any:
    """Read the value of an option, or `{index, value}` as DingTalk sends it."""
    value = as_text(given.get("value") if isinstance(given, dict) else given)
    return {"index": _index(field, value), "value": value} if value else ""


def _read_options(field: Json, given: Any) -> Any:
    values = _read_texts(field, given.get("value") if isinstance(given, dict) else given)
    return {"index": [_index(field, v) for v in values], "value": values} if values else []


def _read_radio(field: Json, given: Any) -> str:
    value = _read_text(field, given)
    return value if not value or _index(field, value) >= 0 else ""


def _read_checks(field: Json, given: Any) -> list[str]:
    values = _read_texts(field, given)
    return [v for v in values if _index(field, v) >= 0]


READERS: dict[str, Reader] = {
    "number": _read_number, "checkbox": _read_truth, "switch": _read_truth, "texts": _read_texts,
    "select": _read_option, "multi_select": _read_options, "radio": _read_radio, "checks": _read_checks,
}  # fmt: skip


def draw_input(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    props = component.props
    kind = "textarea" if props.get("textArea") is True else "text"
    return _field(canvas, component, scope, {"kind": kind, "value": scope.text(props.get("currentValue"))})


def draw_date(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    props = component.props
    kind = PICKERS.get(str(props.get("pickerType")), "date")
    return _field(canvas, component, scope, {"kind": kind, "value": scope.text(props.get("currentDate"))})


def draw_select(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    options = options_of(component.props.get("options"), scope)
    current = component.props.get("currentIndex")
    index = int(scope.number(current, -1)) if current else -1
    value = options[index]["value"] if 0 <= index < len(options) else ""
    return _field(canvas, component, scope, {"kind": "select", "options": options, "value": value})


def draw_multi_select(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    options = options_of(component.props.get("options"), scope)
    given = scope.resolve(component.props.get("currentIndexes"))
    indices = [int(i) for i in given if isinstance(i, int)] if isinstance(given, list) else []
    values = [options[i]["value"] for i in indices if 0 <= i < len(options)]
    return _field(canvas, component, scope, {"kind": "multi_select", "options": options, "value": values})


def draw_checkbox(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    checked = is_true(scope.resolve(component.props.get("checked")))
    return _field(canvas, component, scope, {"kind": "checkbox", "value": checked})


def draw_tags(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    """Draw tags of which several can be chosen."""
    raw = scope.resolve(component.props.get("tags"))
    options = [
        {"value": scope.text(tag.get("value")), "text": scope.text(tag.get("label"))}
        for tag in (raw if isinstance(raw, list) else [])[:MAX_ITEMS]
        if isinstance(tag, dict)
    ]
    return _field(canvas, component, scope, {"kind": "checks", "options": options, "value": []})


def draw_check_list(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    """Draw a list of items with a box each. The children of the component describe an item."""
    path, items = scope.items(component.props.get("listData"))
    shown, checked = [], []
    for at, item in enumerate(canvas.take_items(items)):
        inside = scope.inside(path, at, item)
        value = as_text(inside.resolve(component.props.get("updateVarValue")))
        shown.append({"value": value, "children": canvas.children(component, inside)})
        checked += [value] if is_true(find_path(item, "checked")) else []
    if component.name == "CheckboxListMulti":
        return _field(canvas, component, scope, {"kind": "checks", "options": shown, "value": checked})
    first = next(iter(checked), "")
    return _field(canvas, component, scope, {"kind": "radio", "options": shown, "value": first})


def _field(canvas: Canvas, component: Component, scope: Scope, given: Json) -> list[Json]:
    """Register and draw an interactive component. A value that is kept locally replaces the bound one."""
    props = component.props
    action = component_action(component) or Action(props={})
    id_ = scope.text(props.get("id")) or action.default_id or component.id
    disabled = scope.text(props.get("status")) == "disabled" or scope.boolean(props.get("disabled"))
    field: Json = {"name": id_, "options": [], "placeholder": scope.text(props.get("placeholder"))} | given
    local = local_value(component, scope)
    if local is not None:
        field["value"] = _default(field["kind"], local)
    control = Control(
        key=key_of(component, scope), kind="field", text=field["placeholder"] or id_, scope=scope,
        action=action, component=component, action_id=scope.text(props.get("actionId")) or id_,
        params=action.params(scope), disabled=disabled, fields=(field,),
    )  # fmt: skip
    head = {"type": "field", "control": canvas.add(control), "disabled": disabled}
    return [head | {"field": field, "label": scope.text(props.get("title"))}]


def local_target(component: Component, scope: Scope) -> tuple[str, str]:
    """Return the local variable that a component sets, and the key inside it (of a dynamicObject)."""
    props = component.props
    bindings = (props.get(name) for name in ("localVarAction", "localVariable", "singleLocalVariable"))
    names = (b["variable"] for b in bindings if isinstance(b, dict) and isinstance(b.get("variable"), str))
    return next(filter(None, names), ""), scope.text(props.get("keyOfDynamicObject"))


def local_value(component: Component, scope: Scope) -> Any:
    """Return the value that a component has set locally, or None."""
    if component.props.get("actionType") != "setLocalState":
        return None
    name, inner = local_target(component, scope)
    value = scope.data.local.get(name) if name else None
    return value.get(inner) if inner and isinstance(value, dict) else value
