"""Messages of the robot of a group's template ("0763").

The templates and their placeholders are those that the page lists for internal apps, and its official one.
Values may be objects, as in its examples, or JSON text, as in its table.
"""

import json
from typing import Any

from dingtalk_sandbox.api.conversations.access import find_group, owns_template
from dingtalk_sandbox.api.pipeline import Call, Endpoint, Family, is_true, oapi_answer
from dingtalk_sandbox.api.robots.sending import build_message
from dingtalk_sandbox.conversations import Rendering, new_id
from dingtalk_sandbox.errors import Json, oapi_error
from dingtalk_sandbox.scene.groups import Group
from dingtalk_sandbox.state import SandboxState

MAX_MENTIONS = 50
MAX_BUTTONS = 4
PHOTO = "img_media_id"
TEMPLATES = {
    "inner_app_template_text": ("text", "content"),
    "inner_app_template_markdown": ("markdown", "markdown_content"),
    "inner_app_template_photo": ("markdown", PHOTO),
    "inner_app_template_action_card": ("action_card", "markdown"),
    "offical_template_test_action_card": ("action_card", "markdown"),  # DingTalk's spelling
}
"""The kind of message of each template, and the placeholder that it needs."""


def send(state: SandboxState, call: Call) -> Json:
    group, values = _group(state, call), _values(call)
    rendering = _render(state, call, values)
    message = build_message(state, call.app, call, rendering)
    message.conversation, message.query_key = group.id, new_id("")
    message.recipients = _people(state, call, "receiver_user_ids", "receiver_union_ids", "receiver_mobiles")
    mentions = _people(state, call, "at_users", "", "at_mobiles")
    if len(mentions) > MAX_MENTIONS:
        raise oapi_error(40036, "at_users")
    message.content = message.content | {
        "mentions": {"rings": list(mentions), "silent": [], "all": is_true(call.body.get("is_at_all"))}
    }
    state.conversations.add(message)
    return oapi_answer(success=True, open_msg_id=message.query_key)


def _group(state: SandboxState, call: Call) -> Group:
    id_, robot = call.body.get("target_open_conversation_id"), call.body.get("robot_code")
    if not id_:
        raise oapi_error(660001, "群编码为空")
    if not robot:
        raise oapi_error(660002, "机器人编码为空")
    group = find_group(state, id_)
    if group is None:
        raise oapi_error(660015, "查无此场景群")
    if not group.template or not owns_template(state, call, group):
        raise oapi_error(660012, "不允许往该群发送卡片")
    if robot != call.app.robot:
        raise oapi_error(660014, "查无此机器人")
    if robot not in group.robots:
        raise oapi_error(660016, "机器人不可用")
    return group


def _object(call: Call, name: str) -> dict[str, str]:
    given: Any = call.body.get(name) or {}
    try:
        values = json.loads(given) if isinstance(given, str) else given
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise oapi_error(660025, f"消息模板渲染失败 {name}")
    return values


def _values(call: Call) -> dict[str, str]:
    """Return the values of both maps, which share no key."""
    texts, media = _object(call, "msg_param_map"), _object(call, "msg_media_id_param_map")
    if texts.keys() & media.keys():
        raise oapi_error(660020, "重复的占位符KEY")
    return texts | media


def _render(state: SandboxState, call: Call, values: dict[str, str]) -> Rendering:
    id_ = call.body.get("msg_template_id")
    if not id_:
        raise oapi_error(660027, "消息模板ID为空")
    if not isinstance(id_, str) or id_ not in TEMPLATES:
        raise oapi_error(660024, "查无此消息模板")
    kind, needed = TEMPLATES[id_]
    if not values.get(needed):
        raise oapi_error(660025, f"消息模板渲染失败 {needed}")
    text = values[needed]
    if needed == PHOTO:
        if text not in state.media:
            raise oapi_error(660018, "查询图片文件地址失败")
        text = f"![]({text})"
    content: Json = {"msgtype": kind, "title": values.get("title", ""), "text": text}
    if kind == "action_card":
        content |= {
            "orientation": str(int(values.get("btn_orientation") == "2")),
            "buttons": _buttons(values),
        }
    return Rendering(kind=kind, content=content)


def _buttons(values: dict[str, str]) -> list[Json]:
    pairs = [(values.get(f"btn_title_{n}"), values.get(f"action_url_{n}")) for n in range(1, MAX_BUTTONS + 1)]
    return [{"text": title, "url": url} for title, url in pairs if title and url]


def _names(given: Any) -> list[str]:
    """Return the names of a list: an array, one as JSON text, or a text with commas."""
    if isinstance(given, str) and given.startswith("["):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            raise oapi_error(660022, "接收人识别失败") from None
    listed = given if isinstance(given, list) else str(given).split(",")
    return [str(each).strip() for each in listed if str(each).strip()]


def _people(state: SandboxState, call: Call, users: str, unions: str, mobiles: str) -> tuple[str, ...]:
    """Return the ids of people named by lists with commas. Raises `ApiError` for an unknown one."""
    people = state.scenario.people
    known = {users: {p.id: p.id for p in people}, mobiles: {p.mobile: p.id for p in people if p.mobile}}
    known |= {unions: {p.union_id: p.id for p in people}} if unions else {}
    found: list[str] = []
    for name, ids in known.items():
        named = _names(call.body.get(name) or "")
        if any(each not in ids for each in named):
            raise oapi_error(660022, "接收人识别失败")
        found += [ids[each] for each in named]
    return tuple(dict.fromkeys(found))


ENDPOINTS = (
    Endpoint(
        method="POST", path="/topapi/im/chat/scencegroup/message/send_v2", handler=send, family=Family.OLD,
        scope="qyapi_chat_manage",
    ),
)  # fmt: skip
