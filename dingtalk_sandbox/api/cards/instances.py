"""Interactive cards: create, deliver and update ("0780" to "0783", "0787")."""

import logging

from dingtalk_sandbox.api.cards.data_warnings import warn_of_data
from dingtalk_sandbox.api.cards.delivery import deliver_to_spaces
from dingtalk_sandbox.api.pipeline import Call, Endpoint
from dingtalk_sandbox.errors import Json, api_error
from dingtalk_sandbox.retention import drop_undelivered_cards
from dingtalk_sandbox.state import Card, SandboxState
from dingtalk_sandbox.validation import cards as rules
from dingtalk_sandbox.validation.dynamic_data import parse_dynamic_data

log = logging.getLogger(__name__)
SCOPE = "Card.Instance.Write"
PROCESSING = "1"  # the state of an AI card before text is streamed into it


def create(state: SandboxState, call: Call) -> Json:
    card = _create(state, call)
    return {"success": True, "result": card.out_track_id}


def deliver(state: SandboxState, call: Call) -> Json:
    card = state.cards.get(rules.parse_track_id(call.body))
    if card is None or card.app.key != call.app.key:
        raise api_error("param.cardNotExist")
    return {"success": True, "result": deliver_to_spaces(state, call, card)}


def create_and_deliver(state: SandboxState, call: Call) -> Json:
    spaces = rules.parse_spaces(call.body)
    rules.parse_deliver_models(call.body, spaces)
    models = rules.parse_space_models(call.body)
    if any(space.kind not in models for space in spaces):
        raise api_error("param.openSpaceModelInvalid")
    card = _create(state, call)
    results = deliver_to_spaces(state, call, card)
    return {"success": True, "result": {"outTrackId": card.out_track_id, "deliverResults": results}}


def _create(state: SandboxState, call: Call) -> Card:
    body, limit = call.body, state.settings.card_value_limit
    id_ = rules.parse_track_id(body)
    template = _template(state, body)
    _check_creator(state, body)
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
        route=str(body.get("callbackRouteKey") or ""),
        data_sources=parse_dynamic_data(body.get("openDynamicDataConfig")),
    )
    _begin_processing(state, card)
    _log_not_emulated(body)
    _warn_of_callbacks(state, call, card)
    warn_of_data(state, call, template, creates=True)
    if (old := state.cards.get(id_)) is not None:
        if state.settings.repeated_card == "ignore" and old.app.key == call.app.key:
            return old
        raise api_error("param.cardAlreadyExist")
    state.cards[id_] = card
    drop_undelivered_cards(state)
    return card


def _check_creator(state: SandboxState, body: Json) -> None:
    creator = body.get("userId")
    if creator and (not isinstance(creator, str) or state.scenario.colleague(creator) is None):
        raise api_error("param.userIdNotExist", "userId")


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


def _begin_processing(state: SandboxState, card: Card) -> None:
    """Put a new AI card without a state and without a text into 处理中 (card "01/0002")."""
    template = state.scenario.template(card.template)
    if template and template.flow and not any(card.public.get(name) for name in template.markdown):
        card.public.setdefault(template.flow, PROCESSING)


def _warn_of_callbacks(state: SandboxState, call: Call, card: Card) -> None:
    if card.callback == "HTTP" and (card.app.key, card.route) not in state.card_routes:
        call.warn(f"callbackRouteKey {card.route} is not registered")
    if card.data_sources:
        call.warn("dynamic data is registered, and the sandbox pulls none")


def _log_not_emulated(body: Json) -> None:
    if unknown := sorted(rules.IGNORED_FIELDS & body.keys()):
        log.warning("not emulated: %s", ", ".join(unknown))


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
        message.record(call.exchange)
        state.conversations.publish_change(message)
    return {"success": True, "result": True}


def add_spaces(state: SandboxState, call: Call) -> Json:
    """Add space models to a card, as required before delivery ("0787")."""
    card = state.cards.get(rules.parse_track_id(call.body))
    if card is None or card.app.key != call.app.key:
        raise api_error("param.cardNotExist")
    models = rules.parse_space_models(call.body)
    if not models:
        raise api_error("param.emptyAppendSpaces")
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
