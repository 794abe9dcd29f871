"""DINGs of a robot: send ("0712") and recall ("0713")."""

from dingtalk_sandbox.api.pipeline import Call
from dingtalk_sandbox.api.robots.addresses import INVALID_CODE, robot_endpoint
from dingtalk_sandbox.api.robots.sending import build_message
from dingtalk_sandbox.conversations import Rendering, new_id
from dingtalk_sandbox.errors import Json, api_error
from dingtalk_sandbox.scenario import Person
from dingtalk_sandbox.state import SandboxState
from dingtalk_sandbox.validation.robots import parse_strings

SCOPE = "Premium.Ding.Write"
IN_APP, BY_SMS, BY_CALL = 1, 2, 3
MAX_RECEIVERS = {IN_APP: 200, BY_SMS: 20, BY_CALL: 20}
VOICES = {
    "Standard_Female_Voice", "Cantonese_Female_Voice", "Gentine_Female_Voice", "Overbearing_Female_Voice",
    "Lovely_Girl_Voice", "Standard_Male_Voice",
}  # fmt: skip
UNKNOWN_RECEIVER = "staffId.notExisted"  # the reason in `failedList`; its words are not documented


def _check_robot(call: Call, code: str) -> None:
    if call.body.get("robotCode") != call.app.robot or not call.app.published:
        raise api_error(code, "无效的机器人id")


def send(state: SandboxState, call: Call) -> Json:
    """Send a DING. In the sandbox it shows in the one-to-one chat of each receiver."""
    _check_robot(call, "invalid.chatbotId")
    kind, content = _parse_ding(state, call)
    people, unknown = _receivers(state, call, kind)
    rendering = Rendering(kind="text", content={"msgtype": "ding", "text": content, "remindType": kind})
    ding = new_id("ding")
    for person in people:
        message = build_message(state, call.app, call, rendering)
        message.conversation, message.query_key = person.direct_conversation, ding
        state.conversations.add(message)
    return {"openDingId": ding, "failedList": {UNKNOWN_RECEIVER: unknown} if unknown else {}}


def _parse_ding(state: SandboxState, call: Call) -> tuple[int, str]:
    body = call.body
    kind, content, voice = body.get("remindType"), body.get("content"), body.get("callVoice")
    if type(kind) is not int or kind not in MAX_RECEIVERS:
        raise api_error(INVALID_CODE, "remindType")
    if not isinstance(content, str) or not content:
        raise api_error(INVALID_CODE, "content")
    if kind == BY_CALL and voice and (not isinstance(voice, str) or voice not in VOICES):
        raise api_error(INVALID_CODE, "callVoice")
    if kind != IN_APP and not state.settings.paid_dings:
        raise api_error("ding.serverquota.insufficient", "ding server quota insufficient")
    return kind, content


def _receivers(state: SandboxState, call: Call, kind: int) -> tuple[list[Person], list[str]]:
    """Return the receivers, and the ids of nobody. Raises `ApiError` if there is no receiver."""
    given = call.body.get("receiverUserIdList")
    if isinstance(given, list) and len(given) > MAX_RECEIVERS[kind]:
        raise api_error("ding.receivercount.limit", "ding receiver count limit")
    users = parse_strings(given, MAX_RECEIVERS[kind]) if given else []
    if users is None:
        raise api_error(INVALID_CODE, "receiverUserIdList")
    found = {user: state.scenario.colleague(user) for user in dict.fromkeys(users)}
    people = [person for person in found.values() if person]
    if not people:
        raise api_error("miss.staffId", "无效的接收者id")
    return people, [user for user, person in found.items() if person is None]


def recall(state: SandboxState, call: Call) -> Json:
    """Recall a DING of the same robot."""
    _check_robot(call, INVALID_CODE)
    ding = call.body.get("openDingId")
    if not isinstance(ding, str) or not ding:
        raise api_error(INVALID_CODE, "openDingId")
    messages = [m for m in state.conversations.find_by_query_key(ding) if m.robot == call.app.robot]
    if not messages or messages[0].content.get("msgtype") != "ding":
        raise api_error("recall.ding.exception", "撤回DING消息异常")
    for message in messages:
        state.conversations.recall(message)
    return {"openDingId": ding}


ENDPOINTS = (
    robot_endpoint("ding/send", send, scope=SCOPE),
    robot_endpoint("ding/recall", recall, scope=SCOPE),
)
