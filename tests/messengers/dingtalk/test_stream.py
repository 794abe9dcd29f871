"""The Stream connection, whatever the gateway does."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp import WSCloseCode, web
from aiohttp.test_utils import TestServer

from bot.errors import PermanentError, TemporaryError
from bot.messengers.dingtalk import gateway as gateway_module
from bot.messengers.dingtalk import stream as stream_module
from bot.messengers.dingtalk.auth import DingTalkApp
from bot.messengers.dingtalk.gateway import MESSAGES_TOPIC, TAPS_TOPIC
from bot.messengers.dingtalk.stream import StreamConnection, StreamOptions
from bot.models import CardTap, Message

Socket = web.WebSocketResponse
Behaviour = Callable[[Socket], Awaitable[None]]


async def stay(socket: Socket) -> None:
    """Take acks until the other side goes."""
    async for _ in socket:
        pass


class Gateway:
    """A gateway that does to each connection what `behaviours` say in turn, the last for all that follow."""

    def __init__(self) -> None:
        self.behaviours: list[Behaviour] = [stay]
        self.answers: list[web.Response] = []  # to `open`, before it goes well
        self.opened: list[dict[str, Any]] = []
        self.sockets: list[Socket] = []
        self.acks: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.arrived = asyncio.Semaphore(0)
        self.endpoint = ""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/v1.0/gateway/connections/open", self.open)
        app.router.add_get("/connect", self.connect)
        return app

    async def open(self, request: web.Request) -> web.Response:
        self.opened.append(await request.json())
        if self.answers:
            return self.answers.pop(0)
        return web.json_response({"endpoint": self.endpoint, "ticket": "t/1"})

    async def connect(self, request: web.Request) -> Socket:
        assert request.query["ticket"] == "t/1"
        socket = Socket()
        await socket.prepare(request)
        behaviour = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
        self.sockets.append(socket)
        self.arrived.release()
        await behaviour(socket)
        return socket

    async def push(self, topic: str, data: object, *, kind: str = "CALLBACK", socket: int = -1) -> None:
        headers = {"topic": topic, "messageId": f"m{len(self.sockets)}", "contentType": "application/json"}
        frame = {"specVersion": "1.0", "type": kind, "headers": headers, "data": json.dumps(data)}
        await self.sockets[socket].send_str(json.dumps(frame))

    async def keep_acks(self, socket: Socket) -> None:
        async for message in socket:
            ack = json.loads(message.data)
            await self.acks.put(ack | {"socket": self.sockets.index(socket)})


class Bot:
    """A connection under test, with what its handlers were given."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        app = DingTalkApp(app_key="dingkey", app_secret="s3cret", robot_code="dingkey", openapi_base=url)  # noqa: S106
        self.heard: list[Message] = []
        self.waits: list[float] = []
        self.go = asyncio.Event()
        self.go.set()
        self.trouble: Exception | None = None
        self.most_waits = 1_000
        self.enough = asyncio.Event()
        self.frames: asyncio.Queue[tuple[str, str, float]] = asyncio.Queue()
        options = StreamOptions(
            idle_seconds=30,
            healthy_seconds=0.05,
            drain_seconds=0.2,
            sleep=self.sleep,
            on_frame=lambda *frame: self.frames.put_nowait(frame),
        )
        self.connection = StreamConnection(
            session, app, self.receive_message, self.receive_tap, options=options
        )

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        if len(self.waits) >= self.most_waits:
            self.enough.set()
            await asyncio.Event().wait()

    async def receive_message(self, message: Message) -> None:
        await self.go.wait()
        if self.trouble:
            raise self.trouble
        self.heard.append(message)

    async def receive_tap(self, tap: CardTap) -> Mapping[str, str]:
        return {"tips": f"{tap.action}!"} if tap.action == "rerun" else {}


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    gateway = Gateway()
    async with TestServer(gateway.app()) as server:
        gateway.endpoint = str(server.make_url("/connect")).replace("http", "ws")
        yield gateway


@pytest.fixture
async def bot(gateway: Gateway) -> AsyncIterator[Bot]:
    """The connection, running."""
    async with aiohttp.ClientSession() as session:
        bot = Bot(session, gateway.endpoint.replace("ws", "http").removesuffix("/connect"))
        running = asyncio.create_task(bot.connection.run())
        async with asyncio.timeout(15):
            yield bot
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


SAID = {"msgId": "1", "conversationId": "c", "conversationType": "1", "text": {"content": " hi"}}
PRESSED = {"outTrackId": "card1", "userId": "u", "content": '{"cardPrivateData":{"actionIds":["rerun"]}}'}


async def test_it_subscribes_to_messages_and_presses(gateway: Gateway, bot: Bot) -> None:
    await bot.connection.connected.wait()
    (asked,) = gateway.opened
    assert [topic["topic"] for topic in asked["subscriptions"]] == [MESSAGES_TOPIC, TAPS_TOPIC]
    assert (asked["clientId"], asked["clientSecret"]) == ("dingkey", "s3cret")


async def test_a_message_is_handed_on_and_acked(gateway: Gateway, bot: Bot) -> None:
    gateway.behaviours = [gateway.keep_acks]
    await gateway.arrived.acquire()
    await gateway.push(MESSAGES_TOPIC, SAID)
    ack = await gateway.acks.get()
    assert (ack["code"], ack["headers"]["messageId"]) == (200, "m1")
    assert [message.text for message in bot.heard] == ["hi"]


async def test_a_press_is_answered_with_what_only_its_presser_sees(gateway: Gateway, bot: Bot) -> None:
    gateway.behaviours = [gateway.keep_acks]
    await gateway.arrived.acquire()
    await gateway.push(TAPS_TOPIC, PRESSED)
    response = json.loads((await gateway.acks.get())["data"])["response"]
    assert response == {
        "cardUpdateOptions": {"updateCardDataByKey": True},
        "cardData": {"cardParamMap": {"tips": "rerun!"}},
    }


@pytest.mark.parametrize(
    ("topic", "data", "code"),
    [
        (MESSAGES_TOPIC, {}, 400),
        (MESSAGES_TOPIC, [1], 400),
        (TAPS_TOPIC, {}, 400),
        ("/v1.0/unheard/of", {}, 404),
        (TAPS_TOPIC, PRESSED | {"content": '{"cardPrivateData":{"actionIds":["x"]}}'}, 200),
    ],
)
async def test_what_makes_no_sense_is_acked_so(
    gateway: Gateway, bot: Bot, topic: str, data: object, code: int
) -> None:
    gateway.behaviours = [gateway.keep_acks]
    await gateway.arrived.acquire()
    await gateway.push(topic, data)
    assert (await gateway.acks.get())["code"] == code


async def test_what_cannot_be_taken_now_is_left_unanswered_so_that_it_comes_again(
    gateway: Gateway, bot: Bot
) -> None:
    gateway.behaviours = [gateway.keep_acks]
    bot.trouble = TemporaryError("the store takes too long")
    await gateway.arrived.acquire()
    await gateway.push(MESSAGES_TOPIC, SAID)
    await gateway.push("ping", {"opaque": "123"}, kind="SYSTEM")
    assert json.loads((await gateway.acks.get())["data"]) == {"opaque": "123"}
    assert gateway.acks.empty()


@pytest.mark.parametrize(
    ("pushed", "trouble", "counted"),
    [
        ((MESSAGES_TOPIC, SAID), None, ("message", "acked")),
        ((TAPS_TOPIC, PRESSED), None, ("tap", "acked")),
        ((MESSAGES_TOPIC, {}), None, ("message", "rejected")),
        (("/v1.0/unheard/of", {}), None, ("other", "rejected")),
        ((MESSAGES_TOPIC, SAID), TemporaryError("away"), ("message", "not_stored")),
        ((MESSAGES_TOPIC, SAID), PermanentError("refused"), ("message", "rejected")),
    ],
)
async def test_every_frame_is_counted_with_what_came_of_it(
    gateway: Gateway,
    bot: Bot,
    pushed: tuple[str, object],
    trouble: Exception | None,
    counted: tuple[str, str],
) -> None:
    bot.trouble = trouble
    await gateway.arrived.acquire()
    await gateway.push(*pushed)
    *told, seconds = await bot.frames.get()
    assert tuple(told) == counted
    assert 0 <= seconds < 10
    assert bot.connection.last_frame_at is not None


async def test_a_handler_that_refuses_it_acks_500(gateway: Gateway, bot: Bot) -> None:
    gateway.behaviours = [gateway.keep_acks]
    bot.trouble = PermanentError("the store refuses it")
    await gateway.arrived.acquire()
    await gateway.push(MESSAGES_TOPIC, SAID)
    assert (await gateway.acks.get())["code"] == 500


async def test_a_ping_is_echoed_while_a_handler_hangs(gateway: Gateway, bot: Bot) -> None:
    gateway.behaviours = [gateway.keep_acks]
    bot.go.clear()
    await gateway.arrived.acquire()
    await gateway.push(MESSAGES_TOPIC, SAID)
    await gateway.push("ping", {"opaque": "123"}, kind="SYSTEM")
    assert json.loads((await gateway.acks.get())["data"]) == {"opaque": "123"}


@pytest.mark.parametrize(
    "raw", ["{", "[]", '"x"', "null", "[" * 9999, '{"type":"CALLBACK"}', '{"headers":5}']
)
async def test_a_malformed_frame_is_skipped(gateway: Gateway, bot: Bot, raw: str) -> None:
    gateway.behaviours = [gateway.keep_acks]
    await gateway.arrived.acquire()
    await gateway.sockets[0].send_str(raw)
    await gateway.push(MESSAGES_TOPIC, SAID)
    assert (await gateway.acks.get())["code"] == 200
    assert len(gateway.opened) == 1


@pytest.mark.parametrize(
    "headers", [{"topic": MESSAGES_TOPIC, "time": "x"}, {"topic": MESSAGES_TOPIC, "messageId": 5}]
)
async def test_a_frame_with_odd_headers_breaks_nothing(
    gateway: Gateway, bot: Bot, headers: dict[str, object]
) -> None:
    gateway.behaviours = [gateway.keep_acks]
    await gateway.arrived.acquire()
    frame = {"type": "CALLBACK", "headers": headers, "data": "{"}
    await gateway.sockets[0].send_str(json.dumps(frame))
    assert (await gateway.acks.get())["code"] == 500


async def test_events_and_other_kinds_want_no_ack(gateway: Gateway, bot: Bot) -> None:
    gateway.behaviours = [gateway.keep_acks]
    await gateway.arrived.acquire()
    await gateway.push("*", {}, kind="EVENT")
    await gateway.push(MESSAGES_TOPIC, SAID)
    assert (await gateway.acks.get())["code"] == 200


async def test_too_much_at_once_is_left_unanswered(
    gateway: Gateway, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "MAX_PENDING_FRAMES", 2)
    gateway.behaviours = [gateway.keep_acks]
    bot.go.clear()
    await gateway.arrived.acquire()
    for _ in range(3):
        await gateway.push(MESSAGES_TOPIC, SAID)
    await gateway.push("ping", {"opaque": "123"}, kind="SYSTEM")
    assert json.loads((await gateway.acks.get())["data"]) == {"opaque": "123"}
    bot.go.set()
    assert [(await gateway.acks.get())["code"] for _ in range(2)] == [200, 200]
    assert gateway.acks.empty()


async def test_on_disconnect_another_is_opened_and_the_old_one_still_answers(
    gateway: Gateway, bot: Bot
) -> None:
    gateway.behaviours = [gateway.keep_acks]
    bot.go.clear()
    await gateway.arrived.acquire()
    await gateway.push(MESSAGES_TOPIC, SAID)
    await gateway.push("disconnect", {"reason": "connection is expired"}, kind="SYSTEM")
    await gateway.arrived.acquire()
    assert bot.connection.connected.is_set()
    bot.go.set()
    acks = [await gateway.acks.get() for _ in range(2)]
    assert {(ack["socket"], ack["code"]) for ack in acks} == {(0, 200)}
    assert bot.waits == []


async def close_clean(socket: Socket) -> None:
    await socket.close()


async def close_1011(socket: Socket) -> None:
    await socket.close(code=WSCloseCode.INTERNAL_ERROR)


async def send_disconnect(socket: Socket) -> None:
    headers = {"topic": "disconnect", "contentType": "application/json"}
    await socket.send_str(json.dumps({"type": "SYSTEM", "headers": headers, "data": "{}"}))
    await stay(socket)


@pytest.mark.parametrize("behaviour", [close_clean, close_1011, send_disconnect])
async def test_there_is_no_storm_whatever_the_gateway_does(
    gateway: Gateway, bot: Bot, behaviour: Behaviour
) -> None:
    """2,446 opens in 6 s is what the vendor's own loop does; here twelve opens take minutes."""
    gateway.behaviours = [behaviour]
    bot.most_waits = 11
    await bot.enough.wait()
    assert len(gateway.opened) <= 13
    assert sum(bot.waits) > 120
    assert max(bot.waits) <= 60


BROKEN = [
    lambda: web.Response(status=503),
    lambda: web.Response(text="<html>", content_type="text/html"),
    lambda: web.json_response({"endpoint": "x"}),
    lambda: web.json_response({"endpoint": "ws://127.0.0.1:1/connect", "ticket": "t/1"}),
]


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_broken_gateway_is_asked_ever_more_slowly(
    gateway: Gateway, bot: Bot, broken: Callable[[], web.Response]
) -> None:
    gateway.answers = [broken() for _ in range(6)]
    await bot.connection.connected.wait()
    assert len(bot.waits) == 6
    assert bot.waits[5] > bot.waits[0]


async def test_refused_keys_are_known_until_they_are_accepted(gateway: Gateway) -> None:
    refused = {"code": "authFailed", "message": "no such key"}
    gateway.answers = [web.json_response(refused, status=401)]
    async with aiohttp.ClientSession() as session:
        bot = Bot(session, gateway.endpoint.replace("ws", "http").removesuffix("/connect"))
        bot.most_waits = 1
        running = asyncio.create_task(bot.connection.run())
        await bot.enough.wait()
        assert "no such key" in bot.connection.refusal
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        bot.most_waits = 1_000
        running = asyncio.create_task(bot.connection.run())
        await bot.connection.connected.wait()
        assert bot.connection.refusal == ""
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_refused_keys_are_said_and_tried_slowly(
    gateway: Gateway, bot: Bot, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.answers = [web.json_response({"code": "invalidClientIdOrSecret"}, status=401)]
    await bot.connection.connected.wait()
    assert "DINGDING.APP_KEY" in caplog.text
    assert bot.waits[0] >= 30


async def test_too_many_at_once_are_no_wrong_keys_and_cost_a_second_or_two(
    gateway: Gateway, bot: Bot, caplog: pytest.LogCaptureFixture
) -> None:
    code = "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi"
    gateway.answers = [web.json_response({"code": code}, status=403)]
    await bot.connection.connected.wait()
    assert 1 <= bot.waits[0] <= 2
    assert "APP_KEY" not in caplog.text


async def test_a_ban_is_waited_for(gateway: Gateway, bot: Bot) -> None:
    gateway.answers = [web.json_response({"status": 1111, "punish": "deny"}, status=403)]
    bot.most_waits = 1
    await bot.enough.wait()
    assert bot.waits[0] >= 300
    assert len(gateway.opened) == 1


async def test_silence_for_too_long_is_taken_for_dead(gateway: Gateway) -> None:
    async with aiohttp.ClientSession() as session:
        bot = Bot(session, gateway.endpoint.replace("ws", "http").removesuffix("/connect"))
        bot.connection._options = StreamOptions(idle_seconds=0.05, healthy_seconds=0.01, sleep=bot.sleep)
        running = asyncio.create_task(bot.connection.run())
        async with asyncio.timeout(10):
            for _ in range(3):
                await gateway.arrived.acquire()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_stop_ends_it_at_once(gateway: Gateway, bot: Bot) -> None:
    await gateway.arrived.acquire()
    bot.go.clear()
    await gateway.push(MESSAGES_TOPIC, SAID)
    async with asyncio.timeout(3):
        await bot.connection.stop()
    assert not bot.connection.connected.is_set()


@pytest.mark.parametrize(
    "odd", ["ws://[", "ws://a..b/", "ws://a:b/", "ws://h:0/", "ws://\ud800/", "http://h/", "", "ws://", "h"]
)
async def test_an_endpoint_that_is_no_address_is_asked_for_again(
    gateway: Gateway, bot: Bot, odd: str
) -> None:
    gateway.answers = [web.json_response({"endpoint": odd, "ticket": "t/1"})]
    await bot.connection.connected.wait()
    assert len(gateway.opened) == 2


async def test_a_ticket_of_half_a_character_is_asked_for_again(gateway: Gateway, bot: Bot) -> None:
    gateway.answers = [web.json_response({"endpoint": gateway.endpoint, "ticket": "\ud800"})]
    await bot.connection.connected.wait()
    assert len(gateway.opened) == 2


async def test_a_frame_that_we_fail_at_is_left_unanswered_and_the_next_one_is_taken(
    gateway: Gateway, bot: Bot
) -> None:
    gateway.behaviours = [gateway.keep_acks]
    await gateway.arrived.acquire()
    bot.trouble = RuntimeError("a mistake of ours")
    await gateway.push(MESSAGES_TOPIC, SAID)
    await asyncio.sleep(0.05)
    bot.trouble = None
    await gateway.push(MESSAGES_TOPIC, SAID | {"msgId": "2"})
    ack = await gateway.acks.get()
    assert (ack["code"], [message.id for message in bot.heard], gateway.acks.empty()) == (200, ["2"], True)


async def test_an_unsafe_endpoint_of_a_safe_host_is_refused(
    bot: Bot, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(*args: object, **options: object) -> tuple[int, dict[str, str]]:
        return 200, {"endpoint": "ws://evil.example", "ticket": "t"}

    monkeypatch.setattr(gateway_module, "post_json", answer)
    bot.connection._app = DingTalkApp(app_key="k", app_secret="s", robot_code="k")  # noqa: S106 - and its https base
    with pytest.raises(TemporaryError, match="wss"):
        await bot.connection.ticket()


async def test_neither_ticket_nor_secret_is_logged(
    gateway: Gateway, bot: Bot, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        gateway.behaviours = [close_clean, gateway.keep_acks]
        await gateway.arrived.acquire()
        await gateway.arrived.acquire()
        await gateway.push(MESSAGES_TOPIC, SAID | {"sessionWebhook": "https://x/?session=verysecret"})
        await gateway.acks.get()
    ours = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith(("bot", "ding"))
    )
    assert not any(secret in ours for secret in ("t/1", "t%2F1", "s3cret", "verysecret"))
