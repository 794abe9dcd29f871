"""A robot in a chat of two people, where a cool app has put it."""

from typing import Any

import pytest

from tests.dingtalk_sandbox.harness import GROUP, KEY, Answer, Client

PRIVATE, COOL_APP = "cidPrivate==", "COOLAPP-1-0001"
MESSAGE = {
    "robotCode": KEY, "openConversationId": PRIVATE, "coolAppCode": COOL_APP,
    "msgKey": "sampleText", "msgParam": '{"content": "hi"}',
}  # fmt: skip
TWO = {"members": ["user01", "user02"], "robots": [KEY]}


@pytest.fixture
async def chat(client: Client) -> Client:
    groups = [
        {"id": PRIVATE, "title": "李雷、韩梅梅", "private": True, "cool_app": COOL_APP} | TWO,
        {"id": GROUP, "title": "群", "cool_app": COOL_APP} | TWO,
    ]
    await client.control("scene", {"groups": groups})
    return client


async def call(client: Client, verb: str, **changes: Any) -> Answer:
    return await client.api(f"/v1.0/robot/privateChatMessages/{verb}", MESSAGE | changes)


async def test_a_message_is_sent_read_and_recalled(chat: Client) -> None:
    key = (await call(chat, "send")).body["processQueryKey"]
    await chat.control("read", {"id": (await chat.last(PRIVATE))["id"], "user": "user02"})
    assert (await call(chat, "query", processQueryKey=key)).body["readUserIds"] == ["user02"]
    assert (await call(chat, "batchRecall", processQueryKeys=[key])).body["successResult"] == [key]
    assert (await chat.last(PRIVATE))["recalled"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"coolAppCode": ""}, "invalidParameter.robotCode.coolApp"),
        ({"coolAppCode": "other"}, "invalidParameter.robotCode.coolApp"),
        ({"openConversationId": ""}, "miss.openConversationId"),
        ({"openConversationId": GROUP}, "invalid.openConversationId"),
        ({"robotCode": "other"}, "invalidParameter.robotCode.auth"),
        ({"msgKey": ""}, "invalidParameter.msgKey.empty"),
    ],
)
async def test_wrong_messages_are_refused(chat: Client, changes: dict[str, str], code: str) -> None:
    assert (await call(chat, "send", **changes)).code == code


async def test_a_chat_of_two_people_is_no_group(chat: Client) -> None:
    answer = await chat.group_send("sampleText", {"content": "x"}, openConversationId=PRIVATE)
    assert answer.code == "invalid.openConversationId"


async def test_a_group_with_a_cool_app_wants_its_code(chat: Client) -> None:
    refused = await chat.group_send("sampleText", {"content": "x"})
    assert refused.code == "invalidParameter.robotCode.coolApp"
    assert (await chat.group_send("sampleText", {"content": "x"}, coolAppCode=COOL_APP)).status == 200
