"""Session webhooks of incoming messages ("0699") and webhooks of custom robots ("0717")."""

from datetime import timedelta

from dingtalk_sandbox.api.pipeline import Call, Endpoint, Family
from dingtalk_sandbox.conversations import Message, Sender, new_id
from dingtalk_sandbox.errors import Json, oapi_error
from dingtalk_sandbox.scenario import App, CustomRobot
from dingtalk_sandbox.state import QuotaKind, SandboxState, WebhookState
from dingtalk_sandbox.validation import webhooks as rules

OK: Json = {"errcode": 0, "errmsg": "ok"}


def _people(state: SandboxState, conversation: str) -> list[tuple[str, str, str]]:
    return [(p.id, p.name, p.mobile) for p in state.members(conversation)]


def reply(state: SandboxState, call: Call) -> Json:
    """Reply through a session webhook. Files are rejected, and `empty` sends nothing."""
    session = state.sessions.get(call.query.get("session", ""))
    if session is None:
        raise oapi_error(-1, "session.notExisted")
    if session.expires <= state.clock.now():
        raise oapi_error(-1, "session.expired")
    rules.check_size(call.raw)
    if call.body.get("msgtype") == "empty":
        return OK
    if call.body.get("msgtype") == "file":
        raise oapi_error(401102, "miss param : file->mediaId")
    post_reply(state, session.app, session.conversation, call.body, call.exchange)
    return OK


def post_reply(state: SandboxState, app: App, conversation: str, body: Json, exchange: Json) -> None:
    """Show a reply of an app's robot in a conversation. Raises `ApiError`."""
    rendering = rules.parse_message(body)
    at = rules.resolve_mentions(body, str(rendering.content.get("text", "")), _people(state, conversation))
    state.conversations.add(
        Message(
            id=new_id("msg"),
            conversation=conversation,
            kind=rendering.kind,
            sender=Sender(id=app.robot, name=app.robot_name, robot=True),
            at=state.clock.now(),
            content=rendering.content | {"mentions": at},
            robot=app.robot,
            exchange=exchange,
        )
    )


def send(state: SandboxState, call: Call) -> Json:
    """Send a message as a custom robot. The checks run in DingTalk's order."""
    robot, wording = _robot(state, call), state.settings.webhook_wording
    robot_state, now = state.webhooks[robot.token], state.clock.now()
    if not call.headers.get("Content-Type", "").startswith("application/json"):
        raise oapi_error(43004, "无效的HTTP HEADER Content-Type")
    if robot.secret:
        rules.check_signature(robot.secret, call.query, state.clock.ms(), wording)
    rules.check_size(call.raw)
    rendering = rules.parse_message(call.body)
    rules.check_keywords(robot.keywords, rendering, wording)
    at = rules.resolve_mentions(
        call.body, str(rendering.content.get("text", "")), _people(state, robot.group)
    )
    uuid = call.body.get("msgUuid")
    if isinstance(uuid, str) and uuid in robot_state.uuids:
        return OK
    _check_rate(state, robot_state)
    if state.is_exhausted(QuotaKind.STREAM):
        raise oapi_error(90030, "webhook over limit")
    state.count_call(QuotaKind.STREAM)
    robot_state.sent_at.append(now)
    if isinstance(uuid, str) and uuid:
        robot_state.uuids[uuid] = None
    sender = Sender(id=f"webhook-{robot.name}", name=robot.name, robot=True)
    message = Message(
        id=new_id("msg"), conversation=robot.group, kind=rendering.kind, sender=sender, at=now,
        content=rendering.content | {"mentions": at}, exchange=call.exchange,
    )  # fmt: skip
    state.conversations.add(message)
    return OK


def _robot(state: SandboxState, call: Call) -> CustomRobot:
    token = call.query.get("access_token")
    if not token:
        raise oapi_error(40035, "缺少参数 access_token")
    robot = next((r for r in state.scenario.custom_robots if r.token == token), None)
    if robot is None:
        raise oapi_error(300005, "token is not exist")
    if not robot.enabled:
        raise oapi_error(400102, "机器人已停用")
    group = state.scenario.group(robot.group)
    if group and group.disbanded:
        raise oapi_error(400013, "群已被解散")
    return robot


def _check_rate(state: SandboxState, robot_state: WebhookState) -> None:
    """Block the robot for ten minutes after 20 messages in a minute. Raises `ApiError`."""
    now, settings = state.clock.now(), state.settings
    silent = robot_state.blocked_until is not None and robot_state.blocked_until > now
    if not silent and rules.is_over_rate(robot_state.sent_at, now, settings.webhook_per_minute):
        robot_state.blocked_until, silent = now + timedelta(seconds=settings.webhook_silence), True
    if silent:
        text = f"send too fast, exceed {settings.webhook_per_minute} times per minute"
        raise oapi_error(settings.webhook_throttle_code, text)
    while robot_state.sent_at and (now - robot_state.sent_at[0]).total_seconds() >= 60:  # noqa: PLR2004 - seconds per minute
        robot_state.sent_at.popleft()


ENDPOINTS = (
    Endpoint(
        method="POST", path="/robot/sendBySession", handler=reply, family=Family.WEBHOOK,
        quota_kind=QuotaKind.FREE, size_limit=rules.MAX_MESSAGE_BYTES,
    ),
    Endpoint(
        method="POST", path="/robot/send", handler=send, family=Family.WEBHOOK, quota_kind=QuotaKind.STREAM,
        size_limit=rules.MAX_MESSAGE_BYTES,
    ),
)  # fmt: skip
