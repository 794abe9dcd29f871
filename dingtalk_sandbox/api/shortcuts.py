"""Shortcut bar of the one-to-one chat with a robot: set ("0727"), query ("0728"), clear ("0729")."""

from dingtalk_sandbox.api.pipeline import Call, Endpoint, Handler
from dingtalk_sandbox.api.robots import robot_code
from dingtalk_sandbox.errors import Json, api_error
from dingtalk_sandbox.state import SandboxState

SCOPE = "Robot.SingleChat.ReadWrite"
INVALID_CODE = "invalidParameter.param.invalid"
FIELDS = ("name", "icon", "pcUrl", "mobileUrl")


def _parse_shortcut(state: SandboxState, entry: object) -> Json:
    """Return the fields of a shortcut. The name and an uploaded icon are required."""
    if not isinstance(entry, dict):
        raise api_error(INVALID_CODE, "pluginInfoList")
    found = {field: entry[field] for field in FIELDS if entry.get(field)}
    if not all(isinstance(value, str) for value in found.values()):
        raise api_error(INVALID_CODE, "pluginInfoList")
    if "name" not in found:
        raise api_error(INVALID_CODE, "name不能为空")
    if found.get("icon") not in state.media:
        raise api_error(INVALID_CODE, "无效的icon")
    return found


def set_shortcuts(state: SandboxState, call: Call) -> Json:
    """Append shortcuts: the harder case, as the page does not say if a second call replaces the first."""
    robot, entries = robot_code(call), call.body.get("pluginInfoList")
    if not isinstance(entries, list) or not entries:
        raise api_error(INVALID_CODE, "pluginInfoList")
    parsed = [_parse_shortcut(state, entry) for entry in entries]
    state.shortcuts.setdefault(robot, []).extend(parsed)
    return {"result": True}


def query_shortcuts(state: SandboxState, call: Call) -> Json:
    return {"pluginInfoList": state.shortcuts.get(robot_code(call), [])}


def clear_shortcuts(state: SandboxState, call: Call) -> Json:
    state.shortcuts.pop(robot_code(call), None)
    return {"result": True}


def _endpoint(verb: str, handler: Handler) -> Endpoint:
    path = f"/v1.0/robot/plugins/{verb}"
    return Endpoint(method="POST", path=path, handler=handler, scope=SCOPE, malformed_code=INVALID_CODE)


ENDPOINTS = (
    _endpoint("set", set_shortcuts),
    _endpoint("query", query_shortcuts),
    _endpoint("clear", clear_shortcuts),
)
