"""Robot messages: send ("0716", "0714"), recall ("0725", "0723"), read status ("0722", "0720")."""

from datetime import timedelta

from dingtalk_sandbox.api.pipeline import Call, Endpoint
from dingtalk_sandbox.conversations import Message, Rendering, Sender, new_id
from dingtalk_sandbox.errors import Json, api_error
from dingtalk_sandbox.scenario import App, Group
from dingtalk_sandbox.state import SandboxState
from dingtalk_sandbox.validation import robots as rules

SCOPE = "qyapi_robot_sendmsg"
DIRECT_MESSAGE_LIFE = timedelta(hours=24)
"""One-to-one messages can be recalled and queried for this long."""


def robot_code(call: Call) -> str:
    """Return the robotCode, which must be the app's own. Raises `ApiError`."""
    code = call.body.get("robotCode") or call.query.get("robotCode")
    if not code:
        raise api_error("invalidParameter.robotCode.empty", "robotCode不能为空")
    if code != call.app.robot:
        raise api_error("invalidParameter.robotCode.auth", "robotCode与appKey不匹配")
    if not call.app.published:
        raise api_error("resource.not.found", "robot 不存在")
    return str(code)


def _group(state: SandboxState, call: Call, robot: str) -> Group:
    id_ = call.body.get("openConversationId")
    if not id_:
        raise api_error("miss.openConversationId", "openConversationId不能为空")
    group = state.scenario.group(id_) if isinstance(id_, str) else None
    if group is None:
        raise api_error("invalid.openConversationId", "无效的openConversationId")
    if group.foreign:  # 0716 and 0722 spell it differently
        words = "dismatch" if call.body.get("processQueryKey") else "notMatch"
        raise api_error(f"conversation.org.{words}", "会话不属于当前企业")
    if robot not in group.robots:
        raise api_error("invalidParameter.robotCode.notExsit", "机器人不在群内")
    return group


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
    return rendering


def send_to_group(state: SandboxState, call: Call) -> Json:
    robot = robot_code(call)
    rendering = _parse_message(state, call)
    message = build_message(state, call.app, call, rendering)
    message.conversation = _group(state, call, robot).id
    message.query_key = new_id("")
    state.conversations.add(message)
    return {"processQueryKey": message.query_key}


def send_to_people(state: SandboxState, call: Call) -> Json:
    """Send one-to-one messages. Users who cannot be reached are listed in the 200 response."""
    robot_code(call)
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


def _recall(state: SandboxState, call: Call, conversation: str) -> Json:
    """Recall messages by processQueryKey.

    With an empty `conversation`, recall one-to-one messages, which is possible for a day.
    """
    keys = rules.parse_strings(call.body.get("processQueryKeys"), rules.MAX_QUERY_KEYS)
    if keys is None:
        raise api_error("invalidParameter.param.invalid", "processQueryKeys")
    done: list[str] = []
    failed: dict[str, str] = {}
    for key in keys:
        messages = [m for m in state.conversations.find_by_query_key(key) if m.robot == call.app.robot]
        mine = [m for m in messages if not conversation or m.conversation == conversation]
        if not mine:
            failed[key] = "robot.processQueryKey.notExist"
        elif not conversation and state.clock.now() - mine[0].at > DIRECT_MESSAGE_LIFE:
            failed[key] = "robot.processQueryKey.expired"
        else:
            done.append(key)
            for message in mine:
                state.conversations.recall(message)
    return {"successResult": done, "failedResult": failed}


def recall_in_group(state: SandboxState, call: Call) -> Json:
    return _recall(state, call, _group(state, call, robot_code(call)).id)


def recall_from_people(state: SandboxState, call: Call) -> Json:
    robot_code(call)
    return _recall(state, call, "")


def _sent_messages(state: SandboxState, call: Call, key: object) -> list[Message]:
    messages = state.conversations.find_by_query_key(key) if isinstance(key, str) else []
    mine = [m for m in messages if m.robot == call.app.robot]
    if not mine:
        raise api_error("invalidParameter.param.invalid", "processQueryKey")
    return mine


def group_read_status(state: SandboxState, call: Call) -> Json:
    """Return who has read a group message ("0722")."""
    group = _group(state, call, robot_code(call))
    message = _sent_messages(state, call, call.body.get("processQueryKey"))[0]
    if message.conversation != group.id:
        raise api_error("invalid.openConversationId")
    status = "RECALLED" if message.recalled else "SUCCESS"
    return {"sendStatus": status, "readUserIds": sorted(message.read_by), "nextToken": "", "hasMore": False}


def direct_read_status(state: SandboxState, call: Call) -> Json:
    """Return who has read a one-to-one message ("0720")."""
    robot_code(call)
    messages = _sent_messages(state, call, call.query.get("processQueryKey"))
    if state.clock.now() - messages[0].at > DIRECT_MESSAGE_LIFE:
        raise api_error("robot.processQueryKey.expired")
    people = [(m, p) for m in messages for p in state.members(m.conversation)]
    infos = [
        {"name": p.name, "userId": p.id, "readStatus": "READ" if p.id in m.read_by else "UNREAD"}
        for m, p in people
    ]
    return {"sendStatus": "RECALLED" if messages[0].recalled else "SUCCESS", "messageReadInfoList": infos}


def list_robots(state: SandboxState, call: Call) -> Json:
    """List the robots of a group ("0726")."""
    id_ = call.body.get("openConversationId")
    group = state.scenario.group(id_) if isinstance(id_, str) else None
    if group is None:
        raise api_error("invalid.openConversationId")
    apps = [app for app in map(state.scenario.app_by_robot, group.robots) if app]
    found = [
        {"robotCode": app.robot, "name": app.robot_name, "downloadIconURL": "", "openRobotType": 2}
        for app in apps
    ]
    return {"chatbotInstanceVOList": found}


def _param_size(call: Call) -> int:
    return rules.param_size(call.body)


def _endpoint(path: str, act: object, method: str = "POST", scope: str = SCOPE) -> Endpoint:
    return Endpoint(
        method=method,
        path=f"/v1.0/robot/{path}",
        handler=act,  # type: ignore[arg-type]  # a table of handlers
        scope=scope,
        malformed_code="invalidParameter.param.invalid",
        size_limit=rules.MAX_PARAM_BYTES if path in {"groupMessages/send", "oToMessages/batchSend"} else 0,
        measure_size=_param_size,
    )


ENDPOINTS = (
    _endpoint("groupMessages/send", send_to_group),
    _endpoint("oToMessages/batchSend", send_to_people),
    _endpoint("groupMessages/recall", recall_in_group),
    _endpoint("otoMessages/batchRecall", recall_from_people),
    _endpoint("groupMessages/query", group_read_status),
    _endpoint("oToMessages/readStatus", direct_read_status, method="GET"),
    _endpoint("groups/robots/query", list_robots, scope="qyapi_chat_manage"),
)
