"""Delivery of a card to its spaces: groups, people, chats of two people, the top of a group ("0783")."""

from dataclasses import dataclass

from dingtalk_sandbox.api.pipeline import Call
from dingtalk_sandbox.conversations import Message, Sender, new_id
from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.scene.groups import Group
from dingtalk_sandbox.state import Card, SandboxState
from dingtalk_sandbox.validation import cards as rules
from dingtalk_sandbox.validation.cards import Space

MAX_PINS = 10
"""Maximum cards that are pinned in a conversation at a time ("0761")."""
RESULT_KINDS = {"IM_SINGLE": "IM"}  # the name of a space in results, where it is another


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The delivery of one card to one space."""

    state: SandboxState
    call: Call
    card: Card
    space: Space
    model: Json


def deliver_to_spaces(state: SandboxState, call: Call, card: Card) -> list[Json]:
    """Deliver a card to the spaces of a request. Returns a row of `deliverResults` for each."""
    spaces = rules.parse_spaces(call.body)
    models = rules.parse_deliver_models(call.body, spaces)
    return [
        _deliver_to_space(Delivery(state=state, call=call, card=card, space=s, model=models[s.kind]))
        for s in spaces
    ]


def _deliver_to_space(delivery: Delivery) -> Json:
    """Deliver a card to a space, once. Returns its row of `deliverResults`."""
    space, carriers = delivery.space, delivery.card.carriers
    kind = RESULT_KINDS.get(space.kind, space.kind)
    result = {"spaceType": kind, "spaceId": space.id, "success": False, "carrierId": "", "errorMsg": ""}
    conversation, problem = _find_conversation(delivery)
    if problem:
        return result | {"errorMsg": problem}
    if space.key not in carriers:
        carriers[space.key] = "" if space.kind == rules.PINNED else new_id("")
        _add_message(delivery, conversation)
    return result | {"success": True, "carrierId": carriers[space.key]}


def _find_conversation(delivery: Delivery) -> tuple[str, str]:
    """Return the conversation of a space and an error message, one of them empty."""
    scenario, card, space = delivery.state.scenario, delivery.card, delivery.space
    if space.kind not in card.spaces:
        return "", "spaceModel is empty"
    robot = delivery.model.get("robotCode") or card.app.robot
    if robot != card.app.robot:
        return "", "robotCode is invalid"
    if space.kind == "IM_ROBOT":
        person = scenario.colleague(space.id, card.user_id_type)
        return (person.direct_conversation, "") if person else ("", "userId is invalid")
    group = scenario.group(space.id)
    if group is None or group.disbanded or group.private is not (space.kind == "IM_SINGLE"):
        return "", "openConversationId is invalid"
    problem = _pin_problem(delivery, group) if space.kind == rules.PINNED else ""
    if robot not in group.robots:
        problem = "robot is not in the group"
    return ("", problem) if problem else (group.id, "")


def _pin_problem(delivery: Delivery, group: Group) -> str:
    """Return why a card cannot be pinned in a group ("0761")."""
    if not group.template and not group.cool_app:
        return "group template or cool app is not installed"
    if len(pinned_messages(delivery.state, group.id)) >= MAX_PINS:
        return "too many top boxes"
    return ""


def pinned_messages(state: SandboxState, conversation: str) -> list[Message]:
    """Return the cards that are pinned in a conversation now."""
    now = state.clock.now()
    messages = state.conversations.messages(conversation)
    return [m for m in messages if m.expires and m.expires > now and not m.recalled]


def _add_message(delivery: Delivery, conversation: str) -> None:
    card, pinned = delivery.card, delivery.space.kind == rules.PINNED
    model = card.spaces[delivery.space.kind]
    seen_by = delivery.model.get("userIds" if pinned else "recipients")
    content = {"at": _mentions(delivery.model.get("atUserIds")), "headline": rules.headline(model)}
    content |= rules.outside_chat(model)
    if pinned:
        content["pinned"] = {"platforms": delivery.model.get("platforms") or []}
    delivery.state.conversations.add(
        Message(
            id=new_id("msg"),
            conversation=conversation,
            kind="card",
            sender=Sender(id=card.app.robot, name=card.app.robot_name, robot=True),
            at=delivery.state.clock.now(),
            content=content,
            out_track_id=card.out_track_id,
            query_key=card.carriers[delivery.space.key],
            robot=card.app.robot,
            recipients=tuple(map(str, seen_by)) if isinstance(seen_by, list) else (),
            exchange=delivery.call.exchange,
            expires=rules.parse_expiry(delivery.model) if pinned else None,
        )
    )


def _mentions(given: object) -> dict[str, str]:
    """Return the card's mentions: `{userId: name}`, or `{"@ALL": "@ALL"}`."""
    return {str(k): str(v) for k, v in given.items()} if isinstance(given, dict) else {}
