"""Open Stream connections and the frames pushed through them.

A frame is JSON text whose `data` is a JSON string. It is pushed to one connection, chosen at random among
those that subscribed to its topic. The ack carries the same `messageId` ([proto]).
"""

import asyncio
import json
import logging
import random
import secrets
from collections import Counter
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from dingtalk_sandbox.api.gateway import redeem_ticket
from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.redaction import is_too_deep
from dingtalk_sandbox.scenario import App
from dingtalk_sandbox.state import SandboxState, Ticket

log = logging.getLogger(__name__)
MAX_FRAME_BYTES = 1024 * 1024
GUESSES = 4
"""Connections that are tried at random, before all are looked at."""


@dataclass(kw_only=True, eq=False)
class Connection:
    id: str
    ticket: Ticket
    ws: web.WebSocketResponse
    request: web.Request
    muted: bool = False  # frames are dropped silently
    disconnecting: bool = False  # `disconnect` was sent, so nothing is pushed any more
    pending_acks: dict[str, asyncio.Future[Json]] = field(default_factory=dict)

    def accepts(self, app: App, topic: str, kind: str = "CALLBACK") -> bool:
        mine = self.ticket.app.key == app.key and (kind, topic) in self.ticket.topics
        return mine and not self.disconnecting and not self.ws.closed


@dataclass(frozen=True, kw_only=True)
class Push:
    """A frame sent through a connection, and its pending ack."""

    frame: Json
    connection: Connection
    ack: asyncio.Future[Json]


class Hub:
    """Keeps the open connections. `close` ends all of them and every background task."""

    def __init__(self, state: SandboxState) -> None:
        self._state = state
        self._random = random.Random()  # noqa: S311 - load balancing, not security
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections: dict[str, Connection] = {}
        self.counts: Counter[str] = Counter()

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Serve the WebSocket at `/connect?ticket=`. A bad ticket gets 401 instead of a handshake."""
        ticket = redeem_ticket(self._state, request.query.get("ticket", ""))
        if ticket is None:
            self.counts["refused"] += 1
            return web.json_response({"code": "invalid.ticket", "message": "ticket is invalid"}, status=401)
        ws = web.WebSocketResponse(max_msg_size=MAX_FRAME_BYTES, timeout=0.5)
        await ws.prepare(request)
        connection = Connection(id=secrets.token_hex(8), ticket=ticket, ws=ws, request=request)
        self.connections[connection.id] = connection
        self.counts["opened"] += 1
        self._publish("open", connection)
        pings = self.start_task(self._ping_periodically(connection), f"ping {connection.id}")
        try:
            await self._read(connection)
        finally:
            pings.cancel()
            self.connections.pop(connection.id, None)
            self._publish("close", connection)
        return ws

    async def _read(self, connection: Connection) -> None:
        async for message in connection.ws:
            if message.type == WSMsgType.TEXT:
                self._receive_ack(connection, message.data)
            else:
                self.counts["bad_frames"] += 1

    def _receive_ack(self, connection: Connection, text: str) -> None:
        """Match an ack to its push. Anything else is counted and ignored."""
        try:
            frame = json.loads(text)
        except (ValueError, RecursionError):
            frame = None
        headers = frame.get("headers") if isinstance(frame, dict) else None
        id_ = headers.get("messageId") if isinstance(headers, dict) else None
        if not isinstance(id_, str) or is_too_deep(frame):
            self.counts["bad_frames"] += 1
            return
        waiting = connection.pending_acks.pop(id_, None)
        self.counts["acked" if waiting else "stray_acks"] += 1
        if waiting and not waiting.done():
            waiting.set_result(frame)

    def choose_connection(self, app: App, topic: str, kind: str = "CALLBACK") -> Connection | None:
        """Return one of the connections that subscribed to a topic, each with the same probability."""
        everyone = list(self.connections.values())
        for _ in range(GUESSES if everyone else 0):
            if (candidate := self._random.choice(everyone)).accepts(app, topic, kind):
                return candidate
        ready = [c for c in everyone if c.accepts(app, topic, kind)]
        return self._random.choice(ready) if ready else None

    async def push(self, app: App, topic: str, data: Json) -> Push | None:
        """Send a callback to one of the app's connections. Returns None if none subscribed to the topic."""
        connection = self.choose_connection(app, topic)
        if connection is None:
            return None
        headers = {"appId": app.key, "connectionId": connection.id, "topic": topic}
        return await self._send(connection, "CALLBACK", headers, self._addressed(connection, data))

    async def push_event(self, app: App, headers: Mapping[str, str], data: Json) -> Push | None:
        """Send an event to one of the app's connections. Returns None if none subscribed to events."""
        connection = self.choose_connection(app, "*", "EVENT")
        return await self._send(connection, "EVENT", dict(headers), data) if connection else None

    def _addressed(self, connection: Connection, data: Json) -> Json:
        """Give a client that was intercepted its session webhook under DingTalk's host name."""
        webhook = data.get("sessionWebhook")
        if not connection.ticket.intercepted or not webhook:
            return data
        return data | {"sessionWebhook": self._state.intercepted.oapi + webhook.removeprefix(self._state.url)}

    async def _send(self, connection: Connection, kind: str, headers: Json, data: Json) -> Push:
        message_id = f"{secrets.token_hex(4)}_{len(self.connections)}_{secrets.token_hex(6)}"
        stamp = {
            "contentType": "application/json",
            "messageId": message_id,
            "time": str(self._state.clock.ms()),
        }
        text = json.dumps(data, ensure_ascii=False).encode("utf-8", "replace").decode()
        frame = {"specVersion": "1.0", "type": kind, "headers": headers | stamp, "data": text}
        ack = asyncio.get_running_loop().create_future()
        connection.pending_acks[message_id] = ack
        self.counts["pushed"] += 1
        if not connection.muted:
            with suppress(ConnectionError):
                await connection.ws.send_str(json.dumps(frame, ensure_ascii=False))
        return Push(frame=frame, connection=connection, ack=ack)

    async def wait_for_ack(self, push: Push, seconds: float) -> Json | None:
        """Return the ack, or None if it does not arrive within `seconds` of the sandbox's clock."""
        nap = asyncio.ensure_future(self._state.clock.sleep(seconds))
        waited: set[asyncio.Future[Any]] = {nap, push.ack}
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            nap.cancel()
            push.connection.pending_acks.pop(push.frame["headers"]["messageId"], None)
        return push.ack.result() if push.ack.done() else None

    async def _ping_periodically(self, connection: Connection) -> None:
        while every := self._state.settings.ping_every:
            await self._state.clock.sleep(every)
            await self.ping(connection)

    async def ping(self, connection: Connection) -> bool:
        """Send a SYSTEM ping. Returns True if the same `opaque` comes back within 5 s."""
        opaque = secrets.token_hex(6)
        push = await self._send(connection, "SYSTEM", {"topic": "ping"}, {"opaque": opaque})
        ack = await self.wait_for_ack(push, 5)
        good = ack is not None and opaque in str(ack.get("data"))
        self.counts["pongs" if good else "missed_pongs"] += 1
        return good

    async def disconnect(self, connection: Connection) -> None:
        """Send `disconnect`, and close the connection after the grace period."""
        connection.disconnecting = True
        await self._send(connection, "SYSTEM", {"topic": "disconnect"}, {"reason": "connection is expired"})
        self.start_task(self._close_after_grace(connection), f"disconnect {connection.id}")

    async def _close_after_grace(self, connection: Connection) -> None:
        await self._state.clock.sleep(self._state.settings.disconnect_grace)
        await connection.ws.close()

    def drop(self, connection: Connection) -> None:
        """Abort the TCP connection without a close frame."""
        connection.disconnecting = True
        if connection.request.transport is not None:
            connection.request.transport.abort()

    def start_task(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Start a background task that `close` cancels."""
        task = asyncio.create_task(work, name=f"sandbox {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _publish(self, event: str, connection: Connection) -> None:
        what = {"event": event, "id": connection.id, "connections": len(self.connections)}
        self._state.feed.publish("stream", what)

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        closing = [asyncio.ensure_future(c.ws.close(code=1001)) for c in self.connections.values()]
        if closing:
            await asyncio.wait(closing, timeout=0.5)
        for connection in list(self.connections.values()):
            self.drop(connection)
