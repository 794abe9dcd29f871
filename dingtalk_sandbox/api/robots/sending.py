"""Messages of a robot: to a group ("0716"), to people ("0714"), into a chat of two people ("0715").

The list of the robots of a group is "0726".
"""

from dataclasses import replace

from dingtalk_sandbox.api.pipeline import Call, Endpoint
from dingtalk_sandbox.api.robots.addresses import (
    SENDING,
    SENDING_TO_PEOPLE,
    find_conversation,
    robot_code,
    robot_endpoint,
)
from dingtalk_sandbox.conversations import Message, Rendering, Sender, new_id
from dingtalk_sandbox.errors import Json, api_error
from dingtalk_sandbox.scenario import App
from dingtalk_sandbox.scene.groups import Group
from dingtalk_sandbox.settings import DOCUMENTED
from dingtalk_sandbox.state import SandboxState
from dingtalk_sandbox.validation import robots as rules

COOL_APP_CODE = "invalidParameter.robotCode.coolApp"
APP_ROBOT = 2  # type of a robot of an internal app


def build_message(state: SandboxState, app: App, call: Call, rendering: Rendering) -> Message:
    """Build a message of the robot. The caller sets its conversation."""
    return Message(
        id=new_id("msg"),
        conversation="",
        kind=rendering.kind,
        sender=Sender(id=app.robot, name=app.robot_name, robot=True),
        at=state.clock.now(),
        content=rendering.content,
        media_id=rendering.media_id,
        file_name=rendering.file_name,
        robot=app.robot,
        exchange=call.exchange,
    )


def _parse_message(state: SandboxState, call: Call) -> Rendering:
    rendering = rules.parse_message(call.body)
    if rendering.media_id and rendering.media_id not in state.media:
        raise api_error(rules.INVALID_PARAM_CODE, "无效的mediaId")
    _check_file_type(state, call, rendering.content.get("fileType", ""))
    return rendering


def _check_file_type(state: SandboxState, call: Call, file_type: str) -> None:
    """Refuse a type that the page does not name, or warn of it, as bots send such files and they arrive."""
    if not file_type or rules.is_documented(file_type):
        return
    if state.settings.file_types == DOCUMENTED:
        raise api_error(rules.UNSUPPORTED_CODE, f"fileType {file_type} is not supported")
    call.warn(f"fileType {file_type} is not documented")


def send_to_group(state: SandboxState, call: Call) -> Json:
    robot_code(call)
    rendering = _parse_message(state, call)
    group = find_conversation(state, call, SENDING)
    if group.cool_app:
        _check_cool_app(call, group)
    return _send(state, call, group, rendering)


def send_to_private_chat(state: SandboxState, call: Call) -> Json:
    """Send into a chat of two people, in which a cool app has put the robot."""
    robot_code(call)
    rendering = _parse_message(state, call)
    chat = find_conversation(state, call, SENDING, private=True)
    _check_cool_app(call, chat)
    return _send(state, call, chat, rendering)


def _check_cool_app(call: Call, group: Group) -> None:
    given = call.body.get("coolAppCode")
    if not given or given != group.cool_app:
        raise api_error(COOL_APP_CODE, "酷应用编码无效")


def _send(state: SandboxState, call: Call, group: Group, rendering: Rendering) -> Json:
    message = build_message(state, call.app, call, rendering)
    message.conversation, message.query_key = group.id, new_id("")
    state.conversations.add(message)
    return {"processQueryKey": message.query_key}


def send_to_people(state: SandboxState, call: Call) -> Json:
    """Send one-to-one messages. Users who cannot be reached are listed in the 200 response."""
    robot_code(call, SENDING_TO_PEOPLE)
    if not call.body.get("userIds"):
        raise api_error("invalidParameter.userIds.empty", "userIds不能为空")
    users = rules.parse_strings(call.body["userIds"], rules.MAX_USERS)
    if users is None:
        many = isinstance(call.body["userIds"], list) and len(call.body["userIds"]) > rules.MAX_USERS
        raise api_error("invalidParameter.userIds.overMax" if many else "invalidParameter.param.invalid")
    rendering, key = _parse_message(state, call), new_id("")
    people = {user: state.scenario.colleague(user) for user in dict.fromkeys(users)}
    for person in filter(None, people.values()):
        message = build_message(state, call.app, call, rendering)
        message.conversation, message.query_key = person.direct_conversation, key
        state.conversations.add(message)
    invalid = [user for user, person in people.items() if person is None]
    return {"processQueryKey": key, "invalidStaffIdList": invalid, "flowControlledStaffIdList": []}


def list_robots(state: SandboxState, call: Call) -> Json:
    """List the robots of a group ("0726")."""
    id_ = call.body.get("openConversationId")
    group = state.scenario.group(id_) if isinstance(id_, str) else None
    if group is None:
        raise api_error("illegal.openconevrsation.id", "无效的会话id")  # DingTalk's spelling
    if group.foreign:
        raise api_error("unauthorized", "调用权限不足")
    apps = [app for app in map(state.scenario.app_by_robot, group.robots) if app]
    found = [
        {"robotCode": app.robot, "name": app.robot_name, "downloadIconURL": "", "openRobotType": APP_ROBOT}
        for app in apps
    ]
    return {"chatbotInstanceVOList": found}


def _sending(path: str, handler: object) -> Endpoint:
    endpoint = robot_endpoint(path, handler)  # type: ignore[arg-type]  # a table of handlers
    return replace(endpoint, size_limit=rules.MAX_PARAM_BYTES, measure_size=_param_size)


def _param_size(call: Call) -> int:
    return rules.param_size(call.body)


ENDPOINTS = (
    _sending("groupMessages/send", send_to_group),
    _sending("oToMessages/batchSend", send_to_people),
    _sending("privateChatMessages/send", send_to_private_chat),
    robot_endpoint("groups/robots/query", list_robots, scope="qyapi_chat_manage"),
)
