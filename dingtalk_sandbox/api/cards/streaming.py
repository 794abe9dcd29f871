"""Streaming updates of a card variable ("0785-api-streamingupdate"). They need their own scope."""

from dingtalk_sandbox.api.pipeline import Call, Endpoint
from dingtalk_sandbox.errors import Json, api_error
from dingtalk_sandbox.state import Card, SandboxState
from dingtalk_sandbox.validation import cards as card_rules

TYPING, FINISHED, FAILED = "2", "3", "5"  # states of an AI card: 输入中, 完成, 失败 (card "01/0002")
MAX_FRAME_BYTES = 1024
"""Recommended size of a frame. Bots send more, and it is shown."""
MAX_STREAMED_BYTES = 3 * MAX_FRAME_BYTES
"""Recommended size of the whole text."""
MAX_GUIDS = 1000
"""Limit of the guids that a card remembers (not documented)."""
FLAGS = ("isFull", "isFinalize", "isError")
MISSING_FIELD_CODES = {
    "outTrackId": "param.outTrackIdEmpty",
    "guid": "param.stream.guidEmpty",
    "key": "param.stream.keyEmpty",
    "content": "param.stream.contentEmpty",
}


def stream(state: SandboxState, call: Call) -> Json:
    """Replace (`isFull`) or extend one variable, for everyone. A `guid` counts once.

    Bots send an empty content to move a card from 处理中 to 输入中.
    """
    body = call.body
    _check_fields(body)
    card = state.cards.get(body["outTrackId"])
    if card is None or card.app.key != call.app.key:
        raise api_error("param.stream.outTrackId", "card is not exist")
    if body["guid"] in card.guids:
        return {"success": True, "result": True}
    template = state.scenario.template(card.template)
    if template and body["key"] in template.markdown and body.get("isFull") is not True:
        raise api_error("param.stream.isFull", "markdown is streamed as a whole")
    before = "" if body.get("isFull") else card.public.get(body["key"], "")
    changes = {body["key"]: before + body["content"]}
    if template and template.flow:
        changes[template.flow] = _next_status(body)
    _show(state, call, card, changes)
    return {"success": True, "result": True}


def _check_fields(body: Json) -> None:
    for name, code in MISSING_FIELD_CODES.items():
        if not isinstance(body.get(name), str) or not (body[name] or name == "content"):
            raise api_error(code)
    for name in FLAGS:
        if not isinstance(body.get(name) or False, bool):
            raise api_error("param.stream.isFull" if name == "isFull" else "param.invalid", name)


def _next_status(body: Json) -> str:
    if body.get("isError"):
        return FAILED
    return FINISHED if body.get("isFinalize") else TYPING


def _show(state: SandboxState, call: Call, card: Card, changes: dict[str, str]) -> None:
    grown = card.public | changes
    if card_rules.map_size(grown) > card_rules.MAX_DATA_BYTES:
        raise api_error("param.stream.content", "content is too large")
    _warn_of_size(call, grown[call.body["key"]])
    card.guids[call.body["guid"]] = None
    if len(card.guids) > MAX_GUIDS:
        del card.guids[next(iter(card.guids))]
    card.public = grown
    for message in state.conversations.find_by_card(card.out_track_id):
        message.record(call.exchange)
        state.conversations.publish_change(message)


def _warn_of_size(call: Call, whole: str) -> None:
    """Log that a frame or the text is longer than the page recommends."""
    frame, text = (len(part.encode("utf-8", "replace")) for part in (call.body["content"], whole))
    if frame <= MAX_FRAME_BYTES and text <= MAX_STREAMED_BYTES:
        return
    call.warn(f"{frame} bytes in a frame and {text} in all: 1 KB and 3 KB are recommended")


ENDPOINTS = (
    Endpoint(method="PUT", path="/v1.0/card/streaming", handler=stream, scope="Card.Streaming.Write"),
)
