"""Shortcut bar of the one-to-one chat with a robot: set ("0727"), query ("0728"), clear ("0729")."""

import json
from dataclasses import replace

from dingtalk_sandbox.api.pipeline import Call, Endpoint, Handler
from dingtalk_sandbox.api.robots.addresses import AddressCodes, robot_code, robot_endpoint
from dingtalk_sandbox.errors import Json, api_error
from dingtalk_sandbox.state import SandboxState

SCOPE = "Robot.SingleChat.ReadWrite"
ILLEGAL_CODE = "param.illegal"
FIELDS = ("name", "icon", "pcUrl", "mobileUrl")
CODES = AddressCodes(
    robot_missing=ILLEGAL_CODE,
    robot_wrong="invalidRequest.robotCodeNotMatch",
    robot_unknown="invalidRequest.robotNotExist",
)


def _parse_shortcut(state: SandboxState, entry: object) -> Json:
    """Return the fields of a shortcut. The name and an uploaded icon are required."""
    if not isinstance(entry, dict):
        raise api_error(ILLEGAL_CODE, "pluginInfoList")
    found = {field: entry[field] for field in FIELDS if entry.get(field)}
    if not all(isinstance(value, str) for value in found.values()):
        raise api_error(ILLEGAL_CODE, "pluginInfoList")
    if "name" not in found:
        raise api_error(ILLEGAL_CODE, "name不能为空")
    _check_name(found["name"])
    if found.get("icon") not in state.media:
        raise api_error(ILLEGAL_CODE, "无效的icon")
    return found


def _check_name(name: str) -> None:
    """Check a name by language, such as `{"zh_CN": "状态"}`. A name without braces is one for all."""
    if not name.lstrip().startswith("{"):
        return
    try:
        names = json.loads(name)
    except (ValueError, RecursionError):
        raise api_error("invalidRequest.jsonFormatErroj", "json格式错误") from None  # DingTalk's spelling
    if not names or not all(isinstance(each, str) for each in names.values()):
        raise api_error("invalidRequest.jsonFormatErroj", "json格式错误")


def set_shortcuts(state: SandboxState, call: Call) -> Json:
    """Append shortcuts: the harder case, as the page does not say if a second call replaces the first.

    The robot may be omitted: it is that of the app then.
    """
    robot = robot_code(call, CODES) if call.body.get("robotCode") else call.app.robot
    entries = call.body.get("pluginInfoList")
    if not isinstance(entries, list) or not entries:
        raise api_error(ILLEGAL_CODE, "pluginInfoList")
    parsed = [_parse_shortcut(state, entry) for entry in entries]
    state.shortcuts.setdefault(robot, []).extend(parsed)
    return {"result": True}


def query_shortcuts(state: SandboxState, call: Call) -> Json:
    return {"pluginInfoList": state.shortcuts.get(robot_code(call, CODES), [])}


def clear_shortcuts(state: SandboxState, call: Call) -> Json:
    state.shortcuts.pop(robot_code(call, CODES), None)
    return {"result": True}


def _endpoint(verb: str, handler: Handler) -> Endpoint:
    return replace(robot_endpoint(f"plugins/{verb}", handler, scope=SCOPE), malformed_code=ILLEGAL_CODE)


ENDPOINTS = (
    _endpoint("set", set_shortcuts),
    _endpoint("query", query_shortcuts),
    _endpoint("clear", clear_shortcuts),
)
