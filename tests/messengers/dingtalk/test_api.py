"""Tokens, calls and what can go wrong with them."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aioresponses import aioresponses

from bot.errors import CardUndeliveredError, ConfigError, PermanentError, TemporaryError
from bot.messengers.dingtalk.api import ApiClient
from bot.messengers.dingtalk.auth import DingTalkApp, Tokens
from bot.messengers.dingtalk.http import MAX_ANSWER_BYTES, call
from bot.messengers.dingtalk.rate_limiter import NullRateLimiter, RateLimit
from bot.messengers.dingtalk.robot import OpenApiMessenger
from bot.messengers.dingtalk.work_notification import WorkNotificationMessenger
from bot.models import Destination, MarkdownMessage, QuotaKind
from bot.telemetry.rescues import Rescue
from dingtalk_sandbox import Sandbox
from tests.factories import make_message
from tests.fakes import FakeClock
from tests.messengers.dingtalk.conftest import API, APP, CARD, OAPI, TOKEN_URL

GROUP, PERSON = Destination.parse("group:cidA"), Destination.parse("user:user01")
SEND, BATCH = f"{API}/v1.0/robot/groupMessages/send", f"{API}/v1.0/robot/oToMessages/batchSend"
CREATE = f"{API}/v1.0/card/instances/createAndDeliver"
DELIVER = f"{API}/v1.0/card/instances/deliver"
NOTE = MarkdownMessage(title="标题", text="**正文**")
TOKEN_REFUSED = {"code": "InvalidAuthentication", "message": "不合法的access_token"}


def bodies(wire: aioresponses, url: str) -> list[dict[str, Any]]:
    requests = [calls for (_, asked), calls in wire.requests.items() if str(asked).startswith(url)]
    return [request.kwargs["json"] for calls in requests for request in calls]


async def test_a_token_is_fetched_once_for_all_who_wait(wire: aioresponses, tokens: Tokens) -> None:
    assert set(await asyncio.gather(*(tokens.get() for _ in range(5)))) == {"token-1"}
    assert bodies(wire, TOKEN_URL) == [{"appKey": "dingkey", "appSecret": "s3cret-of-the-app"}]


async def test_a_token_is_renewed_ten_minutes_early(
    wire: aioresponses, tokens: Tokens, clock: FakeClock
) -> None:
    wire.post(TOKEN_URL, payload={"accessToken": "token-2", "expireIn": 7200})
    await tokens.get()
    clock.turn(seconds=7200 - 601)
    assert await tokens.get() == "token-1"
    clock.turn(seconds=2)
    assert await tokens.get() == "token-2"


async def test_wrong_keys_name_the_settings_and_not_the_secret(
    session: aiohttp.ClientSession, clock: FakeClock
) -> None:
    with aioresponses() as wire:
        wire.post(TOKEN_URL, status=400, payload={"code": "invalidClientIdOrSecret"})
        with pytest.raises(ConfigError, match=r"DINGDING\.APP_SECRET") as refused:
            await Tokens(session, APP, clock).get()
    assert APP.app_secret not in str(refused.value)
    assert APP.app_secret not in repr(APP)


async def test_a_strange_token_answer_is_temporary(session: aiohttp.ClientSession, clock: FakeClock) -> None:
    with aioresponses() as wire:
        wire.post(TOKEN_URL, payload={"accessToken": None})
        with pytest.raises(TemporaryError, match="no access token"):
            await Tokens(session, APP, clock).get()


@pytest.mark.rescue(Rescue.TOKEN_RENEWED)
async def test_a_refused_token_is_renewed_once_and_the_call_repeated(
    wire: aioresponses, openapi: OpenApiMessenger
) -> None:
    wire.post(TOKEN_URL, payload={"accessToken": "token-2", "expireIn": 7200})
    wire.post(SEND, status=400, payload=TOKEN_REFUSED)
    wire.post(SEND, payload={"processQueryKey": "key"})
    assert (await openapi.send_message(GROUP, NOTE, "k")).message_id == "key"


async def test_a_token_refused_twice_is_temporary(wire: aioresponses, openapi: OpenApiMessenger) -> None:
    wire.post(TOKEN_URL, payload={"accessToken": "token-2", "expireIn": 7200})
    wire.post(SEND, status=400, payload=TOKEN_REFUSED, repeat=True)
    with pytest.raises(TemporaryError):
        await openapi.send_message(GROUP, NOTE, "k")


class Marker:
    """Notes how often it was entered, and what was asked of DingTalk before that."""

    def __init__(self, wire: aioresponses) -> None:
        self._wire = wire
        self.before: list[set[str]] = []

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        self.before.append({str(url) for _, url in self._wire.requests})
        yield


async def test_the_marker_stands_between_the_token_and_the_request(
    wire: aioresponses, openapi: OpenApiMessenger
) -> None:
    wire.post(SEND, payload={"processQueryKey": "key"}, repeat=True)
    marker = Marker(wire)
    await openapi.send_message(GROUP, NOTE, "k", sending=marker.sending)
    await openapi.send_file(GROUP, "@media", "a.xlsx", sending=marker.sending)
    assert marker.before[0] == {TOKEN_URL}


@pytest.mark.parametrize("trouble", [TimeoutError(), aiohttp.ServerDisconnectedError()])
async def test_a_lost_token_sets_no_marker_and_leaves_nothing_uncertain(
    session: aiohttp.ClientSession, clock: FakeClock, trouble: Exception
) -> None:
    """A file counted as unconfirmed though nothing was sent."""
    with aioresponses() as wire:
        wire.post(TOKEN_URL, exception=trouble)
        marker, messenger = (
            Marker(wire),
            OpenApiMessenger(session, APP, Tokens(session, APP, clock), clock=clock),
        )
        with pytest.raises(TemporaryError) as lost:
            await messenger.send_file(GROUP, "@media", "a.xlsx", sending=marker.sending)
    assert not lost.value.uncertain
    assert marker.before == []


async def test_a_work_notification_is_marked_after_its_token(
    wire: aioresponses, session: aiohttp.ClientSession, tokens: Tokens
) -> None:
    marker = Marker(wire)
    wire.post(re.compile("asyncsend_v2"), payload={"errcode": 0})
    with pytest.raises(TemporaryError):
        await WorkNotificationMessenger(session, APP, tokens).send_file(
            Destination.parse("work:user01"), "@media", "a.xlsx", sending=marker.sending
        )
    assert marker.before == [{TOKEN_URL}]


async def test_waiting_for_a_rate_limit_sets_no_marker(
    wire: aioresponses, session: aiohttp.ClientSession, tokens: Tokens, clock: FakeClock
) -> None:
    class Lost(NullRateLimiter):
        @asynccontextmanager
        async def call(self, limit: RateLimit, kind: QuotaKind) -> AsyncIterator[None]:
            raise TemporaryError("MongoDB was lost", uncertain=True)
            yield

    marker = Marker(wire)
    with pytest.raises(TemporaryError):
        await OpenApiMessenger(session, APP, tokens, clock=clock, rate_limiter=Lost()).send_file(
            GROUP, "@media", "a.xlsx", sending=marker.sending
        )
    assert marker.before == []


@pytest.mark.parametrize(
    ("exception", "uncertain"),
    [
        (aiohttp.ServerDisconnectedError(), True),
        (TimeoutError(), True),
        (aiohttp.ClientPayloadError(), True),
        (aiohttp.ConnectionTimeoutError(), False),
    ],
)
async def test_a_lost_answer_is_told_from_a_lost_request(
    wire: aioresponses, openapi: OpenApiMessenger, exception: Exception, uncertain: bool
) -> None:
    wire.post(SEND, exception=exception)
    with pytest.raises(TemporaryError) as lost:
        await openapi.send_message(GROUP, NOTE, "k")
    assert lost.value.uncertain is uncertain


async def test_a_refused_connection_was_certainly_not_sent(session: aiohttp.ClientSession) -> None:
    with pytest.raises(TemporaryError, match="cannot be reached") as lost:
        await call(session, "POST", "http://127.0.0.1:1/robot/send?access_token=topsecret", json={})
    assert not lost.value.uncertain
    assert "topsecret" not in str(lost.value)


@pytest.mark.parametrize("body", ["<html>502</html>", "[1]", "", "null", "[" * 5000])
async def test_an_answer_that_is_no_json_object_is_temporary(
    wire: aioresponses, openapi: OpenApiMessenger, body: str
) -> None:
    wire.post(SEND, body=body)
    with pytest.raises(TemporaryError, match="DingTalk answered 200"):
        await openapi.send_message(GROUP, NOTE, "k")


async def test_an_answer_without_end_is_cut(session: aiohttp.ClientSession) -> None:
    async def endless(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * (MAX_ANSWER_BYTES + 9))

    app = web.Application()
    app.router.add_post("/", endless)
    async with TestServer(app) as server:
        with pytest.raises(TemporaryError, match="more than"):
            await call(session, "POST", str(server.make_url("/")), json={})


async def test_a_message_to_a_group_is_what_the_documentation_says(
    wire: aioresponses, openapi: OpenApiMessenger
) -> None:
    wire.post(SEND, payload={"processQueryKey": "key"})
    await openapi.send_message(GROUP, NOTE, "k")
    assert bodies(wire, SEND) == [
        {
            "msgKey": "sampleMarkdown",
            "msgParam": '{"title": "标题", "text": "**正文**"}',
            "openConversationId": "cidA",
            "robotCode": "dingkey",
        }
    ]


async def test_a_file_is_sent_with_its_name_and_kind(wire: aioresponses, openapi: OpenApiMessenger) -> None:
    wire.post(BATCH, payload={"processQueryKey": "key", "invalidStaffIdList": []})
    await openapi.send_file(PERSON, "@media", "巡检.xlsx")
    (body,) = bodies(wire, BATCH)
    assert body["msgParam"] == '{"mediaId": "@media", "fileName": "巡检.xlsx", "fileType": "xlsx"}'
    assert body["userIds"] == ["user01"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"processQueryKey": "k", "invalidStaffIdList": ["user01"]}, PermanentError),
        ({"processQueryKey": "k", "flowControlledStaffIdList": ["user01"]}, TemporaryError),
        ({}, TemporaryError),
    ],
)
async def test_a_success_that_reached_nobody_is_none(
    wire: aioresponses, openapi: OpenApiMessenger, answer: dict[str, object], kind: type[Exception]
) -> None:
    wire.post(BATCH, payload=answer)
    with pytest.raises(kind):
        await openapi.send_message(PERSON, NOTE, "k")


async def test_a_message_over_the_limit_never_leaves(openapi: OpenApiMessenger) -> None:
    with pytest.raises(PermanentError, match="15000"):
        await openapi.send_message(GROUP, MarkdownMessage(title="t", text="字" * 6_000), "k")


@pytest.mark.rescue(Rescue.CARD_EXISTED)
async def test_a_card_that_exists_already_is_delivered(wire: aioresponses, openapi: OpenApiMessenger) -> None:
    """Whether the attempt that created it came so far is not known, as with a process that died."""
    wire.post(CREATE, status=400, payload={"code": "param.cardAlreadyExist"})
    wire.post(DELIVER, payload={"success": True, "result": [{"success": True}]})
    receipt = await openapi.send_card(GROUP, CARD, "card1")
    assert (receipt.message_id, receipt.existed) == ("card1", True)
    assert bodies(wire, DELIVER)[0]["outTrackId"] == "card1"


async def test_a_card_that_was_created_but_not_delivered_is_told_as_that(
    wire: aioresponses, openapi: OpenApiMessenger
) -> None:
    failed = {"deliverResults": [{"success": False, "errorMsg": "SYSTEM_ERROR"}]}
    wire.post(CREATE, payload={"success": True, "result": failed})
    with pytest.raises(CardUndeliveredError, match="SYSTEM_ERROR"):
        await openapi.send_card(GROUP, CARD, "card1")


@pytest.mark.rescue(Rescue.CARD_UNDELIVERED)
async def test_a_created_card_is_delivered_without_creating_it_again(
    wire: aioresponses, openapi: OpenApiMessenger
) -> None:
    wire.post(DELIVER, payload={"success": True, "result": [{"success": True}]})
    assert (await openapi.send_card(GROUP, CARD, "card1", created=True)).existed
    assert bodies(wire, CREATE) == []


@pytest.mark.parametrize("result", [None, {}, {"deliverResults": []}, {"deliverResults": ["x"]}])
async def test_a_card_whose_fate_is_not_told_is_tried_again(
    wire: aioresponses, openapi: OpenApiMessenger, result: object
) -> None:
    wire.post(CREATE, payload={"success": True, "result": result})
    with pytest.raises(TemporaryError):
        await openapi.send_card(GROUP, CARD, "card1")


async def test_another_refusal_of_a_card_is_for_good(wire: aioresponses, openapi: OpenApiMessenger) -> None:
    wire.post(CREATE, status=400, payload={"code": "param.templateNotExist"})
    with pytest.raises(PermanentError, match="templateNotExist"):
        await openapi.send_card(PERSON, CARD, "card1")


async def test_an_update_changes_only_what_it_names(wire: aioresponses, openapi: OpenApiMessenger) -> None:
    url = f"{API}/v1.0/card/instances"
    wire.put(url, payload={"success": True, "result": True})
    await openapi.update_card("card1", CARD)
    assert bodies(wire, url) == [
        {
            "outTrackId": "card1",
            "userIdType": 1,
            "cardData": {"cardParamMap": {"title": "t"}},
            "cardUpdateOptions": {"updateCardDataByKey": True},
        }
    ]


async def test_an_old_chat_id_is_converted_once(wire: aioresponses, openapi: OpenApiMessenger) -> None:
    path = f"{API}/v1.0/im/chat/chatabc/convertToOpenConversationId"
    wire.post(path, payload={"openConversationId": "cidNew"})
    wire.post(SEND, payload={"processQueryKey": "key"}, repeat=True)
    for _ in range(2):
        await openapi.send_message(Destination.parse("group:chatabc"), NOTE, "k")
    assert [body["openConversationId"] for body in bodies(wire, SEND)] == ["cidNew", "cidNew"]
    assert len(bodies(wire, path)) == 1


async def test_an_old_chat_id_without_an_answer_is_temporary(
    wire: aioresponses, openapi: OpenApiMessenger
) -> None:
    wire.post(f"{API}/v1.0/im/chat/chatabc/convertToOpenConversationId", payload={})
    with pytest.raises(TemporaryError):
        await openapi.send_message(Destination.parse("group:chatabc"), NOTE, "k")


async def test_an_answer_goes_through_the_session_of_the_message(
    wire: aioresponses, openapi: OpenApiMessenger, clock: FakeClock
) -> None:
    hook = f"{OAPI}/robot/sendBySession?session=s"
    wire.post(hook, payload={"errcode": 0})
    message = make_message(session_webhook=hook, session_expires=clock())
    with pytest.raises(PermanentError, match="over"):
        await openapi.reply(message, NOTE)
    clock.turn(seconds=-1)
    await openapi.reply(message, NOTE)
    assert bodies(wire, hook)[0]["msgtype"] == "markdown"


OFFER = replace(NOTE, suggestions=("状态", "a b&c"))
HOOK = f"{OAPI}/robot/sendBySession?session=s"


async def test_an_answer_in_a_one_to_one_chat_offers_commands_as_buttons(
    wire: aioresponses, openapi: OpenApiMessenger
) -> None:
    wire.post(HOOK, payload={"errcode": 0})
    await openapi.reply(make_message(session_webhook=HOOK, group=False), OFFER)
    (card,) = (body["actionCard"] for body in bodies(wire, HOOK))
    assert card["text"] == NOTE.text
    assert [button["title"] for button in card["btns"]] == ["状态", "a b&c"]
    assert card["btns"][1]["actionURL"] == "dtmd://dingtalkclient/sendMessage?content=a%20b%26c"


async def test_an_answer_in_a_group_has_no_buttons(wire: aioresponses, openapi: OpenApiMessenger) -> None:
    wire.post(HOOK, payload={"errcode": 0})
    await openapi.reply(make_message(session_webhook=HOOK), OFFER)
    assert bodies(wire, HOOK)[0]["msgtype"] == "markdown"


async def test_an_answer_whose_buttons_are_rejected_goes_without(
    wire: aioresponses, openapi: OpenApiMessenger
) -> None:
    wire.post(HOOK, payload={"errcode": 400105, "errmsg": "unsupported msgtype"})
    wire.post(HOOK, payload={"errcode": 0})
    await openapi.reply(make_message(session_webhook=HOOK, group=False), OFFER)
    assert [body["msgtype"] for body in bodies(wire, HOOK)] == ["actionCard", "markdown"]


async def test_an_answer_mentions_the_person_whom_it_is_for(
    wire: aioresponses, openapi: OpenApiMessenger
) -> None:
    wire.post(HOOK, payload={"errcode": 0})
    await openapi.reply(make_message(session_webhook=HOOK), replace(NOTE, mention=("user01",)))
    (body,) = bodies(wire, HOOK)
    assert body["at"]["atUserIds"] == ["user01"]
    assert "@user01" in body["markdown"]["text"]


@pytest.mark.parametrize("webhook", ["", f"{OAPI}/robot/sendBySession?session=old"])
async def test_a_session_that_is_over_is_permanent(
    wire: aioresponses, openapi: OpenApiMessenger, webhook: str
) -> None:
    wire.post(f"{OAPI}/robot/sendBySession?session=old", payload={"errcode": "session.expired"})
    with pytest.raises(PermanentError):
        await openapi.reply(make_message(session_webhook=webhook), NOTE)


async def test_an_upload_returns_the_media_id(
    wire: aioresponses, openapi: OpenApiMessenger, tmp_path: Path
) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"PK")
    url = f"{OAPI}/media/upload?access_token=token-1&type=file"
    wire.post(url, payload={"errcode": 0, "media_id": "@lAz"})
    wire.post(url, payload={"errcode": 0})
    assert await openapi.upload(path, "巡检.xlsx") == "@lAz"
    with pytest.raises(TemporaryError, match="media_id"):
        await openapi.upload(path, "巡检.xlsx")


async def test_what_dingtalk_would_not_take_is_not_uploaded(
    openapi: OpenApiMessenger, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.xlsx"
    empty.touch()
    for path, name in ((empty, "empty.xlsx"), (empty, "a.exe"), (tmp_path / "none.xlsx", "none.xlsx")):
        with pytest.raises(PermanentError):
            await openapi.upload(path, name)


async def test_twenty_calls_at_once_over_one_session(
    sandbox: Sandbox, sandbox_app: DingTalkApp, clock: FakeClock
) -> None:
    async with aiohttp.ClientSession() as session:
        calls = ApiClient(session, sandbox_app, Tokens(session, sandbox_app, clock))
        body = {"robotCode": "dingsandboxapp", "userIds": ["user01"], "msgKey": "sampleText",
                "msgParam": '{"content": "hi"}'}  # fmt: skip
        path = "/v1.0/robot/oToMessages/batchSend"
        answers = await asyncio.gather(*(calls.openapi("POST", path, body) for _ in range(20)))
    assert len({answer["processQueryKey"] for answer in answers}) == 20


@pytest.mark.parametrize(
    ("people", "rings"),
    [
        (("user01", "user02"), {"user01": "user01", "user02": "user02"}),
        (("user01", "13800000000"), {"user01": "user01"}),
        (("all", "user01"), {"@ALL": "@ALL"}),
        ((), {}),
    ],
)
async def test_a_card_in_a_group_rings_for_staff_ids(
    sandbox: Sandbox,
    sandbox_app: DingTalkApp,
    clock: FakeClock,
    people: tuple[str, ...],
    rings: dict[str, str],
) -> None:
    group = Destination.parse("group:cidSandboxGroupOps==")
    async with aiohttp.ClientSession() as session:
        tokens = Tokens(session, sandbox_app, clock)
        messenger = OpenApiMessenger(session, sandbox_app, tokens, clock=clock)
        await messenger.send_card(group, replace(CARD, mention=people), "run-1")
    (message,) = sandbox.state.conversations.messages(group.id)
    assert message.content["at"] == rings
