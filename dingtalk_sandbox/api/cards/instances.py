"""Interactive cards: create, deliver and update ("0783", "0782", "0787")."""

import logging
from dataclasses import dataclass

from dingtalk_sandbox.api.cards.data_warnings import warn_of_data
from dingtalk_sandbox.api.pipeline import Call, Endpoint
from dingtalk_sandbox.conversations import Message, Sender, new_id
from dingtalk_sandbox.errors import Json, api_error
from dingtalk_sandbox.state import Card, SandboxState
from dingtalk_sandbox.validation import cards as rules
from dingtalk_sandbox.validation.cards import Space

log = logging.getLogger(__name__)
SCOPE = "Card.Instance.Write"


def create(state: SandboxState, call: Call) -> Json:
    card = _create(state, call)
    return {"success": True, "result": card.out_track_id}


def deliver(state: SandboxState, call: Call) -> Json:
    card = state.cards.get(rules.parse_track_id(call.body))
    if card is None or card.app.key != call.app.key:
        raise api_error("param.cardNotExist")
    return {"success": True, "result": _deliver(state, call, card)}


def create_and_deliver(state: SandboxState, call: Call) -> Json:
    spaces = rules.parse_spaces(call.body)
    rules.parse_deliver_models(call.body, spaces)
    models = rules.parse_space_models(call.body)
    if any(space.kind not in models for space in spaces):
        raise api_error("param.openSpaceModelInvalid")
    card = _create(state, call)
    results = _deliver(state, call, card)
    return {"success": True, "result": {"outTrackId": card.out_track_id, "deliverResults": results}}


def _create(state: SandboxState, call: Call) -> Card:
    body, limit = call.body, state.settings.card_value_limit
    id_ = rules.parse_track_id(body)
    template = _template(state, body)
    if not isinstance(body.get("cardData"), dict):
        raise api_error("param.cardPublicDataEmpty")
    kind = rules.parse_user_id_type(body)
    card = Card(
        out_track_id=id_,
        app=call.app,
        template=template,
        public=rules.parse_param_map(body["cardData"], value_limit=limit),
        private=_private_data(
            state, template, rules.parse_private_data(body.get("privateData"), value_limit=limit), kind
        ),
        callback=rules.parse_callback_type(body),
        user_id_type=kind,
        spaces=rules.parse_space_models(body),
    )
    _log_not_emulated(body)
    warn_of_data(state, call, template, creates=True)
    if (old := state.cards.get(id_)) is not None:
        if state.settings.repeated_card == "ignore" and old.app.key == call.app.key:
            return old
        raise api_error("param.cardAlreadyExist")
    state.cards[id_] = card
    return card


def _template(state: SandboxState, body: Json) -> str:
    id_ = body.get("cardTemplateId")
    if not id_:
        raise api_error("param.cardTemplateIdEmpty")
    template = state.scenario.template(id_) if isinstance(id_, str) else None
    if template is None:
        raise api_error("param.templateNotExist")
    if not template.published:
        raise api_error("param.templateUnpublished")
    return template.id


def _private_data(
    state: SandboxState, template: str, maps: dict[str, dict[str, str]], kind: int
) -> dict[str, dict[str, str]]:
    """Return private data by userId, limited to variables that the template marks private."""
    marked = getattr(state.scenario.template(template), "private", None)
    found: dict[str, dict[str, str]] = {}
    for user, values in maps.items():
        person = state.scenario.person(user, kind)
        if person is None:
            raise api_error("param.userIdNotExist", user)
        found[person.id] = {k: v for k, v in values.items() if marked is None or k in marked}
    return found


def _log_not_emulated(body: Json) -> None:
    if unknown := sorted(rules.IGNORED_FIELDS & body.keys()):
        log.warning("not emulated: %s", ", ".join(unknown))


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The delivery of one card to one space."""

    state: SandboxState
    call: Call
    card: Card
    space: Space
    model: Json


def _deliver(state: SandboxState, call: Call, card: Card) -> list[Json]:
    spaces = rules.parse_spaces(call.body)
    models = rules.parse_deliver_models(call.body, spaces)
    return [
        _deliver_to_space(Delivery(state=state, call=call, card=card, space=s, model=models[s.kind]))
        for s in spaces
    ]


def _deliver_to_space(delivery: Delivery) -> Json:
    """Deliver a card to a space, once. Returns its row of `deliverResults`."""
    space, carriers = delivery.space, delivery.card.carriers
    result = {"spaceType": space.kind, "spaceId": space.id, "success": False, "carrierId": "", "errorMsg": ""}
    conversation, problem = _find_conversation(delivery)
    if problem:
        return result | {"errorMsg": problem}
    if space.key not in carriers:
        carriers[space.key] = new_id("")
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
    if space.kind == "IM_GROUP":
        group = scenario.group(space.id)
        if group is None:
            return "", "openConversationId is invalid"
        return (group.id, "") if robot in group.robots else ("", "robot is not in the group")
    person = scenario.colleague(space.id, card.user_id_type)
    return (person.direct_conversation, "") if person else ("", "userId is invalid")


def _add_message(delivery: Delivery, conversation: str) -> None:
    card, recipients = delivery.card, delivery.model.get("recipients")
    model = card.spaces[delivery.space.kind]
    delivery.state.conversations.add(
        Message(
            id=new_id("msg"),
            conversation=conversation,
            kind="card",
            sender=Sender(id=card.app.robot, name=card.app.robot_name, robot=True),
            at=delivery.state.clock.now(),
            content={
                "at": _mentions(delivery.model.get("atUserIds")),
                "headline": rules.headline(model),
                **rules.outside_chat(model),
            },
            out_track_id=card.out_track_id,
            query_key=card.carriers[delivery.space.key],
            robot=card.app.robot,
            recipients=tuple(map(str, recipients)) if isinstance(recipients, list) else (),
            exchange=delivery.call.exchange,
        )
    )


def _mentions(given: object) -> dict[str, str]:
    """Return the card's mentions: `{userId: name}`, or `{"@ALL": "@ALL"}`."""
    return {str(k): str(v) for k, v in given.items()} if isinstance(given, dict) else {}


def update(state: SandboxState, call: Call) -> Json:
    """Update a card for everyone. Without options, the new variables replace all old ones."""
    body, limit = call.body, state.settings.card_value_limit
    id_ = rules.parse_track_id(body)
    if body.get("cardData") is None and body.get("privateData") is None:
        raise api_error("param.cardDataAndPrivateDataBothEmpty")
    card = state.cards.get(id_)
    if card is None or card.app.key != call.app.key:
        raise api_error("param.cardNotExist")
    values = rules.parse_param_map(body.get("cardData"), value_limit=limit)
    maps = rules.parse_private_data(body.get("privateData"), value_limit=limit)
    private = _private_data(state, card.template, maps, rules.parse_user_id_type(body))
    by_key, private_by_key = rules.parse_update_options(body.get("cardUpdateOptions"))
    warn_of_data(state, call, card.template, creates=not by_key and body.get("cardData") is not None)
    if body.get("cardData") is not None:
        card.public = rules.merge_variables(card.public, values, by_key=by_key)
        card.tap_variables.clear()
    for user, part in private.items():
        card.private[user] = rules.merge_variables(card.private.get(user, {}), part, by_key=private_by_key)
    for message in state.conversations.find_by_card(id_):
        message.updates.append(call.exchange)
        state.conversations.publish_change(message)
    return {"success": True, "result": True}


def add_spaces(state: SandboxState, call: Call) -> Json:
    """Add space models to a card, as required before delivery ("0787")."""
    card = state.cards.get(rules.parse_track_id(call.body))
    if card is None or card.app.key != call.app.key:
        raise api_error("param.cardNotExist")
    models = rules.parse_space_models(call.body)
    if not models:
        raise api_error("param.openSpaceModelInvalid")
    card.spaces |= models
    return {"success": True, "result": True}


def _data_size(call: Call) -> int:
    return rules.data_size(call.body)


ENDPOINTS = tuple(
    Endpoint(
        method=method,
        path=path,
        handler=act,
        scope=SCOPE,
        size_limit=rules.MAX_DATA_BYTES,
        measure_size=_data_size,
    )
    for method, path, act in (
        ("POST", "/v1.0/card/instances", create),
        ("POST", "/v1.0/card/instances/deliver", deliver),
        ("POST", "/v1.0/card/instances/createAndDeliver", create_and_deliver),
        ("PUT", "/v1.0/card/instances", update),
        ("PUT", "/v1.0/card/instances/spaces", add_spaces),
    )
)
