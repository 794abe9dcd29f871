"""Read what a person sends from the control API: text, files, and the message that is quoted."""

import base64
from dataclasses import dataclass
from pathlib import PurePath

from dingtalk_sandbox.errors import Json, UsageError
from dingtalk_sandbox.reference.bodies import DEFAULT_DURATION_MS, SayBody
from dingtalk_sandbox.state import Upload
from dingtalk_sandbox.stream.message_types import MsgType

SILENCE = b"#!AMR\n"
"""An AMR file without sound, for audio that has a text alone."""

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


def parse_speech(said: SayBody) -> Speech:
    """Decode the files that a person sends. Raises `UsageError` for a message that cannot be sent."""
    if said.msgtype in {MsgType.TEXT, MsgType.RICH_TEXT} and not said.text.strip():
        raise UsageError("text is empty")
    return Speech(
        conversation=said.conversation,
        user=said.user,
        msgtype=said.msgtype,
        text=said.text,
        files=_parse_files(said),
        duration_ms=said.duration,
        quote=said.quote,
    )


def _parse_files(said: SayBody) -> tuple[Upload, ...]:
    """Decode the files. Rich text takes several, audio needs none. Raises `UsageError`."""
    kind, content = said.msgtype, said.content
    if isinstance(content, list) and kind != MsgType.RICH_TEXT:
        raise UsageError(f"a message of msgtype {kind} has one content")
    given = content if isinstance(content, list) else [content] if content else []
    if kind == MsgType.TEXT:
        if given:
            raise UsageError("a message of msgtype text has no content")
        return ()
    if kind == MsgType.AUDIO and not given:
        given = [base64.b64encode(SILENCE).decode()]
    if not given:
        raise UsageError("content is empty")
    name = PurePath(said.fileName.replace("\\", "/")).name or FILE_NAMES[kind]
    media_kind = MEDIA_KINDS.get(kind, kind.value)
    return tuple(
        Upload(name=name, kind=media_kind, mime="application/octet-stream", data=_decode(each))
        for each in given
    )


def _decode(content: str) -> bytes:
    try:
        data = base64.b64decode(content, validate=True)
    except ValueError:
        raise UsageError("content must be base64") from None
    if not data:
        raise UsageError("content is empty")
    return data
