"""Webhooks: the session webhook of an incoming message ("0699") and custom group robots ("0717")."""

from datetime import timedelta

from dingtalk_sandbox.api.pipeline import Call, Endpoint, Family
from dingtalk_sandbox.conversations import Message, Sender, new_id
from dingtalk_sandbox.errors import Json, refuse_oapi
from dingtalk_sandbox.scenario import CustomRobot
from dingtalk_sandbox.state import QuotaKind, SandboxState, WebhookState
from dingtalk_sandbox.validation import webhooks as rules

OK: Json = {"errcode": 0, "errmsg": "ok"}


def _people(world: SandboxState, conversation: str) -> list[tuple[str, str, str]]:
    return [(p.id, p.name, p.mobile) for p in world.members(conversation)]


def reply(world: SandboxState, call: Call) -> Json:
    """An answer through a session webhook: no cards, no files; `empty` says nothing."""
    session = world.sessions.get(call.query.get("session", ""))
    if session is None:
        raise refuse_oapi(-1, "session.notExisted")
    if session.expires <= world.clock.now():
        raise refuse_oapi(-1, "session.expired")
    rules.size_of(call.raw)
    if call.body.get("msgtype") == "empty":
        return OK
    if call.body.get("msgtype") == "file":
        raise refuse_oapi(401102, "miss param : file->mediaId")
    look = rules.look_of(call.body)
    at = rules.mentions(call.body, str(look.content.get("text", "")), _people(world, session.conversation))
    world.board.add(
        Message(
            id=new_id("msg"),
            conversation=session.conversation,
            kind=look.kind,
            sender=Sender(id=session.app.robot, name=session.app.robot_name, robot=True),
            at=world.clock.now(),
            content=look.content | {"mentions": at},
            robot=session.app.robot,
            wire=call.wire,
        )
    )
    return OK


def send(world: SandboxState, call: Call) -> Json:
    """A message of a custom robot: security first, then the rate, then the message itself."""
    robot, wording = _robot(world, call), world.settings.webhook_wording
    state, now = world.webhooks[robot.token], world.clock.now()
    if not call.headers.get("Content-Type", "").startswith("application/json"):
        raise refuse_oapi(43004, "无效的HTTP HEADER Content-Type")
    if robot.secret:
        rules.check_sign(robot.secret, call.query, world.clock.ms(), wording)
    rules.size_of(call.raw)
    look = rules.look_of(call.body)
    rules.check_keywords(robot.keywords, look, wording)
    at = rules.mentions(call.body, str(look.content.get("text", "")), _people(world, robot.group))
    uuid = call.body.get("msgUuid")
    if isinstance(uuid, str) and uuid in state.uuids:
        return OK
    _rate(world, state)
    if world.is_exhausted(QuotaKind.STREAM):
        raise refuse_oapi(90030, "webhook over limit")
    world.count_call(QuotaKind.STREAM)
    state.sent.append(now)
    if isinstance(uuid, str) and uuid:
        state.uuids.add(uuid)
    sender = Sender(id=f"webhook-{robot.name}", name=robot.name, robot=True)
    message = Message(
        id=new_id("msg"), conversation=robot.group, kind=look.kind, sender=sender, at=now,
        content=look.content | {"mentions": at}, wire=call.wire,
    )  # fmt: skip
    world.board.add(message)
    return OK


def _robot(world: SandboxState, call: Call) -> CustomRobot:
    token = call.query.get("access_token")
    if not token:
        raise refuse_oapi(40035, "缺少参数 access_token")
    robot = next((r for r in world.scene.custom_robots if r.token == token), None)
    if robot is None:
        raise refuse_oapi(300005, "token is not exist")
    return robot


def _rate(world: SandboxState, state: WebhookState) -> None:
    """20 in a minute, then ten minutes of silence."""
    now, settings = world.clock.now(), world.settings
    silent = state.silent_until is not None and state.silent_until > now
    if not silent and rules.too_fast(state.sent, now, settings.webhook_per_minute):
        state.silent_until, silent = now + timedelta(seconds=settings.webhook_silence), True
    if silent:
        text = f"send too fast, exceed {settings.webhook_per_minute} times per minute"
        raise refuse_oapi(settings.webhook_throttle_code, text)
    while state.sent and (now - state.sent[0]).total_seconds() >= 60:  # noqa: PLR2004 - seconds of a minute
        state.sent.popleft()


ENDPOINTS = (
    Endpoint(
        method="POST", path="/robot/sendBySession", handler=reply, family=Family.WEBHOOK,
        quota_kind=QuotaKind.FREE, limit=rules.SIZE_LIMIT,
    ),
    Endpoint(
        method="POST", path="/robot/send", handler=send, family=Family.WEBHOOK, quota_kind=QuotaKind.STREAM,
        limit=rules.SIZE_LIMIT,
    ),
)  # fmt: skip
