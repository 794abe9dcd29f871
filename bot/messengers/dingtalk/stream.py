"""The Stream: DingTalk's frames by the vendor's classes, the connection by ours.

The vendor's own loop blocks the event loop, storms the gateway and cannot be stopped; its frames, handlers
and acks are kept (`bot/messengers/dingtalk/sdk.py`). The protocol is in open-dingtalk/developerpedia,
docs/learn/stream/protocol.md.
"""

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
from dingtalk_stream import AckMessage, CallbackHandler, Credential
from dingtalk_stream.frames import SystemMessage

from bot.errors import DingRunError, PermanentError, RateLimited, TemporaryError
from bot.messengers.dingtalk.auth import DingTalkApp
from bot.messengers.dingtalk.errors import Throttled, error_from_openapi
from bot.messengers.dingtalk.events import parse_message, parse_tap
from bot.messengers.dingtalk.http import post_json
from bot.messengers.dingtalk.rate_limiter import NullRateLimiter
from bot.messengers.dingtalk.sdk import Answer, Client, Topic, plain_ack
from bot.models import CardTap, Message
from bot.telemetry.loops import loop_step, report_error

log = logging.getLogger(__name__)

MESSAGES = "/v1.0/im/bot/messages/get"
TAPS = CallbackHandler.TOPIC_CARD_CALLBACK

LONGEST_WAIT = 60.0
REFUSED = frozenset({400, 401, 403})  # how the gateway answers to what is wrong with the app
REFUSED_WAIT = 60.0  # between tries with keys that DingTalk refuses
MOST_BUSY = 500  # frames under way; more are left unanswered, so that DingTalk delivers them again
FRAME_BYTES = 4 * 1024 * 1024

OnMessage = Callable[[Message], Awaitable[None]]
OnTap = Callable[[CardTap], Awaitable[Mapping[str, str]]]


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How patient a connection is, in seconds; tests hand in their own `sleep`."""

    idle: float = 90.0  # without a frame it is taken for dead; DingTalk pings every 20 to 30 s
    healthy: float = 10.0  # it must live so long for the next one to be opened without a wait
    drain: float = 12.0  # an old one is kept for its last acks; DingTalk closes it after 10
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    meter: NullRateLimiter = field(
        default_factory=NullRateLimiter
    )  # holds all calls while DingTalk bans this address


@dataclass(eq=False)
class _Link:
    """One WebSocket and what is under way on it."""

    socket: aiohttp.ClientWebSocketResponse
    leaving: asyncio.Event = field(default_factory=asyncio.Event)  # DingTalk said `disconnect`
    busy: set[asyncio.Task[None]] = field(default_factory=set)
    reader: asyncio.Task[None] | None = None


class StreamConnection:
    """Keeps one connection to the Stream gateway, and a second one while the first is on its way out."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        app: DingTalkApp,
        receive_message: OnMessage,
        receive_tap: OnTap,
        *,
        pace: Pace | None = None,
    ) -> None:
        self._session = session
        self._app = app
        self._on_message = receive_message
        self._on_tap = receive_tap
        self._pace = pace or Pace()
        self._links: set[_Link] = set()
        self._short_lives = 0
        self.connected = asyncio.Event()
        self._client = Client(Credential(app.app_key, app.app_secret), logging.getLogger("dingtalk_stream"))
        self._client.register_callback_handler(MESSAGES, Topic(self._message))
        self._client.register_callback_handler(TAPS, Topic(self._tap))
        self._client.pre_start()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        try:
            while True:
                link = await self._connect()
                lived = await self._keep(link)
                self._short_lives = 0 if lived >= self._pace.healthy else self._short_lives + 1
                if self._short_lives > 1:  # one early end may be a routine one: no gap for it
                    await self._pace.sleep(self._wait())
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Close what is open; within a second or two whatever the gateway does."""
        self.connected.clear()
        links, self._links = self._links, set()
        for link in links:
            for task in [*link.busy, *([link.reader] if link.reader else [])]:
                task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                await asyncio.gather(*(link.socket.close() for link in links), return_exceptions=True)

    def _wait(self) -> float:
        """1, 2, 4 … 60 s, spread by half, so that many bots do not come back together."""
        longest = min(LONGEST_WAIT, 2.0 ** min(self._short_lives - 1, 10))
        return longest * (0.5 + random.random() / 2)  # noqa: S311 - no secret in it

    async def _connect(self) -> _Link:
        while True:
            try:
                link = await self._open()
            except PermanentError as error:
                log.error("the Stream refuses the app, next try in about a minute: %s", error)  # noqa: TRY400
                await self._pace.sleep(REFUSED_WAIT * (0.5 + random.random()))  # noqa: S311 - no secret in it
            except TemporaryError as error:
                self._short_lives += not isinstance(
                    error, Throttled
                )  # too many at once is no sign of trouble
                wait = max(self._wait(), (error.retry_after or 0) * (1 + random.random() / 4))  # noqa: S311
                log.warning("the Stream is not connected, next try in %.1f s: %s", wait, error)
                await self._pace.sleep(wait)
            except Exception as error:  # noqa: BLE001 - the edge of the loop: the next answer may be a good one
                self._short_lives += 1
                report_error("stream", error)
                await self._pace.sleep(self._wait())
            else:
                log.info("the Stream is connected")
                self.connected.set()
                return link

    async def _open(self) -> _Link:
        url = await self.ticket()
        try:
            async with asyncio.timeout(10):
                socket = await self._session.ws_connect(url, heartbeat=30, max_msg_size=FRAME_BYTES)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:  # ValueError: a strange URL
            raise TemporaryError(f"the WebSocket does not open: {type(error).__name__}") from None
        link = _Link(socket)
        self._links.add(link)
        link.reader = asyncio.create_task(self._read(link), name="stream reader")
        return link

    async def ticket(self) -> str:
        """The address to connect to, with its ticket: good for 90 s and one connection, never to be logged.

        Raises `PermanentError` when DingTalk refuses the keys, else `TemporaryError`.
        """
        body = {
            "clientId": self._app.app_key,
            "clientSecret": self._app.app_secret,
            "subscriptions": self._client.subscriptions(),
            "ua": "dingtalk-sdk-python/v0.24.3-dingrun",
        }
        url = f"{self._app.openapi_base}/v1.0/gateway/connections/open"
        async with self._pace.meter.free_call():
            status, answer = await post_json(self._session, url, body, headers={"Accept": "application/json"})
        if problem := _refusal(status, answer):
            raise problem
        endpoint, ticket = answer.get("endpoint"), answer.get("ticket")
        if not isinstance(endpoint, str) or not isinstance(ticket, str):
            raise TemporaryError(f"DingTalk answered {status} without endpoint and ticket")
        return _address(endpoint, ticket, secure=self._app.openapi_base.startswith("https"))

    async def _keep(self, link: _Link) -> float:
        """Wait until this connection must be replaced; how long it lived, in seconds."""
        loop = asyncio.get_running_loop()
        born = loop.time()
        leaving = asyncio.create_task(link.leaving.wait())
        try:
            readers = [link.reader] if link.reader else []
            await asyncio.wait([leaving, *readers], return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
        if not link.leaving.is_set():
            self.connected.clear()
            log.warning("the Stream was cut after %.0f s", loop.time() - born)
        return loop.time() - born

    async def _read(self, link: _Link) -> None:
        """Take frames until the connection ends, or is silent for too long."""
        try:
            while True:
                received = await link.socket.receive(
                    timeout=self._pace.drain if link.leaving.is_set() else self._pace.idle
                )
                if received.type is not aiohttp.WSMsgType.TEXT:
                    break
                await self._take(link, received.data)
        except TimeoutError:
            log.info("the Stream was silent for too long")
        except (aiohttp.ClientError, OSError) as error:
            log.info("the Stream broke: %s", type(error).__name__)
        except Exception as error:  # noqa: BLE001 - the edge of the loop: another connection is opened
            report_error("stream", error)
        finally:
            self._links.discard(link)
            with suppress(TimeoutError, aiohttp.ClientError, OSError):
                async with asyncio.timeout(1):
                    await link.socket.close()

    async def _take(self, link: _Link, raw: str) -> None:
        """System frames at once, others beside each other; a malformed frame is skipped."""
        try:
            frame = json.loads(raw)
        except (ValueError, RecursionError):
            frame = None
        if not isinstance(frame, dict) or not isinstance(frame.get("headers"), dict):
            log.warning("a frame of %d characters makes no sense and is skipped", len(raw))
            return
        if frame.get("type") == SystemMessage.TYPE:
            await self._answer_safely(link, frame)
            if frame["headers"].get("topic") == SystemMessage.TOPIC_DISCONNECT:
                log.info("DingTalk ends this connection, another one is opened")
                link.leaving.set()
            return
        if len(link.busy) >= MOST_BUSY:
            return
        task = asyncio.create_task(self._answer_safely(link, frame), name="stream frame")
        link.busy.add(task)
        task.add_done_callback(link.busy.discard)

    async def _answer_safely(self, link: _Link, frame: Mapping[str, Any]) -> None:
        """Leave a frame unanswered that we fail at by a mistake of ours: DingTalk delivers it again."""
        with loop_step("stream"):
            await self._answer(link, frame)

    async def _answer(self, link: _Link, frame: Mapping[str, Any]) -> None:
        try:
            ack = await self._client.ack(frame)
        except (
            TemporaryError
        ) as error:  # messages come again that nobody acked; of those that failed nobody says so
            log.warning("a frame could not be taken and is left unanswered: %s", error)
            return
        except (DingRunError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            log.warning(
                "a frame could not be taken: %s", error if isinstance(error, DingRunError) else "malformed"
            )
            ack = plain_ack(frame, AckMessage.STATUS_SYSTEM_EXCEPTION)
        if ack:
            await self._send(link, ack)

    async def _send(self, link: _Link, ack: Mapping[str, Any]) -> None:
        try:
            await link.socket.send_str(json.dumps(ack))
        except (aiohttp.ClientError, OSError):
            log.warning("an answer was not sent, the connection is gone")

    async def _message(self, data: Mapping[str, Any]) -> Answer:
        message = parse_message(data)
        if message is None:
            return AckMessage.STATUS_BAD_REQUEST, None
        await self._on_message(message)
        return AckMessage.STATUS_OK, None

    async def _tap(self, data: Mapping[str, Any]) -> Answer:
        tap = parse_tap(data)
        if tap is None:
            return AckMessage.STATUS_BAD_REQUEST, None
        params = await self._on_tap(tap)
        return AckMessage.STATUS_OK, _private(params)


def _refusal(status: int, answer: Mapping[str, Any]) -> DingRunError | None:
    """Translate a refusal of the gateway: `PermanentError` for keys or settings that somebody must fix."""
    problem = error_from_openapi(status, answer)
    if isinstance(problem, Throttled | RateLimited) or status not in REFUSED:
        return problem
    return PermanentError(str(problem))


def _address(endpoint: str, ticket: str, *, secure: bool) -> str:
    """Build the address to connect to. Raises `TemporaryError` when the gateway's answer is no address."""
    try:
        parts = urlsplit(endpoint)
        sane = parts.scheme in {"ws", "wss"} and bool(parts.hostname) and parts.port != 0
        address = f"{endpoint}?ticket={quote(ticket)}"
    except ValueError:  # brackets, a port that is no number, half a character
        sane, parts, address = False, urlsplit(""), ""
    if sane and secure and parts.scheme != "wss":
        raise TemporaryError("DingTalk's endpoint is not wss://")
    if not sane:
        raise TemporaryError("DingTalk's answer holds no endpoint that is an address")
    return address


def _private(params: Mapping[str, str]) -> Mapping[str, Any]:
    """What only the presser sees (0007-event-callback-card)."""
    if not params:
        return {}
    return {
        "cardUpdateOptions": {"updateCardDataByKey": True},
        "cardData": {"cardParamMap": dict(params)},
    }
