"""Kinds of messages from people to robots ("0699")."""

from enum import StrEnum


class MsgType(StrEnum):
    """Kind of a message to a robot ("0699")."""

    TEXT = "text"  #: text alone
    PICTURE = "picture"  #: one picture
    RICH_TEXT = "richText"  #: text with pictures
    FILE = "file"  #: one file, only in one-to-one chats
    AUDIO = "audio"  #: speech and its recognized text, only in one-to-one chats
    VIDEO = "video"  #: one video, only in one-to-one chats


ONE_TO_ONE_ONLY = frozenset({MsgType.FILE, MsgType.AUDIO, MsgType.VIDEO})
"""Kinds that people cannot send to a robot in a group ("0699")."""
