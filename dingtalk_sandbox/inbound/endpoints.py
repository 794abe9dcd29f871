"""Handle messages from people for bots: download their files ("0719"), react to them.

Reactions are not in DingTalk's documentation. Their fields and responses are those of its SDK
(`RobotReplyEmotionRequest`), and error codes are those of its neighbors (ours).
"""

import secrets
from collections.abc import Callable
from datetime import timedelta

from dingtalk_sandbox.api.pipeline import Call, Endpoint
from dingtalk_sandbox.api.robots.addresses import SCOPE, robot_code
from dingtalk_sandbox.conversations import Emotion, Message
from dingtalk_sandbox.errors import Json, api_error
from dingtalk_sandbox.state import DownloadLink, SandboxState

INVALID_CODE = "invalidParameter.param.invalid"


def download_url(state: SandboxState, call: Call) -> Json:
    """Return a temporary link to a file that a person sent to the robot."""
    robot, given = robot_code(call), call.body.get("downloadCode")
    if not given:
        raise api_error("invalidParameter.robotCode.empty", "机器人downloadCode为空")  # the code of "0719"
    found = state.download_codes.get(given) if isinstance(given, str) else None
    if found is None or found.expires <= state.clock.now() or found.media_id not in state.media:
        raise api_error("invalidParameter.robotCode.downloadCode", "下载码有误或者已经过期")
    if found.robot != robot:
        raise api_error("invalidParameter.robotCode.auth", "此downloadCode和机器人robotCode不匹配")
    key = secrets.token_hex(16)
    expires = state.clock.now() + timedelta(seconds=state.settings.download_link_life)
    state.download_links[key] = DownloadLink(media_id=found.media_id, expires=expires)
    query = f"Expires={int(expires.timestamp())}&Signature={secrets.token_hex(8)}"
    return {"downloadUrl": f"{state.url}/_sandbox/downloads/{key}.file?{query}"}


def _message(state: SandboxState, call: Call) -> Message:
    """Return the message that a reaction names. It must be one of a person."""
    ids = {name: call.body.get(name) for name in ("openConversationId", "openMsgId")}
    for name, value in ids.items():
        if not value or not isinstance(value, str):
            raise api_error(INVALID_CODE, name)
    if not state.members(str(ids["openConversationId"])):
        raise api_error("invalid.openConversationId", "无效的openConversationId")
    message = state.conversations.find(str(ids["openMsgId"]))
    if message is None or message.conversation != ids["openConversationId"] or message.recalled:
        raise api_error(INVALID_CODE, "openMsgId")
    if message.sender.robot:
        raise api_error("system.error", "系统错误", status=500)  # [seen]
    return message


def _emotion(call: Call, robot: str) -> Emotion:
    text = call.body.get("textEmotion")
    shown = text.get("text") if isinstance(text, dict) else None
    name = shown or call.body.get("emotionName")
    if not isinstance(name, str) or not name:
        raise api_error(INVALID_CODE, "emotionName")
    return Emotion(name=name, robot=robot)


def reply_emotion(state: SandboxState, call: Call) -> Json:
    """Add a reaction to a message. The same one again changes nothing (ours)."""
    robot = robot_code(call)
    message, emotion = _message(state, call), _emotion(call, robot)
    if emotion not in message.emotions:
        message.emotions.append(emotion)
        state.conversations.publish_change(message)
    message.record(call.exchange)
    return {"success": True}


def recall_emotion(state: SandboxState, call: Call) -> Json:
    """Remove a reaction of the robot. One that is not there is removed as well (ours)."""
    robot = robot_code(call)
    message, emotion = _message(state, call), _emotion(call, robot)
    if emotion in message.emotions:
        message.emotions.remove(emotion)
        state.conversations.publish_change(message)
    message.record(call.exchange)
    return {"success": True}


def _endpoint(path: str, act: Callable[[SandboxState, Call], Json]) -> Endpoint:
    path = f"/v1.0/robot/{path}"
    return Endpoint(method="POST", path=path, handler=act, scope=SCOPE, malformed_code=INVALID_CODE)


ENDPOINTS = (
    _endpoint("messageFiles/download", download_url),
    _endpoint("emotion/reply", reply_emotion),
    _endpoint("emotion/recall", recall_emotion),
)
