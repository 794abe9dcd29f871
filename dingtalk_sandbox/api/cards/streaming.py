"""Streaming updates of a card variable ("0785-api-streamingupdate"). They need their own scope."""

from dingtalk_sandbox.api.pipeline import Call, Endpoint
from dingtalk_sandbox.errors import Json, api_error
from dingtalk_sandbox.state import SandboxState
from dingtalk_sandbox.validation import cards as card_rules

MISSING_FIELD_CODES = {
    "outTrackId": "param.stream.outTrackId",
    "guid": "param.stream.guidEmpty",
    "key": "param.stream.keyEmpty",
    "content": "param.stream.contentEmpty",
}


def stream(state: SandboxState, call: Call) -> Json:
    """Replace (`isFull`) or extend one variable, for everyone.

    Bots send an empty content to move a card from 处理中 to 输入中.
    """
    body = call.body
    for name, code in MISSING_FIELD_CODES.items():
        if not isinstance(body.get(name), str) or not (body[name] or name == "content"):
            raise api_error(code)
    if not isinstance(body.get("isFull", False), bool):
        raise api_error("param.stream.isFull")
    card = state.cards.get(body["outTrackId"])
    if card is None or card.app.key != call.app.key:
        raise api_error("param.cardNotExist")
    before = "" if body.get("isFull") else card.public.get(body["key"], "")
    grown = card.public | {body["key"]: before + body["content"]}
    if card_rules.map_size(grown) > card_rules.MAX_DATA_BYTES:
        raise api_error("param.stream.content")
    card.public = grown
    for message in state.conversations.find_by_card(card.out_track_id):
        message.updates.append(call.exchange)
        state.conversations.publish_change(message)
    return {"success": True, "result": True}


ENDPOINTS = (
    Endpoint(method="PUT", path="/v1.0/card/streaming", handler=stream, scope="Card.Streaming.Write"),
)
