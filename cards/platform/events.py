"""The properties of a component that can be clicked, as the card builder exports them.

The builder exports all of them, whatever the click does. Here a click does nothing, or it sends a callback
(`request`, 0009-interactive-mode).
"""

from collections.abc import Mapping
from typing import Any

Props = Mapping[str, Any]


def text(content: str = "") -> Props:
    """Return a text, in which `${name}` is a variable (0002-outline-tree-panel)."""
    return {"type": "dynamicString", "content": content, "i18n": False}


def variable(name: str = "", scope: str = "global") -> Props:
    """Return a reference to a variable: of the card, or of the item that a `Loop` repeats (`loop`)."""
    return {"type": "variableValue", "variable": name, "variableType": scope}


def value(kind: str, fixed: object, name: str = "", scope: str = "global") -> Props:
    """Return a value of a kind such as `dynamicNumber`: a fixed one, or that of a variable."""
    source = "variable" if name else "fixed"
    return {"type": kind, "valueType": source, "value": fixed, "variable": name, "variableType": scope}


def visible(name: str = "", op: str = "isTrue") -> Props:
    """Return a condition on one variable, or none: always visible (0006-conditional-rendering-card)."""
    test = {"type": "variable", "variable": name, "variableType": "global", "op": op, "value": ""}
    tests = [{**test, "valueType": "fixed", "valueVariableType": "global"}] if name else []
    return {
        "type": "dynamicVisible",
        "value": True,
        "valueType": "condition" if name else "fixed",
        "condition": {"op": "and", "conditions": tests},
    }


def parameter(name: str = "", source: str = "") -> Props:
    """Return a parameter of a callback, with the value of a field of the repeated item."""
    return {
        "id": "1",
        "name": name,
        "type": "variable" if source else "fixed",
        "value": "",
        "variable": source,
        "variableType": "loop" if source else "global",
    }


def click(action: str = "", *parameters: Props) -> Props:
    """Return what a click does: a callback with the id `action` and its parameters, or nothing."""
    return {
        "actionType": "request" if action else "url",
        "actionId": text(action),
        "params": list(parameters) or [parameter()],
        "successCondition": {"op": "and", "conditions": []},
        "successToast": text(),
        "failureToast": text(),
        "disabledWhileForward": False,
        "events": [],
        **_UNUSED,
    }


_LINK = value("dynamicLink", "")

_UNUSED: Props = {
    **{"urlType": "all", "isDtmd": False},
    **dict.fromkeys(("url", "androidUrl", "pcUrl", "iosUrl"), _LINK),
    **{"copyValue": text(), "customHandler": "", "dataSources": []},
    **{"statPoint": text(), "statPointParams": []},
    **{"actionSheetTitle": text(), "actionSheetMessage": text(), "actionSheetItems": []},
    **{"confirmTitle": text(), "confirmMessage": text()},
    **{"confirmOkText": text(), "confirmOkAction": "request", "confirmOkReqActionActionId": text()},
    **{"confirmOkReqActionParams": [parameter()], "confirmOkReqActionToast": text()},
    **{"confirmCancelText": text(), "confirmCancelAction": "none", "confirmCancelReqActionActionId": text()},
    **{"confirmCancelReqActionParams": [parameter()], "confirmCancelReqActionToast": text()},
    **{"toastContent": text(), "toastType": 1},
    **{"localVarAction": variable(), "stringLocalValue": text()},
    "booleanLocalValue": value("dynamicBoolean", fixed=False),
    "numberLocalValue": value("dynamicNumber", 0),
    **{"openModalTitle": text(), "openModalHeight": 500, "openModalWidth": 400},
    **{"selectActionType": "setLocalState", "selectDataKey": variable(), "selectParams": []},
    **{"selectOptions": value("dynamicSelectOptions", []), "selectIndex": variable()},
    **{"fixWidth": False, "fixedWidth": 0, "autoWidth": False},
    **{"updateTargetVariable": variable(), "updateTargetValue": variable()},
    **{"apiName": text(), "apiParams": [parameter()], "apiRetLocalVar": variable()},
    **{"jsapiName": text(), "jsapiParams": [parameter()], "jsapiRetLocalVar": variable()},
}
"""Further actions of a click. The builder keeps the list empty."""
