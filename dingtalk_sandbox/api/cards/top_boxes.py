"""Pinned cards in one call, as before the spaces of cards: open ("0761") and close ("0762")."""

from dataclasses import dataclass
from datetime import UTC, datetime

from dingtalk_sandbox.api.cards.delivery import MAX_PINS, pinned_messages
from dingtalk_sandbox.api.cards.tops import unpin
from dingtalk_sandbox.api.conversations.access import find_group, parse_people
from dingtalk_sandbox.api.pipeline import Call, Endpoint
from dingtalk_sandbox.conversations import Message, Sender, new_id
from dingtalk_sandbox.errors import Json, api_error
from dingtalk_sandbox.scenario import Person
from dingtalk_sandbox.scene.groups import Group
from dingtalk_sandbox.state import Card, SandboxState
from dingtalk_sandbox.validation import cards as rules

IN_GROUP, WITH_ROBOT = 1, 2
MAX_RECEIVERS = 100
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A conversation, and who sees its pinned card. () = everyone."""

    conversation: str
    recipients: tuple[str, ...] = ()


def open_box(state: SandboxState, call: Call) -> Json:
    """Create a card and pin it, or pin one that exists."""
    body = call.body
    if not body:
        raise api_error("param.empty", "请求参数为空")
    track = _track_id(body)
    place = _place(state, call)
    template = state.scenario.template(str(body.get("cardTemplateId") or ""))
    if template is None:
        raise api_error("cardTemplate.not.exist", "卡片模板不存在")
    if not template.published or not isinstance(body.get("cardData"), dict):
        raise api_error("cardInstance.wrong", "创建卡片实例失败")
    if len(pinned_messages(state, place.conversation)) >= MAX_PINS:
        raise api_error("open.topbox.failed", "开启吊顶失败")
    expires, platforms = _expiry(body.get("expiredTime")), _platforms(body)
    card = state.cards.setdefault(track, _new_card(state, call, track, template.id))
    if card.app.key != call.app.key:
        raise api_error("auth.failed", "权限校验不通过")
    state.conversations.add(
        Message(
            id=new_id("msg"), conversation=place.conversation, kind="card", at=state.clock.now(),
            sender=Sender(id=card.app.robot, name=card.app.robot_name, robot=True), robot=card.app.robot,
            content={"pinned": {"platforms": platforms}}, out_track_id=track, expires=expires,
            recipients=place.recipients, exchange=call.exchange,
        )
    )  # fmt: skip
    return {"success": True}


def _track_id(body: Json) -> str:
    track = body.get("outTrackId")
    if not isinstance(track, str) or not 0 < len(track) <= rules.MAX_TRACK_ID_LENGTH:
        raise api_error("param.illegal", "outTrackId")
    return track


def _new_card(state: SandboxState, call: Call, track: str, template: str) -> Card:
    body, private = call.body, {}
    for field, kind in (("userIdPrivateDataMap", 1), ("unionIdPrivateDataMap", 2)):
        for user, values in rules.parse_private_data(body.get(field)).items():
            if (person := state.scenario.person(user, kind)) is None:
                raise api_error("user.not.found", user)
            private[person.id] = values
    route = str(body.get("callbackRouteKey") or "")
    return Card(
        out_track_id=track, app=call.app, template=template, public=rules.parse_param_map(body["cardData"]),
        private=private, callback="HTTP" if route else "", route=route,
    )  # fmt: skip


def _place(state: SandboxState, call: Call) -> Place:
    kind = call.body.get("conversationType")
    if type(kind) is not int or kind not in {IN_GROUP, WITH_ROBOT}:
        raise api_error("conversationType.illegal", "会话类型值无效")
    if kind == WITH_ROBOT:
        return Place(conversation=_person(state, call).direct_conversation)
    group = _group(state, call)
    people = parse_people(state, call.body, "receiverUserIdList", "receiverUnionIdList")
    if people is None or len(people) > MAX_RECEIVERS:
        raise api_error("receiver.id.parseFailed", "吊顶可见者id解析失败")
    return Place(conversation=group.id, recipients=tuple(person.id for person in people))


def _person(state: SandboxState, call: Call) -> Person:
    user, union, robot = (call.body.get(name) for name in ("userId", "unionId", "robotCode"))
    union = union or call.body.get("unoinId")  # as "0762" spells it
    if not user and not union:
        raise api_error("userIdOrUnionId.empty", "用户id为空")
    if not robot:
        raise api_error("robotCode.empty", "机器人编码为空")
    if robot != call.app.robot:
        raise api_error("robot.not.found", "机器人不存在")
    person = state.scenario.colleague(str(user or union), 1 if user else 2)
    if person is None:
        raise api_error("user.not.found", "用户不存在")
    return person


def _group(state: SandboxState, call: Call) -> Group:
    id_, cool_app = call.body.get("openConversationId"), call.body.get("coolAppCode")
    if not id_:
        raise api_error("openConversationId.empty", "会话id为空")
    group = find_group(state, id_)
    if group is None or group.disbanded:
        raise api_error("chat.notExist", "会话不存在")
    if group.foreign:
        raise api_error("group.org.checkFailed", "群不属于当前企业")
    if group.template:
        if call.body.get("groupTemplateId") != group.template:
            raise api_error("group.groupTemplate.notInstalled", "群模板未安装到群内")
    elif not cool_app:
        raise api_error("coolAppCode.empty", "酷应用编码为空")
    elif cool_app != group.cool_app:
        raise api_error("chat.coolApp.notInstalled", "酷应用未安装到会话内")
    return group


def _expiry(given: object) -> datetime:
    if given is None:
        return FOREVER
    try:
        return datetime.fromtimestamp(int(str(given)[:18]) / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        raise api_error("param.illegal", "expiredTime") from None


def _platforms(body: Json) -> list[str]:
    named = [name for name in str(body.get("platforms") or "").replace("｜", "|").split("|") if name]
    if not rules.PLATFORMS.issuperset(named):
        raise api_error("param.illegal", "platforms")
    return named


def close_box(state: SandboxState, call: Call) -> Json:
    track = call.body.get("outTrackId")
    if not isinstance(track, str) or not track:
        raise api_error("outTrackId.empty", "outTrackId为空")
    place, card = _place(state, call), state.cards.get(track)
    if card is None or card.app.key != call.app.key or not unpin(state, track, place.conversation):
        raise api_error("close.topbox.failed", "关闭吊顶失败")
    return {"success": True}


ENDPOINTS = tuple(
    Endpoint(method="POST", path=path, handler=act, scope="qyapi_chat_manage")
    for path, act in (("/v2.0/im/topBoxes", open_box), ("/v2.0/im/topBoxes/close", close_box))
)
