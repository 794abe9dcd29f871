"""Session webhooks and custom robots."""

from typing import Any

import pytest

from dingtalk_sandbox.validation.webhooks import signature
from tests.dingtalk_sandbox.conftest import NOW
from tests.dingtalk_sandbox.harness import GROUP, SAY_HI, Client, Listener

MARKDOWN = {"msgtype": "markdown", "markdown": {"title": "t", "text": "hi"}}
STAMP = int(NOW.timestamp() * 1000)


def action_card(**fields: Any) -> dict[str, Any]:
    return {"msgtype": "actionCard", "actionCard": {"title": "t", "text": "x"} | fields}


LINKS = [{"title": "a", "messageURL": "u", "picURL": "p"}]
GOOD: list[tuple[dict[str, Any], str]] = [
    (SAY_HI, "text"),
    (MARKDOWN, "markdown"),
    ({"msgtype": "link", "link": {"title": "t", "text": "x", "messageUrl": "u"}}, "action_card"),
    (action_card(singleTitle="a", singleURL="u"), "action_card"),
    (action_card(btns=[{"title": "a", "actionURL": "u"}], btnOrientation="1"), "action_card"),
    ({"msgtype": "feedCard", "feedCard": {"links": LINKS}}, "action_card"),
]
BAD: list[tuple[Any, int]] = [
    ({}, 40035),
    ([], 40035),
    ({"msgtype": "image", "image": {}}, 400105),
    ({"msgtype": "text"}, 40035),
    ({"msgtype": "text", "text": "x"}, 40035),
    ({"msgtype": "markdown", "markdown": {"text": "x"}}, 40035),
    (action_card(), 40035),
    (action_card(btns=[{"title": "a"}]), 40035),
    (action_card(btns=["a"]), 40035),
    ({"msgtype": "feedCard", "feedCard": {"links": []}}, 40035),
    (SAY_HI | {"at": []}, 40035),
    (SAY_HI | {"at": {"atUserIds": "user01"}}, 40035),
    (SAY_HI | {"at": {"atUserIds": [f"u{i}" for i in range(51)]}}, 40035),
    ({"msgtype": "text", "text": {"content": "x" * 20_001}}, 460101),
]


@pytest.mark.parametrize(("body", "kind"), GOOD)
async def test_each_format_shows(client: Client, body: dict[str, Any], kind: str) -> None:
    assert (await client.webhook(body)).body == {"errcode": 0, "errmsg": "ok"}
    assert (await client.last())["kind"] == kind


@pytest.mark.parametrize(("body", "code"), BAD)
async def test_wrong_messages_are_refused_with_a_200(client: Client, body: Any, code: int) -> None:
    answer = await client.webhook(body)
    assert (answer.status, answer.code) == (200, code)
    assert await client.messages() == []


async def test_the_token_is_judged_first(client: Client) -> None:
    assert (await client.post("/robot/send", SAY_HI)).code == 40035
    assert (await client.post("/robot/send?access_token=x", SAY_HI)).code == 300005


async def test_only_post_with_json_is_taken(client: Client) -> None:
    path = "/robot/send?access_token=plain-token"
    assert (await client.call("GET", path)).code == 43002
    assert (await client.call("POST", path, data=b"{}")).code == 43004


async def signed(client: Client, stamp: int, sign: str | None = None) -> Any:
    proof = signature("SECsandbox0123456789", str(stamp)) if sign is None else sign
    query = {"access_token": "sandbox-webhook-token", "timestamp": str(stamp), "sign": proof}
    return (await client.post("/robot/send", SAY_HI, params=query)).body


async def test_a_signature_is_good_for_an_hour_on_both_sides(client: Client) -> None:
    hour = 3_600_000
    assert (await signed(client, STAMP - hour))["errcode"] == 0
    assert (await signed(client, STAMP + hour))["errcode"] == 0
    assert (await signed(client, STAMP - hour - 1))["errcode"] == 310000


@pytest.mark.parametrize(
    ("wording", "stamp", "sign", "keyword", "none"),
    [
        ("today", "机器人发送签名过期", "机器人发送签名不匹配", "关键词不匹配", "机器人发送签名不匹配"),
        ("old", "invalid timestamp", "sign not match", "keywords not in content", "invalid timestamp"),
    ],
)
async def test_310000_is_worded_as_today_or_as_documented(  # noqa: PLR0913, PLR0917 - one word per fault
    client: Client, wording: str, stamp: str, sign: str, keyword: str, none: str
) -> None:
    await client.set(webhook_wording=wording)
    begins = "description:" if wording == "today" else ""
    assert (await signed(client, STAMP - 3_600_001))["errmsg"].startswith(begins + stamp)
    assert (await signed(client, STAMP, "x"))["errmsg"].startswith(begins + sign)
    unsaid = await client.webhook(SAY_HI, access_token="word-token")  # noqa: S106 - of the sandbox
    assert unsaid.body["errmsg"].startswith(begins + keyword)
    unsigned = await client.webhook(SAY_HI, access_token="sandbox-webhook-token")  # noqa: S106 - of the sandbox
    assert unsigned.body["errmsg"].startswith(begins + none)


async def test_a_signed_robot_wants_a_signature(client: Client) -> None:
    answer = await client.webhook(SAY_HI, access_token="sandbox-webhook-token")  # noqa: S106 - of the sandbox
    assert answer.code == 310000


async def test_a_keyword_has_to_be_in_the_message(client: Client) -> None:
    query = {"access_token": "word-token"}
    assert (await client.webhook(SAY_HI, **query)).code == 310000
    body = {"msgtype": "markdown", "markdown": {"title": "巡检", "text": "ok"}}
    assert (await client.webhook(body, **query)).code == 0


async def test_the_21st_message_in_a_minute_silences_the_robot_for_ten(client: Client) -> None:
    assert [(await client.webhook(SAY_HI)).code for _ in range(21)] == [0] * 20 + [410100]
    await client.later(599)
    assert (await client.webhook(SAY_HI)).code == 410100
    await client.later(1)
    assert (await client.webhook(SAY_HI)).code == 0
    assert len(await client.messages()) == 21


async def test_20_a_minute_are_fine_for_ever(client: Client) -> None:
    for _ in range(2):
        assert [(await client.webhook(SAY_HI)).code for _ in range(20)] == [0] * 20
        await client.later(60)


async def test_the_code_of_too_fast_can_be_the_one_seen_in_the_wild(client: Client) -> None:
    await client.set(webhook_throttle_code=130101, webhook_per_minute=1)
    assert [(await client.webhook(SAY_HI)).code for _ in range(2)] == [0, 130101]


async def test_the_same_msg_uuid_shows_once(client: Client) -> None:
    for _ in range(2):
        assert (await client.webhook(SAY_HI | {"msgUuid": "run-1"})).code == 0
    assert len(await client.messages()) == 1
    assert (await client.counters())["buckets"]["stream_webhook"] == 1


async def test_a_mention_rings_when_it_is_in_the_list_and_in_the_text(client: Client) -> None:
    text = {"msgtype": "text", "text": {"content": "look @user01"}}
    await client.webhook(text | {"at": {"atUserIds": ["user01", "user02"], "isAtAll": True}})
    assert (await client.last())["content"]["mentions"] == {
        "rings": ["user01"],
        "silent": ["user02"],
        "all": True,
    }


async def test_over_the_month_the_webhook_says_so(client: Client) -> None:
    await client.set(stream_limit=1)
    assert [(await client.webhook(SAY_HI)).code for _ in range(2)] == [0, 90030]


async def session(client: Client, bot: Listener) -> str:
    await client.say("@DingRun hi")
    url: str = (await bot.said())["sessionWebhook"]
    return url.removeprefix(client.sandbox.url)


async def test_a_reply_needs_no_token_and_costs_nothing(client: Client) -> None:
    async with client.listen() as bot:
        path = await session(client, bot)
    assert (await client.post(path, MARKDOWN)).body == {"errcode": 0, "errmsg": "ok"}
    message = await client.last()
    assert (message["sender"]["name"], message["wire"]["bucket"]) == ("DingRun", "free")
    assert (await client.counters())["buckets"] == {"api": 0, "stream_webhook": 1}


async def test_a_reply_may_be_empty_but_not_a_file(client: Client) -> None:
    async with client.listen() as bot:
        path = await session(client, bot)
    assert (await client.post(path, {"msgtype": "empty"})).code == 0
    assert (await client.post(path, {"msgtype": "file", "file": {}})).code == 401102
    assert len(await client.messages()) == 1


async def test_a_session_ends_after_90_minutes(client: Client) -> None:
    async with client.listen() as bot:
        path = await session(client, bot)
    await client.later(5400)
    assert (await client.post(path, SAY_HI)).body["errmsg"] == "session.expired"
    assert (await client.post("/robot/sendBySession?session=x", SAY_HI)).body[
        "errmsg"
    ] == "session.notExisted"


def test_the_signature_is_the_documented_one() -> None:
    """The expected value comes from openssl."""
    assert signature("SECx", "1700000000000") == "rgcjbH+yFyES+S0llX+cAPCwVRpsr7sbiX5Lnyo/ocU="


async def test_a_stopped_robot_and_a_disbanded_group_have_codes_of_their_own(client: Client) -> None:
    robot = {"token": "plain-token", "group": GROUP}
    group = {"id": GROUP, "title": "x", "members": ["user01"], "robots": []}
    await client.control("scene", {"custom_robots": [robot | {"enabled": False}], "groups": [group]})
    assert (await client.webhook(SAY_HI)).code == 400102
    await client.control("scene", {"custom_robots": [robot], "groups": [group | {"disbanded": True}]})
    assert (await client.webhook(SAY_HI)).code == 400013
