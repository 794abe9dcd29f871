"""Cards that are pinned to the top of a conversation: close ("0784")."""

from dingtalk_sandbox.api.cards.delivery import pinned_messages
from dingtalk_sandbox.api.pipeline import Call, Endpoint
from dingtalk_sandbox.errors import Json, api_error
from dingtalk_sandbox.state import SandboxState


def close(state: SandboxState, call: Call) -> Json:
    """Close a pinned card. The fields are in the URL. `result` tells if there was one."""
    card, conversation = call.query.get("outTrackId", ""), call.query.get("openConversationId", "")
    if not card:
        raise api_error("param.outTrackIdEmpty")
    if not conversation:
        raise api_error("param.empty", "openConversationId")
    if state.scenario.group(conversation) is None:
        raise api_error("param.conversationIdInvalid", "param.openConversationIdInvalid")
    found = state.cards.get(card)
    if found is None or found.app.key != call.app.key:
        raise api_error("param.cardNotExist")
    return {"success": True, "result": unpin(state, card, conversation)}


def unpin(state: SandboxState, card: str, conversation: str) -> bool:
    """Remove the pins of a card from a conversation. Returns True if there were any."""
    mine = [m for m in pinned_messages(state, conversation) if m.out_track_id == card]
    for message in mine:
        state.conversations.recall(message)
        state.cards[card].carriers.pop(f"ONE_BOX.{conversation}", None)
    return bool(mine)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1.0/card/tops/close",
        handler=close,
        scope="Card.Instance.Write",
        takes_body=False,
    ),
)
