"""The content of robot messages by kind ("0699", "0718"), and of the message they quote. Pure functions.

DingTalk does not document quoted messages. Their fields are those that public bots read ([seen]).
"""

from collections.abc import Callable, Mapping

from dingtalk_sandbox.conversations import Message
from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.stream.message_types import MsgType

Codes = Mapping[str, str]
"""The downloadCode of each media_id."""


def _text(message: Message) -> str:
    return str(message.content.get("text", ""))


def _file(message: Message, codes: Codes) -> Json:
    return {"downloadCode": codes[message.media_id], "fileName": message.file_name}


def _picture(message: Message, codes: Codes) -> Json:
    code = codes[message.media_id]
    return {"downloadCode": code, "pictureDownloadCode": code}  # the second field: [seen]


def _audio(message: Message, codes: Codes) -> Json:
    content = {"duration": message.content["duration"], "downloadCode": codes[message.media_id]}
    return content | {"recognition": _text(message)}


def _video(message: Message, codes: Codes) -> Json:
    content = {name: message.content[name] for name in ("duration", "videoType")}
    return content | {"downloadCode": codes[message.media_id]}


def _rich_text(message: Message, codes: Codes) -> Json:
    pictures = [
        {"type": "picture", "downloadCode": codes[id_], "pictureDownloadCode": codes[id_]}
        for id_ in message.pictures
    ]
    return {"richText": [{"text": _text(message)}, *pictures]}


CONTENTS: Mapping[str, Callable[[Message, Codes], Json]] = {
    MsgType.PICTURE: _picture, MsgType.RICH_TEXT: _rich_text, MsgType.FILE: _file, MsgType.AUDIO: _audio,
    MsgType.VIDEO: _video,
}  # fmt: skip


def message_content(message: Message, codes: Codes, quote: Json) -> Json:
    """Return the `text` or the `content` of a message. `quote` is that of `quote_content`, or empty."""
    if message.kind == MsgType.TEXT:
        return {"text": {"content": _text(message)} | quote}
    return {"content": CONTENTS[message.kind](message, codes) | quote}


def _quoted_rich_text(message: Message, codes: Codes) -> Json:
    pictures = [{"msgType": "picture", "downloadCode": codes[id_]} for id_ in message.pictures]
    return {"richText": [{"msgType": "text", "content": _text(message)}, *pictures]}


def _quoted_kind(quoted: Message, *, group: bool) -> str:
    if quoted.out_track_id:
        return "interactiveCard"
    if quoted.kind in {MsgType.FILE, MsgType.AUDIO, MsgType.VIDEO} and group:
        return "unknownMsgType"
    return quoted.kind if quoted.kind in CONTENTS else MsgType.TEXT


def quote_content(quoted: Message, sender_id: str, codes: Codes, *, group: bool) -> Json:
    """Return what marks a message as a reply to `quoted`, whose sender has the encrypted id `sender_id`.

    Of a card, and of a file in a group, nothing of the content is told. A robot's other messages are quoted
    as text (ours).
    """
    kind = _quoted_kind(quoted, group=group)
    told: Json = {
        "createdAt": int(quoted.at.timestamp() * 1000),
        "senderId": sender_id,
        "msgType": kind,
        "msgId": quoted.id,
    }
    if kind == MsgType.RICH_TEXT:
        told["content"] = _quoted_rich_text(quoted, codes)
    elif kind in CONTENTS:
        told["content"] = CONTENTS[kind](quoted, codes)
    elif kind == MsgType.TEXT:
        told["content"] = {"text": _text(quoted)}
    return {"isReplyMsg": True, "repliedMsg": told}


def media_of(message: Message | None) -> list[str]:
    """Return the media_ids of the files in a message."""
    return [id_ for id_ in (message.media_id, *message.pictures) if id_] if message else []
