"""Stream connection: receives messages and taps, and acknowledges them.

The SDK's own loop blocks the event loop, reconnects without a pause and cannot be stopped, so only its
frames, handlers and acks are used (`bot/messengers/dingtalk/sdk.py`). The protocol is described in
open-dingtalk/developerpedia, docs/learn/stream/protocol.md.
"""

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from dingtalk_stream import AckMessage, Credential
from dingtalk_stream.frames import SystemMessage

from bot.errors import DingRunError, PermanentError, TemporaryError
from bot.messengers.dingtalk.auth import DingTalkApp
from bot.messengers.dingtalk.errors import Throttled
from bot.messengers.dingtalk.events import parse_message, parse_tap
from bot.messengers.dingtalk.gateway import MESSAGES_TOPIC, TAPS_TOPIC, open_ticket
from bot.messengers.dingtalk.rate_limiter import NullRateLimiter
from bot.messengers.dingtalk.sdk import CallbackTopic, SdkClient, TopicResult, plain_ack
from bot.models import CardTap, Message
from bot.telemetry.loops import loop_step, report_error

log = logging.getLogger(__name__)

MAX_BACKOFF_SECONDS = 60.0
REFUSED_RETRY_SECONDS = 60.0  # while DingTalk rejects the keys
MAX_PENDING_FRAMES = 500  # more are not acknowledged, so DingTalk redelivers them
MAX_FRAME_BYTES = 4 * 1024 * 1024

OnMessage = Callable[[Message], Awaitable[None]]
OnTap = Callable[[CardTap], Awaitable[Mapping[str, str]]]


OnFrame = Callable[[str, str, float], None]
"""Gets the topic of a frame, its outcome, and the seconds until it was acknowledged."""

TOPICS = {MESSAGES_TOPIC: "message", TAPS_TOPIC: "tap"}


def ignore_frame(topic: str, outcome: str, seconds: float) -> None:
    """Do nothing."""


@dataclass(frozen=True, kw_only=True)
class StreamOptions:
    """Timeouts of a Stream connection."""

    idle_seconds: float = 90.0  # without a frame it is considered dead; DingTalk pings every 20 to 30 s
    healthy_seconds: float = 10.0  # minimum lifetime after which a reconnect needs no backoff
    drain_seconds: float = 12.0  # an old connection stays open for its last acks; DingTalk closes it after 10
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    rate_limiter: NullRateLimiter = field(default_factory=NullRateLimiter)  # blocks calls during a ban
    on_frame: OnFrame = ignore_frame


@dataclass(eq=False)
class _Socket:
    """One WebSocket and its pending frames."""

    socket: aiohttp.ClientWebSocketResponse
    leaving: asyncio.Event = field(default_factory=asyncio.Event)  # DingTalk sent `disconnect`
    pending: set[asyncio.Task[None]] = field(default_factory=set)
    reader: asyncio.Task[None] | None = None


class StreamConnection:
    """Connection to the Stream gateway. While one WebSocket drains, a second one is already open."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        app: DingTalkApp,
        receive_message: OnMessage,
        receive_tap: OnTap,
        *,
        options: StreamOptions | None = None,
    ) -> None:
        self._session = session
        self._app = app
        self._receive_message = receive_message
        self._receive_tap = receive_tap
        self._options = options or StreamOptions()
        self._sockets: set[_Socket] = set()
        self._short_connections = 0
        self.connected = asyncio.Event()
        self.last_frame_at: float | None = None  # by the clock of the event loop
        self.refusal = ""  # why DingTalk rejects the app, as of the last attempt
        credential = Credential(app.app_key, app.app_secret)
        self._client = SdkClient(credential, logging.getLogger("dingtalk_stream"))
        self._client.register_callback_handler(MESSAGES_TOPIC, CallbackTopic(self._on_message))
        self._client.register_callback_handler(TAPS_TOPIC, CallbackTopic(self._on_tap))
        self._client.pre_start()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        try:
            while True:
                socket = await self._connect()
                lifetime = await self._wait_until_replaced(socket)
                healthy = lifetime >= self._options.healthy_seconds
                self._short_connections = 0 if healthy else self._short_connections + 1
                if self._short_connections > 1:  # a single early end may be routine: reconnect at once
                    await self._options.sleep(self._backoff())
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Close all connections. Takes at most two seconds, whatever the gateway does."""
        self.connected.clear()
        sockets, self._sockets = self._sockets, set()
        for each in sockets:
            for task in [*each.pending, *([each.reader] if each.reader else [])]:
                task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                await asyncio.gather(*(each.socket.close() for each in sockets), return_exceptions=True)

    def _backoff(self) -> float:
        """Return 1, 2, 4 … 60 s with jitter, so that many bots do not reconnect at the same time."""
        longest = min(MAX_BACKOFF_SECONDS, 2.0 ** min(self._short_connections - 1, 10))
        return longest * (0.5 + random.random() / 2)  # noqa: S311 - jitter, not a secret

    async def _connect(self) -> _Socket:
        while True:
            try:
                socket = await self._open()
            except PermanentError as error:
                log.error("the Stream rejects the app, retrying in about a minute: %s", error)  # noqa: TRY400
                self.refusal = str(error)
                await self._options.sleep(REFUSED_RETRY_SECONDS * (0.5 + random.random()))  # noqa: S311 - jitter
            except TemporaryError as error:
                self.refusal = ""
                self._short_connections += not isinstance(error, Throttled)  # throttling is not a failure
                asked = (error.retry_after or 0) * (1 + random.random() / 4)  # noqa: S311 - jitter
                wait = max(self._backoff(), asked)
                log.warning("the Stream is not connected, retrying in %.1f s: %s", wait, error)
                await self._options.sleep(wait)
            except Exception as error:  # noqa: BLE001 - edge of the loop: the next attempt may succeed
                self._short_connections += 1
                report_error("stream", error)
                await self._options.sleep(self._backoff())
            else:
                log.info("the Stream is connected")
                self.refusal = ""
                self.connected.set()
                return socket

    async def _open(self) -> _Socket:
        url = await self.ticket()
        try:
            async with asyncio.timeout(10):
                websocket = await self._session.ws_connect(url, heartbeat=30, max_msg_size=MAX_FRAME_BYTES)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:  # ValueError: invalid URL
            raise TemporaryError(f"the WebSocket cannot be opened: {type(error).__name__}") from None
        socket = _Socket(websocket)
        self._sockets.add(socket)
        socket.reader = asyncio.create_task(self._read(socket), name="stream reader")
        return socket

    async def ticket(self) -> str:
        """Request the URL of a new connection, see `open_ticket`."""
        async with self._options.rate_limiter.free_call():
            return await open_ticket(self._session, self._app)

    async def _wait_until_replaced(self, socket: _Socket) -> float:
        """Wait until this connection must be replaced and return its lifetime in seconds."""
        loop = asyncio.get_running_loop()
        opened_at = loop.time()
        leaving = asyncio.create_task(socket.leaving.wait())
        try:
            readers = [socket.reader] if socket.reader else []
            await asyncio.wait([leaving, *readers], return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
        if not socket.leaving.is_set():
            self.connected.clear()
            log.warning("the Stream was disconnected after %.0f s", loop.time() - opened_at)
        return loop.time() - opened_at

    async def _read(self, socket: _Socket) -> None:
        """Receive frames until the connection ends or is idle for too long."""
        options = self._options
        try:
            while True:
                timeout = options.drain_seconds if socket.leaving.is_set() else options.idle_seconds
                received = await socket.socket.receive(timeout=timeout)
                if received.type is not aiohttp.WSMsgType.TEXT:
                    break
                await self._handle(socket, received.data)
        except TimeoutError:
            log.info("the Stream was idle for too long")
        except (aiohttp.ClientError, OSError) as error:
            log.info("the Stream connection broke: %s", type(error).__name__)
        except Exception as error:  # noqa: BLE001 - edge of the loop: another connection is opened
            report_error("stream", error)
        finally:
            self._sockets.discard(socket)
            with suppress(TimeoutError, aiohttp.ClientError, OSError):
                async with asyncio.timeout(1):
                    await socket.socket.close()

    async def _handle(self, socket: _Socket, raw: str) -> None:
        """Handle system frames at once and others concurrently. A malformed frame is skipped."""
        self.last_frame_at = asyncio.get_running_loop().time()
        try:
            frame = json.loads(raw)
        except (ValueError, RecursionError):
            frame = None
        if not isinstance(frame, dict) or not isinstance(frame.get("headers"), dict):
            log.warning("a malformed frame of %d characters was skipped", len(raw))
            self._options.on_frame("other", "malformed", 0.0)
            return
        if frame.get("type") == SystemMessage.TYPE:
            await self._answer_safely(socket, frame)
            if frame["headers"].get("topic") == SystemMessage.TOPIC_DISCONNECT:
                log.info("DingTalk is closing this connection, opening another one")
                socket.leaving.set()
            return
        if len(socket.pending) >= MAX_PENDING_FRAMES:
            self._options.on_frame(_topic(frame), "dropped", 0.0)
            return
        task = asyncio.create_task(self._answer_safely(socket, frame), name="stream frame")
        socket.pending.add(task)
        task.add_done_callback(socket.pending.discard)

    async def _answer_safely(self, socket: _Socket, frame: Mapping[str, Any]) -> None:
        """Answer a frame. After a bug of ours it is not acknowledged, so DingTalk redelivers it."""
        with loop_step("stream"):
            await self._answer(socket, frame)

    async def _answer(self, socket: _Socket, frame: Mapping[str, Any]) -> None:
        loop = asyncio.get_running_loop()
        received_at = loop.time()
        outcome = await self._ack(socket, frame)
        self._options.on_frame(_topic(frame), outcome, loop.time() - received_at)

    async def _ack(self, socket: _Socket, frame: Mapping[str, Any]) -> str:
        """Handle a frame, acknowledge it, and return what came of it."""
        try:
            ack = await self._client.ack(frame)
        except TemporaryError as error:  # DingTalk redelivers what is not acknowledged
            log.warning("a frame could not be stored and is not acknowledged: %s", error)
            return "not_stored"
        except (DingRunError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            reason = error if isinstance(error, DingRunError) else "malformed"
            log.warning("a frame was rejected: %s", reason)
            ack = plain_ack(frame, AckMessage.STATUS_SYSTEM_EXCEPTION)
        if ack is None:
            return "ignored"
        if not await self._send(socket, ack):
            return "ack_lost"
        return "acked" if ack["code"] == AckMessage.STATUS_OK else "rejected"

    async def _send(self, socket: _Socket, ack: Mapping[str, Any]) -> bool:
        try:
            await socket.socket.send_str(json.dumps(ack))
        except (aiohttp.ClientError, OSError):
            log.warning("an ack was not sent, because the connection is closed")
            return False
        return True

    async def _on_message(self, data: Mapping[str, Any]) -> TopicResult:
        message = parse_message(data)
        if message is None:
            return AckMessage.STATUS_BAD_REQUEST, None
        await self._receive_message(message)
        return AckMessage.STATUS_OK, None

    async def _on_tap(self, data: Mapping[str, Any]) -> TopicResult:
        tap = parse_tap(data)
        if tap is None:
            return AckMessage.STATUS_BAD_REQUEST, None
        params = await self._receive_tap(tap)
        return AckMessage.STATUS_OK, _private_update(params)


def _private_update(params: Mapping[str, str]) -> Mapping[str, Any]:
    """Build the card update that only the user who tapped sees (0007-event-callback-card)."""
    if not params:
        return {}
    return {
        "cardUpdateOptions": {"updateCardDataByKey": True},
        "cardData": {"cardParamMap": dict(params)},
    }


def _topic(frame: Mapping[str, Any]) -> str:
    """Return the topic of a frame in one word."""
    system = frame.get("type") == SystemMessage.TYPE
    return "system" if system else TOPICS.get(str(frame["headers"].get("topic")), "other")
