"""The vendor's Stream client without its connection: what it makes of a frame, and the ack it gives."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from dingtalk_stream import AckMessage, CallbackHandler, CallbackMessage, DingTalkStreamClient
from dingtalk_stream.frames import SystemMessage

Answer = tuple[int, Mapping[str, Any] | None]


class Topic(CallbackHandler):  # type: ignore[misc]
    """One callback topic of the vendor's client, answered by a function of ours."""

    def __init__(self, answer: Callable[[Mapping[str, Any]], Awaitable[Answer]]) -> None:
        super().__init__()
        self._answer = answer

    async def process(self, message: CallbackMessage) -> Answer:
        return await self._answer(message.data if isinstance(message.data, dict) else {})


class Client(DingTalkStreamClient):  # type: ignore[misc]
    """The vendor's client without its connection: it holds the handlers and makes the acks."""

    def subscriptions(self) -> list[dict[str, str]]:
        return [{"type": "CALLBACK", "topic": topic} for topic in self.callback_handler_map]

    async def ack(self, frame: Mapping[str, Any]) -> dict[str, Any] | None:
        """The answer to a frame; None for one that wants none."""
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
    """An ack that says nothing but its code."""
    headers = {"messageId": frame["headers"].get("messageId"), "contentType": "application/json"}
    return {"code": code, "headers": headers, "message": "", "data": json.dumps({"response": None})}
