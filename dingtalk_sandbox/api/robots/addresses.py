"""The robot and the conversation that a call names. Each page has its own codes for wrong ones."""

from dataclasses import dataclass, replace

from dingtalk_sandbox.api.pipeline import Call, Endpoint, Handler
from dingtalk_sandbox.errors import api_error
from dingtalk_sandbox.scene.groups import Group
from dingtalk_sandbox.state import SandboxState

SCOPE = "qyapi_robot_sendmsg"
INVALID_CODE = "invalidParameter.param.invalid"


@dataclass(frozen=True, kw_only=True)
class AddressCodes:
    """The codes of one page for a wrong robot or conversation."""

    robot_missing: str
    robot_wrong: str
    robot_unknown: str = "resource.not.found"  # no version of the app is published
    conversation_missing: str = "miss.openConversationId"
    conversation_wrong: str = "invalid.openConversationId"
    foreign: str = "conversation.org.notMatch"
    disbanded: str = "group.disbanded"


SENDING = AddressCodes(
    robot_missing="invalidParameter.robotCode.empty", robot_wrong="invalidParameter.robotCode.auth"
)
"""Of "0715" and "0716"."""
SENDING_TO_PEOPLE = AddressCodes(
    robot_missing="invalidParameter.robotCode.empty",
    robot_wrong="invalidParameter.robotCode.invalid",
    robot_unknown="invalidParameter.robotCode.notExsit",
)
"""Of "0714"."""
QUERYING = AddressCodes(
    robot_missing="invalidParameter.robotCode.missing",
    robot_wrong="invalidParameter.robotCode.invalid",
    robot_unknown="invalidParameter.robotCode.notExsit",
    conversation_missing="openConversationId.notExisted",
    foreign="conversation.org.dismatch",
    disbanded="invalid.openConversationId",
)
"""Of "0720", "0721" and "0722"."""
RECALLING = AddressCodes(
    robot_missing="miss.chatbotId",
    robot_wrong="invalidParameter.robotCode",
    robot_unknown="invalidParameter.robotCode",
    foreign="invalid.openConversationId",
    disbanded="invalid.openConversationId",
)
"""Of "0724" and "0725"."""
RECALLING_FROM_PEOPLE = replace(RECALLING, robot_missing=INVALID_CODE)
"""Of "0723"."""


def robot_code(call: Call, codes: AddressCodes = SENDING) -> str:
    """Return the robotCode, which must be the app's own. Raises `ApiError`."""
    code = call.body.get("robotCode") or call.query.get("robotCode")
    if not code:
        raise api_error(codes.robot_missing, "robotCode不能为空")
    if code != call.app.robot:
        raise api_error(codes.robot_wrong, "robotCode与appKey不匹配")
    if not call.app.published:
        raise api_error(codes.robot_unknown, "robot 不存在")
    return str(code)


def find_conversation(
    state: SandboxState, call: Call, codes: AddressCodes, *, private: bool = False
) -> Group:
    """Return the group, or the chat of two people, in which the app's robot is. Raises `ApiError`."""
    id_ = call.body.get("openConversationId")
    if not id_:
        raise api_error(codes.conversation_missing, "openConversationId不能为空")
    group = state.scenario.group(id_) if isinstance(id_, str) else None
    if group is None or group.private is not private:
        raise api_error(codes.conversation_wrong, "无效的openConversationId")
    if group.foreign:
        raise api_error(codes.foreign, "会话不属于当前企业")
    if group.disbanded:
        raise api_error(codes.disbanded, "群已经解散")
    if call.app.robot not in group.robots:
        raise api_error("invalidParameter.robotCode.notExsit", "机器人不在群内")
    return group


def robot_endpoint(path: str, handler: Handler, *, method: str = "POST", scope: str = SCOPE) -> Endpoint:
    path = f"/v1.0/robot/{path}"
    return Endpoint(method=method, path=path, handler=handler, scope=scope, malformed_code=INVALID_CODE)
