"""Robot messages."""

import json
from dataclasses import replace
from typing import Any

import pytest

from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.validation.robots import UNSUPPORTED_CODE
from tests.dingtalk_sandbox.harness import GROUP, KEY, Client

OTO = "/v1.0/robot/oToMessages/batchSend"
HI = {"title": "t", "text": "hi"}
BUTTONS = {"title": "t", "text": "x"}


def pairs(title: str, url: str, count: int) -> dict[str, str]:
    return {f"{name}{i}": "a" for name in (title, url) for i in range(1, count + 1)}


def a_file(name: str, kind: str) -> dict[str, str]:
    return {"mediaId": "@x", "fileName": name, "fileType": kind}


SAMPLES: list[tuple[str, dict[str, str], str]] = [
    ("sampleText", {"content": "hi"}, "text"),
    ("sampleMarkdown", HI, "markdown"),
    ("sampleImageMsg", {"photoURL": "https://example.com/a.png"}, "markdown"),
    ("sampleLink", HI | {"messageUrl": "https://example.com", "picUrl": ""}, "action_card"),
    ("sampleActionCard", BUTTONS | {"singleTitle": "a", "singleURL": "u"}, "action_card"),
    ("sampleActionCard2", BUTTONS | pairs("actionTitle", "actionURL", 2), "action_card"),
    ("sampleActionCard5", BUTTONS | pairs("actionTitle", "actionURL", 5), "action_card"),
    ("sampleActionCard6", BUTTONS | pairs("buttonTitle", "buttonUrl", 2), "action_card"),
]


@pytest.mark.parametrize(("key", "param", "kind"), SAMPLES)
async def test_each_message_key_shows(client: Client, key: str, param: dict[str, str], kind: str) -> None:
    answer = await client.group_send(key, param)
    assert list(answer.body) == ["processQueryKey"]
    message = await client.last()
    assert (message["kind"], message["sender"]["robot"]) == (kind, True)


async def test_action_card_buttons_are_links(client: Client) -> None:
    await client.group_send("sampleActionCard6", SAMPLES[-1][1])
    content = (await client.last())["content"]
    assert content["orientation"] == "1"
    assert content["buttons"] == [{"text": "a", "url": "a"}] * 2


@pytest.mark.parametrize(
    ("key", "param", "code"),
    [
        ("", HI, "invalidParameter.msgKey.empty"),
        ("sampleX", HI, "invalidParameter.msgKey.invalid"),
        ("sampleText", "{", "invalidParameter.msgParam.invalid"),
        ("sampleText", "[]", "invalidParameter.msgParam.invalid"),
        ("sampleText", {}, "miss.param.text"),
        ("sampleMarkdown", {"title": "t"}, "miss.param.markdownTotext"),
        ("sampleMarkdown", {"title": "t", "text": 5}, "invalidParameter.msgParam.invalid"),
        ("sampleFile", a_file("a.xls", "xls"), UNSUPPORTED_CODE),
        ("sampleFile", a_file("a.pdf", "pdf"), "invalidParameter.msgParam.invalid"),
        ("sampleFile", {"fileName": "a.pdf"}, "miss.param.file"),
        ("sampleAudio", {"mediaId": "@x"}, "miss.param.audio"),
        ("sampleVideo", {"duration": "1", "videoMediaId": "@", "videoType": "avi", "picMediaId": "@"},
         UNSUPPORTED_CODE),
        ("sampleText", {"content": "字" * 5000}, "invalidParameter.msgParam.tooLong"),
    ],
)  # fmt: skip
async def test_wrong_messages_are_refused(client: Client, key: str, param: Any, code: str) -> None:
    answer = await client.group_send(key, param)
    assert (answer.status, answer.code) == (400, code)
    assert answer.body.keys() == {"code", "message", "requestid"}
    assert await client.messages() == []


async def test_markdown_needs_no_title(client: Client) -> None:
    assert (await client.group_send("sampleMarkdown", {"text": "**t**"})).status == 200
    assert (await client.last())["content"]["title"] == ""


async def test_15000_bytes_are_taken(client: Client) -> None:
    param = json.dumps({"content": ""})
    text = "x" * (15_000 - len(param))
    assert (await client.group_send("sampleText", {"content": text})).status == 200
    wire = (await client.last())["wire"]
    assert (wire["bytes"], wire["limit"], wire["bucket"]) == (15_000, 15_000, "api")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"robotCode": ""}, "invalidParameter.robotCode.empty"),
        ({"robotCode": "other"}, "invalidParameter.robotCode.auth"),
        ({"openConversationId": ""}, "miss.openConversationId"),
        ({"openConversationId": "cidX"}, "invalid.openConversationId"),
        ({"openConversationId": {}}, "miss.openConversationId"),
        ({"msgParam": {"content": "x"}}, "invalidParameter.msgParam.invalid"),
    ],
)
async def test_wrong_addresses_are_refused(client: Client, changes: dict[str, Any], code: str) -> None:
    answer = await client.group_send("sampleText", {"content": "x"}, **changes)
    assert (answer.status, answer.code) == (400, code)


async def test_a_file_shows_under_the_name_of_the_message(client: Client) -> None:
    media = (await client.upload("upload.xlsx", b"PK\r\n--data")).body["media_id"]
    param = {"mediaId": media, "fileName": "日报.xlsx", "fileType": "xlsx"}
    assert (await client.group_send("sampleFile", param)).status == 200
    message = await client.last()
    assert (message["kind"], message["fileName"], message["size"]) == ("file", "日报.xlsx", 10)
    async with client.http.get(message["downloadUrl"]) as response:
        assert await response.read() == b"PK\r\n--data"
        assert response.headers["Content-Disposition"].endswith("%E6%97%A5%E6%8A%A5.xlsx")


@pytest.mark.parametrize(
    ("key", "media", "param"),
    [
        ("sampleAudio", ("a.amr", "voice", "mediaId"), {"duration": "1000"}),
        (
            "sampleVideo",
            ("a.mp4", "video", "videoMediaId"),
            {"duration": "1", "videoType": "mp4", "picMediaId": "@p"},
        ),
    ],
)
async def test_sound_and_film_show_as_files(
    client: Client, key: str, media: Any, param: dict[str, str]
) -> None:
    name, kind, field = media
    param[field] = (await client.upload(name, b"x", kind)).body["media_id"]
    assert (await client.group_send(key, param)).status == 200
    message = await client.last()
    assert (message["kind"], message["fileName"]) == ("file", name)


async def test_a_robot_that_is_not_in_the_group_cannot_speak_there(client: Client) -> None:
    await client.control(
        "scene", {"groups": [{"id": GROUP, "title": "x", "members": ["user01"], "robots": []}]}
    )
    assert (
        await client.group_send("sampleText", {"content": "x"})
    ).code == "invalidParameter.robotCode.notExsit"


async def test_the_read_status_of_another_conversation_is_not_told(client: Client) -> None:
    key = (await oto(client, ["user01"])).body["processQueryKey"]
    query = {"openConversationId": GROUP, "robotCode": KEY, "processQueryKey": key}
    answer = await client.api("/v1.0/robot/groupMessages/query", query)
    assert answer.code == "invalid.openConversationId"


async def oto(client: Client, users: Any) -> Any:
    body = {"robotCode": KEY, "userIds": users, "msgKey": "sampleMarkdown", "msgParam": json.dumps(HI)}
    return await client.api(OTO, body)


async def test_who_cannot_be_reached_is_in_a_list_of_a_200(client: Client) -> None:
    answer = await oto(client, ["user01", "nobody", "outsider01"])
    assert answer.status == 200
    assert answer.body["invalidStaffIdList"] == ["nobody", "outsider01"]
    assert (await client.last("cidSandboxOto-user01=="))["content"]["text"] == "hi"


@pytest.mark.parametrize(
    ("users", "code"),
    [
        ([], "invalidParameter.userIds.empty"),
        ([f"u{i}" for i in range(21)], "invalidParameter.userIds.overMax"),
        ("user01", "invalidParameter.param.invalid"),
        ([5], "invalidParameter.param.invalid"),
    ],
)
async def test_wrong_receivers_are_refused(client: Client, users: Any, code: str) -> None:
    assert (await oto(client, users)).code == code


async def test_a_group_message_is_recalled_by_its_query_key(client: Client) -> None:
    key = (await client.group_send("sampleMarkdown", HI)).body["processQueryKey"]
    body = {"openConversationId": GROUP, "robotCode": KEY, "processQueryKeys": [key, "x"]}
    answer = await client.api("/v1.0/robot/groupMessages/recall", body)
    assert answer.body == {"successResult": [key], "failedResult": {"x": "robot.processQueryKey.notExist"}}
    message = await client.last()
    assert (message["recalled"], message["content"]) == (True, {})
    query = {"openConversationId": GROUP, "robotCode": KEY, "processQueryKey": key}
    assert (await client.api("/v1.0/robot/groupMessages/query", query)).body["sendStatus"] == "RECALLED"


async def test_a_one_to_one_message_is_recalled_for_a_day(client: Client) -> None:
    keys = [(await oto(client, ["user01"])).body["processQueryKey"] for _ in range(2)]
    path, body = "/v1.0/robot/otoMessages/batchRecall", {"robotCode": KEY}
    first = await client.api(path, body | {"processQueryKeys": keys[:1]})
    assert first.body == {"successResult": keys[:1], "failedResult": {}}
    await client.control("clock", {"advance": 86_401})
    await client.__aenter__()
    late = await client.api(path, body | {"processQueryKeys": keys[1:]})
    assert late.body["failedResult"] == {keys[1]: "robot.processQueryKey.expired"}


async def test_who_has_read_a_message_can_be_asked(client: Client) -> None:
    key = (await client.group_send("sampleMarkdown", HI)).body["processQueryKey"]
    await client.control("read", {"id": (await client.last())["id"], "user": "user02"})
    query = {"openConversationId": GROUP, "robotCode": KEY, "processQueryKey": key}
    answer = await client.api("/v1.0/robot/groupMessages/query", query)
    assert (answer.body["sendStatus"], answer.body["readUserIds"]) == ("SUCCESS", ["user02"])
    assert (
        await client.api("/v1.0/robot/groupMessages/query", query | {"processQueryKey": "x"})
    ).status == 400


async def test_one_to_one_read_status_is_by_person(client: Client) -> None:
    key = (await oto(client, ["user01"])).body["processQueryKey"]
    path = f"/v1.0/robot/oToMessages/readStatus?robotCode={KEY}&processQueryKey={key}"
    answer = await client.api(path, method="GET")
    assert answer.body["messageReadInfoList"] == [
        {"name": "李雷", "userId": "user01", "readStatus": "UNREAD"}
    ]
    await client.later(86_401)
    await client.__aenter__()
    assert (await client.api(path, method="GET")).code == "robot.processQueryKey.expired"


async def test_a_recall_takes_at_most_20_keys(client: Client) -> None:
    body = {"openConversationId": GROUP, "robotCode": KEY, "processQueryKeys": ["k"] * 21}
    assert (await client.api("/v1.0/robot/groupMessages/recall", body)).status == 400


async def test_the_robots_of_a_group_are_listed(client: Client) -> None:
    answer = await client.api("/v1.0/robot/groups/robots/query", {"openConversationId": GROUP})
    assert answer.body["chatbotInstanceVOList"] == [
        {"robotCode": KEY, "name": "DingRun", "downloadIconURL": "", "openRobotType": 2}
    ]
    assert (await client.api("/v1.0/robot/groups/robots/query", {"openConversationId": 1})).status == 400


async def test_the_robot_of_an_unpublished_app_is_unknown(sandbox: Sandbox, client: Client) -> None:
    app = replace(sandbox.state.scenario.apps[0], published=False)
    sandbox.state.scenario = replace(sandbox.state.scenario, apps=(app,))
    assert (await client.group_send("sampleMarkdown", HI)).code == "resource.not.found"


async def test_a_group_of_another_organization_is_refused(sandbox: Sandbox, client: Client) -> None:
    group = replace(sandbox.state.scenario.groups[0], foreign=True)
    sandbox.state.scenario = replace(sandbox.state.scenario, groups=(group,))
    assert (await client.group_send("sampleMarkdown", HI)).code == "conversation.org.notMatch"
    asked = {"robotCode": KEY, "openConversationId": GROUP, "processQueryKey": "x"}
    answer = await client.api("/v1.0/robot/groupMessages/query", asked)
    assert answer.code == "conversation.org.dismatch"
