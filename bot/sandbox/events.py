"""Server-sent events for the page: `change` when a message is added or changes, `stream` when a bot comes or
goes."""

import asyncio
import json

from aiohttp import web

from bot.sandbox import views
from bot.sandbox.board import Message
from bot.sandbox.state import World

KEEP_ALIVE = 15.0
"""Seconds between comments on a silent stream."""


class Events:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/_sandbox/events", self.events)]

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Runs until the reader leaves or the sandbox stops."""
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        base = f"{request.scheme}://{request.host}"
        with self._world.feed.listen() as queue:
            await response.write(b"retry: 1000\n\n")
            while True:
                try:
                    item = await asyncio.wait_for(queue.get(), KEEP_ALIVE)
                except TimeoutError:
                    await response.write(b": still here\n\n")
                    continue
                if item is None:
                    return response
                await response.write(self._text(*item, base))

    def _text(self, event: str, what: object, base: str) -> bytes:
        if isinstance(what, Message):
            view = views.message_view(self._world, what, base=base)
            what = {"conversation": what.conversation, "message": view}
        return f"event: {event}\ndata: {json.dumps(what, ensure_ascii=False)}\n\n".encode("utf-8", "replace")
