"""Server-sent events for the page.

`change` is sent when a message is added or changed, `stream` when a bot connects or disconnects. An event
carries ids only, because not every viewer may see the content.
"""

import asyncio
import json
from contextlib import suppress

from aiohttp import web

from dingtalk_sandbox.conversations import Message
from dingtalk_sandbox.state import SandboxState

KEEP_ALIVE_SECONDS = 15.0
"""Interval between comments on an idle stream."""


class Events:
    def __init__(self, state: SandboxState) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/_sandbox/events", self.events)]

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Stream events until the client disconnects or the sandbox stops."""
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        response = web.StreamResponse(headers=headers)
        with suppress(ConnectionError):  # the client disconnected
            await response.prepare(request)
            await self._stream_events(response)
        return response

    async def _stream_events(self, response: web.StreamResponse) -> None:
        with self._state.feed.listen() as queue:
            await response.write(b"retry: 1000\n\n")
            while True:
                try:
                    item = await asyncio.wait_for(queue.get(), KEEP_ALIVE_SECONDS)
                except TimeoutError:
                    await response.write(b": keep-alive\n\n")
                    continue
                if item is None:
                    return
                await response.write(format_event(*item))


def format_event(event: str, what: object) -> bytes:
    if isinstance(what, Message):
        what = {"conversation": what.conversation, "message": what.id}
    return f"event: {event}\ndata: {json.dumps(what, ensure_ascii=False)}\n\n".encode("utf-8", "replace")
