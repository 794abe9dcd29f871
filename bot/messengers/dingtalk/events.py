"""From DingTalk's JSON to our nouns: lenient with what is missing, never with who spoke.

0699-robot-message-type, 0718-receive-message; presses: 0003 (card tutorial). Fields that DingTalk may
leave out
become empty; a person without a staffId is of no organisation we know, and may nothing.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bot.foreign_text import storable
from bot.models import CardTap, Message, Person

GROUP = "2"
UNION_ID = 2  # the `userIdType` of ids that are no staffIds


def parse_message(data: Mapping[str, Any]) -> Message | None:
    """What a person said; None when there is no message id to know it by."""
    id_, conversation = _text(data, "msgId"), _text(data, "conversationId")
    if not id_ or not conversation:
        return None
    sender = Person(
        id=_text(data, "senderStaffId"),
        name=_text(data, "senderNick"),
        admin=data.get("isAdmin") is True,
    )
    return Message(
        id=id_,
        robot_code=_text(data, "robotCode"),
        conversation_id=conversation,
        group=str(data.get("conversationType")) == GROUP,
        sender=sender,
        text=parse_text(data),
        title=_text(data, "conversationTitle"),
        corp_id=_text(data, "chatbotCorpId"),
        session_webhook=_text(data, "sessionWebhook"),
        session_expires=_time(data.get("sessionWebhookExpiredTime")),
    )


def parse_text(data: Mapping[str, Any]) -> str:
    """The words of a message, whatever its kind; "" for a picture, or once the month's quota is used up."""
    text = data.get("text")
    if isinstance(text, dict):
        return _trimmed(_text(text, "content"))
    content = data.get("content")
    parts = content.get("richText") if isinstance(content, dict) else None
    if isinstance(parts, list):
        return _trimmed("".join(_text(part, "text") for part in parts if isinstance(part, dict)))
    return ""


def parse_tap(data: Mapping[str, Any]) -> CardTap | None:
    """What a person pressed; None when card or button cannot be told."""
    inner = _object(data.get("content")) or _object(data.get("value"))
    private = inner.get("cardPrivateData")
    private = private if isinstance(private, dict) else {}
    card, action = _text(data, "outTrackId"), _action(private, inner)
    if not card or not action:
        return None
    return CardTap(
        card_id=card,
        action=action,
        user=Person(id="" if data.get("userIdType") == UNION_ID else _text(data, "userId")),
        conversation_id=_text(data, "spaceId"),
        corp_id=_text(data, "corpId"),
    )


def _action(private: Mapping[str, Any], inner: Mapping[str, Any]) -> str:
    """The button: its component id, else what its parameters say (two places are in the wild)."""
    ids = private.get("actionIds")
    if isinstance(ids, list) and ids and isinstance(ids[0], str):
        return ids[0]
    for params in (private.get("params"), inner.get("params")):
        if isinstance(params, dict):
            return _text(params, "id") or _text(params, "action")
    return ""


def _object(value: object) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    return storable(value) if isinstance(value, str) else ""


def _trimmed(text: str) -> str:
    return text.strip().strip("\u2005\u00a0\u200b").strip()


def _time(value: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(str(value)) / 1000, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None
