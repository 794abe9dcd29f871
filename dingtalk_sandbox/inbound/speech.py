"""Read what a person sends from the control API: text, files, and the message that is quoted."""

import base64
import binascii
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from dingtalk_sandbox.errors import Json, UsageError
from dingtalk_sandbox.state import Upload
from dingtalk_sandbox.stream.message_types import MsgType

SILENCE = b"#!AMR\n"
"""An AMR file without sound, for audio that has a text alone."""

DEFAULT_DURATION_MS = 3000
MAX_DURATION_MS = 24 * 3600 * 1000
FIELDS = "conversation, user, msgtype, text, fileName, content, duration, quote"


FILE_NAMES = {
    MsgType.PICTURE: "picture.png", MsgType.RICH_TEXT: "picture.png", MsgType.FILE: "file.bin",
    MsgType.AUDIO: "voice.amr", MsgType.VIDEO: "video.mp4",
}  # fmt: skip

MEDIA_KINDS = {MsgType.PICTURE: "image", MsgType.RICH_TEXT: "image", MsgType.AUDIO: "voice"}
"""Kinds of uploads, where they are not named as the message is ("0646")."""


@dataclass(frozen=True, kw_only=True)
class Speech:
    """A message that a person sends."""

    conversation: str
    user: str
    msgtype: MsgType = MsgType.TEXT
    text: str = ""  # of audio: the recognized text
    files: tuple[Upload, ...] = ()
    duration_ms: int = DEFAULT_DURATION_MS  # of audio and video
    quote: str = ""  # id of the message it replies to

    def content(self) -> Json:
        """Return the content of the message, without its files."""
        content: Json = {"msgtype": self.msgtype.value, "text": self.text}
        if self.msgtype in {MsgType.AUDIO, MsgType.VIDEO}:
            content["duration"] = self.duration_ms
        if self.msgtype == MsgType.VIDEO:
            content["videoType"] = PurePath(self.files[0].name).suffix.lstrip(".").lower() or "mp4"
        return content


def parse_speech(body: Any) -> Speech:
    """Parse the body of `POST /_sandbox/say`. Raises `UsageError`."""
    if not isinstance(body, dict):
        raise UsageError(f"expected {{{FIELDS}}}")
    texts = {name: body.get(name, "") for name in ("text", "msgtype", "fileName", "quote")}
    texts |= {name: body.get(name) for name in ("conversation", "user")}
    if wrong := [name for name, value in texts.items() if not isinstance(value, str)]:
        raise UsageError(f"{', '.join(wrong)}: expected text, in {{{FIELDS}}}")
    kind, duration = _parse_kind(texts["msgtype"]), body.get("duration", DEFAULT_DURATION_MS)
    if type(duration) is not int or not 0 <= duration <= MAX_DURATION_MS:
        raise UsageError(f"duration must be milliseconds, from 0 to {MAX_DURATION_MS}")
    if kind in {MsgType.TEXT, MsgType.RICH_TEXT} and not texts["text"].strip():
        raise UsageError("text is empty")
    return Speech(
        conversation=texts["conversation"],
        user=texts["user"],
        msgtype=kind,
        text=texts["text"],
        files=_parse_files(kind, texts["fileName"], body.get("content")),
        duration_ms=duration,
        quote=texts["quote"],
    )


def _parse_kind(given: str) -> MsgType:
    try:
        return MsgType(given or MsgType.TEXT)
    except ValueError:
        raise UsageError(f"msgtype is one of {', '.join(MsgType)}") from None


def _parse_files(kind: MsgType, name: str, content: Any) -> tuple[Upload, ...]:
    """Decode the files. Rich text takes several, audio needs none. Raises `UsageError`."""
    several = kind == MsgType.RICH_TEXT and isinstance(content, list)
    given = content if several else [] if content is None or content == "" else [content]
    if kind == MsgType.TEXT:
        if given:
            raise UsageError("a message of msgtype text has no content")
        return ()
    if kind == MsgType.AUDIO and not given:
        given = [base64.b64encode(SILENCE).decode()]
    if not given:
        raise UsageError("content is empty")
    name = PurePath(name.replace("\\", "/")).name or FILE_NAMES[kind]
    media_kind = MEDIA_KINDS.get(kind, kind.value)
    return tuple(
        Upload(name=name, kind=media_kind, mime="application/octet-stream", data=_decode(each))
        for each in given
    )


def _decode(content: Any) -> bytes:
    try:
        data = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise UsageError("content must be base64") from None
    if not data:
        raise UsageError("content is empty")
    return data
