"""Parsing of inbound events: messages (0699-robot-message-type, 0718-receive-message) and taps (0003).

Fields that DingTalk may omit become empty. A sender without a staffId is not a member of the organization
and has no permissions.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bot.foreign_text import storable
from bot.models import CardTap, Message, MessageKind, Person

GROUP = "2"
STAFF_ID = "1"  # `userIdType` of staffIds; others are not
ROW_SEPARATOR = ":"  # between the action and the row, in the id of a button in a table
MAX_CHOSEN = 1_000  # options of a form; ours has far fewer


def parse_message(data: Mapping[str, Any]) -> Message | None:
    """Parse a message. Returns None if it has no message id or conversation id."""
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
        kind=_kind(data),
        quoted=_text(data, "originalProcessQueryKey"),
        title=_text(data, "conversationTitle"),
        corp_id=_text(data, "chatbotCorpId"),
        sender_corp_id=_text(data, "senderCorpId"),
        session_webhook=_text(data, "sessionWebhook"),
        session_expires=_time(data.get("sessionWebhookExpiredTime")),
    )


def parse_text(data: Mapping[str, Any]) -> str:
    """Return the text of a message of any kind: of audio, what DingTalk recognized.

    It is "" for a picture, a file or a video, and for all messages once the month's quota is used up.
    """
    text = data.get("text")
    if isinstance(text, dict):
        return _trimmed(_text(text, "content"))
    content = _object(data.get("content"))
    parts = content.get("richText")
    if isinstance(parts, list):
        return _trimmed("".join(_text(part, "text") for part in parts if isinstance(part, dict)))
    return _trimmed(_text(content, "recognition"))


def _kind(data: Mapping[str, Any]) -> MessageKind:
    try:
        return MessageKind(_text(data, "msgtype") or MessageKind.TEXT)
    except ValueError:
        return MessageKind.UNKNOWN


def parse_tap(data: Mapping[str, Any]) -> CardTap | None:
    """Parse a tap. Returns None if it names no card or no button."""
    inner = _object(data.get("content")) or _object(data.get("value"))
    private = inner.get("cardPrivateData")
    private = private if isinstance(private, dict) else {}
    params = _first_object(private.get("params"), inner.get("params"))
    card_id, id_ = _text(data, "outTrackId"), _cell_id(params) or _button_id(private, params)
    action, _, row = id_.partition(ROW_SEPARATOR)
    if not card_id or not action:
        return None
    return CardTap(
        card_id=card_id,
        action=action,
        user=Person(id=_text(data, "userId") if str(data.get("userIdType", 1)) == STAFF_ID else ""),
        conversation_id=_text(data, "spaceId"),
        corp_id=_text(data, "corpId"),
        chosen=(row,) if row else _chosen(_first_object(params.get("form"), params.get(action))),
    )


def _button_id(private: Mapping[str, Any], params: Mapping[str, Any]) -> str:
    """Return the id of a button: its component id, or else a parameter."""
    ids = private.get("actionIds")
    if isinstance(ids, list) and ids and isinstance(ids[0], str):
        return ids[0]
    return _text(params, "id") or _text(params, "action")


def _cell_id(params: Mapping[str, Any]) -> str:
    """Return the id of a button in a table, whose callback has the whole row (0013-table-variables)."""
    row, column = params.get("row"), params.get("column")
    if not isinstance(row, dict) or not isinstance(column, dict):
        return ""
    return _text(_first_object(row.get(_text(column, "alias"))), "id")


def _chosen(form: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a person chose in a form: options, or lines of a text (0014-form-variables)."""
    found: list[str] = []
    for field in form.values():
        value = field.get("value") if isinstance(field, dict) else field
        texts = value if isinstance(value, list) else [value]
        found += [line.strip() for text in texts if isinstance(text, str) for line in text.splitlines()]
    return tuple(storable(line) for line in found if line)[:MAX_CHOSEN]


def _first_object(*values: object) -> Mapping[str, Any]:
    return next((value for value in values if isinstance(value, dict)), {})


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
