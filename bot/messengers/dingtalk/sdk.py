"""Adapter of the DingTalk SDK: its parsing of frames and its acks, without its connection."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from dingtalk_stream import AckMessage, CallbackHandler, CallbackMessage, DingTalkStreamClient
from dingtalk_stream.frames import SystemMessage

TopicResult = tuple[int, Mapping[str, Any] | None]
"""Status of an ack, and the data of its response."""


class CallbackTopic(CallbackHandler):  # type: ignore[misc]
    """Callback topic of the SDK, handled by a function."""

    def __init__(self, handle: Callable[[Mapping[str, Any]], Awaitable[TopicResult]]) -> None:
        super().__init__()
        self._handle = handle

    async def process(self, message: CallbackMessage) -> TopicResult:
        return await self._handle(message.data if isinstance(message.data, dict) else {})


class SdkClient(DingTalkStreamClient):  # type: ignore[misc]
    """Client of the SDK without its connection: it holds the handlers and builds the acks."""

    async def ack(self, frame: Mapping[str, Any]) -> dict[str, Any] | None:
        """Handle a frame and return its ack, or None for a frame that needs none."""
        kind = frame.get("type")
        if kind == SystemMessage.TYPE:
            ack = await self.system_handler.raw_process(SystemMessage.from_dict(frame))
        elif kind == CallbackMessage.TYPE:
            message = CallbackMessage.from_dict(frame)
            handler = self.callback_handler_map.get(message.headers.topic)
            if handler is None:
                return plain_ack(frame, AckMessage.STATUS_NOT_IMPLEMENT)
            ack = await handler.raw_process(message)
        else:
            return None
        answer: dict[str, Any] = ack.to_dict()
        return answer


def plain_ack(frame: Mapping[str, Any], code: int) -> dict[str, Any]:
    """Build an ack that has nothing but a status."""
    headers = {"messageId": frame["headers"].get("messageId"), "contentType": "application/json"}
    return {"code": code, "headers": headers, "message": "", "data": json.dumps({"response": None})}
