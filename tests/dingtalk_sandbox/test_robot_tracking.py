"""Recall and read status of robot messages."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.dingtalk_sandbox.harness import GROUP, KEY, Answer, Client

HI = {"title": "t", "text": "hi"}
RECALL = "/v1.0/robot/groupMessages/recall"
RECALL_FROM_PEOPLE = "/v1.0/robot/otoMessages/batchRecall"
QUERY = "/v1.0/robot/groupMessages/query"
READ_STATUS = "/v1.0/robot/oToMessages/readStatus"
THERE = {"openConversationId": GROUP, "robotCode": KEY}


async def to_group(client: Client) -> str:
    return str((await client.group_send("sampleMarkdown", HI)).body["processQueryKey"])


async def to_user(client: Client) -> str:
    body = {"robotCode": KEY, "userIds": ["user01"], "msgKey": "sampleMarkdown", "msgParam": json.dumps(HI)}
    answer = await client.api("/v1.0/robot/oToMessages/batchSend", body)
    return str(answer.body["processQueryKey"])


async def read_status(client: Client, **query: str) -> Answer:
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return await client.api(f"{READ_STATUS}?{text}", method="GET")


async def test_a_group_message_is_recalled_by_its_query_key(client: Client) -> None:
    key = await to_group(client)
    answer = await client.api(RECALL, THERE | {"processQueryKeys": [key, "x"]})
    assert answer.body == {"successResult": [key], "failedResult": {"x": "invalid.processQueryKey"}}
    message = await client.last()
    assert (message["recalled"], message["content"]) == (True, {})
    assert (await client.api(QUERY, THERE | {"processQueryKey": key})).body["sendStatus"] == "RECALLED"


async def test_a_one_to_one_message_is_recalled_for_a_day(client: Client) -> None:
    keys = [await to_user(client) for _ in range(2)]
    first = await client.api(RECALL_FROM_PEOPLE, {"robotCode": KEY, "processQueryKeys": keys[:1]})
    assert first.body == {"successResult": keys[:1], "failedResult": {}}
    await client.later(86_401)
    await client.__aenter__()
    late = await client.api(RECALL_FROM_PEOPLE, {"robotCode": KEY, "processQueryKeys": keys[1:]})
    assert late.body["failedResult"] == {keys[1]: "robot.processQueryKey.expired"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"robotCode": ""}, "miss.chatbotId"),
        ({"robotCode": "other"}, "invalidParameter.robotCode"),
        ({"openConversationId": ""}, "miss.openConversationId"),
        ({"openConversationId": "cidX"}, "invalid.openConversationId"),
        ({"processQueryKeys": []}, "invalidParameter.processQueryKey.missing"),
        ({"processQueryKeys": "k"}, "invalidParameter.param.invalid"),
        ({"processQueryKeys": ["k"] * 21}, "invalidParameter.processQueryKeys.overMax"),
    ],
)
async def test_a_wrong_recall_is_refused(client: Client, changes: dict[str, Any], code: str) -> None:
    assert (await client.api(RECALL, THERE | {"processQueryKeys": ["k"]} | changes)).code == code


async def test_a_recall_from_people_needs_its_robot(client: Client) -> None:
    answer = await client.api(RECALL_FROM_PEOPLE, {"processQueryKeys": ["k"]})
    assert answer.code == "invalidParameter.param.invalid"


@pytest.mark.parametrize(
    ("path", "code"), [(RECALL, "invalidParameter.robotCode"), (QUERY, "invalidParameter.robotCode.notExsit")]
)
async def test_an_unpublished_robot_is_unknown_by_the_codes_of_each_page(
    client: Client, path: str, code: str
) -> None:
    state = client.sandbox.state
    app = replace(state.scenario.apps[0], published=False)
    state.scenario = replace(state.scenario, apps=(app,))
    assert (await client.api(path, THERE | {"processQueryKeys": ["k"], "processQueryKey": "k"})).code == code


@pytest.mark.parametrize("path", [RECALL, QUERY])
async def test_a_disbanded_group_is_an_invalid_one(client: Client, path: str) -> None:
    state = client.sandbox.state
    group = replace(state.scenario.groups[0], disbanded=True)
    state.scenario = replace(state.scenario, groups=(group,))
    answer = await client.api(path, THERE | {"processQueryKeys": ["k"], "processQueryKey": "k"})
    assert answer.code == "invalid.openConversationId"


async def test_who_has_read_a_message_can_be_asked(client: Client) -> None:
    key = await to_group(client)
    await client.control("read", {"id": (await client.last())["id"], "user": "user02"})
    answer = await client.api(QUERY, THERE | {"processQueryKey": key})
    assert (answer.body["sendStatus"], answer.body["readUserIds"]) == ("SUCCESS", ["user02"])


async def test_readers_come_by_the_page(client: Client) -> None:
    key = await to_group(client)
    for user in ("user01", "user02", "manager01"):
        await client.control("read", {"id": (await client.last())["id"], "user": user})
    asked = THERE | {"processQueryKey": key, "maxResults": 2}
    first = (await client.api(QUERY, asked)).body
    assert (first["readUserIds"], first["hasMore"]) == (["manager01", "user01"], True)
    second = (await client.api(QUERY, asked | {"nextToken": first["nextToken"]})).body
    assert (second["readUserIds"], second["hasMore"], second["nextToken"]) == (["user02"], False, "")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"robotCode": ""}, "invalidParameter.robotCode.missing"),
        ({"robotCode": "other"}, "invalidParameter.robotCode.invalid"),
        ({"openConversationId": ""}, "openConversationId.notExisted"),
        ({"openConversationId": "cidX"}, "invalid.openConversationId"),
        ({"processQueryKey": ""}, "invalidParameter.processQueryKey.missing"),
        ({"processQueryKey": "x"}, "invalid.processQueryKey"),
        ({"maxResults": 201}, "invalidParameter.pageSize.invalid"),
        ({"maxResults": "5"}, "invalidParameter.pageSize.invalid"),
        ({"nextToken": "x"}, "invalidParameter.cursor.invalid"),
    ],
)
async def test_a_wrong_query_is_refused(client: Client, changes: dict[str, Any], code: str) -> None:
    assert (await client.api(QUERY, THERE | {"processQueryKey": "k"} | changes)).code == code


async def test_the_read_status_of_another_conversation_is_not_told(client: Client) -> None:
    answer = await client.api(QUERY, THERE | {"processQueryKey": await to_user(client)})
    assert answer.code == "invalid.openConversationId"


async def test_one_to_one_read_status_is_by_person(client: Client) -> None:
    key = await to_user(client)
    answer = await read_status(client, robotCode=KEY, processQueryKey=key)
    assert answer.body["messageReadInfoList"] == [
        {"name": "李雷", "userId": "user01", "readStatus": "UNREAD"}
    ]
    await client.later(86_401)
    await client.__aenter__()
    late = await read_status(client, robotCode=KEY, processQueryKey=key)
    assert late.code == "processQueryKey.expireTime"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, "invalidParameter.robotCode.missing"),
        ({"robotCode": KEY}, "invalidParameter.processQueryKey.missing"),
        ({"robotCode": KEY, "processQueryKey": "x"}, "invalid.processQueryKey"),
    ],
)
async def test_a_wrong_one_to_one_query_is_refused(client: Client, query: dict[str, str], code: str) -> None:
    assert (await read_status(client, **query)).code == code


async def test_messages_of_another_robot_stay(client: Client) -> None:
    key = await to_group(client)
    for message in client.sandbox.state.conversations.messages(GROUP):
        message.robot = "other"
    answer = await client.api(RECALL, THERE | {"processQueryKeys": [key]})
    assert answer.body["failedResult"] == {key: "not.allowed.robotCode"}
