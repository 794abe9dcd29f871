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
        ("sampleText", {}, "miss.param.contentOfText"),
        ("sampleMarkdown", {"title": "t"}, "miss.param.markdownTotext"),
        ("sampleImageMsg", {"photoURL": ""}, "miss.param.photoTophotoUrl"),
        ("sampleLink", {"title": "t", "messageUrl": "u"}, "miss.param.textOfLink"),
        ("sampleLink", {"text": "t", "messageUrl": "u"}, "miss.param.titleOfLink"),
        ("sampleLink", HI, "miss.param.messageUrlOfLink"),
        ("sampleActionCard", {"text": "x"}, "miss.param.actionCardTotitle"),
        ("sampleActionCard", {"title": "x"}, "miss.param.actionCardTotext"),
        ("sampleActionCard", BUTTONS | {"singleURL": "u"}, "miss.param.actionCardTosingleTitle"),
        ("sampleActionCard", BUTTONS | {"singleTitle": "a"}, "miss.param.actionCardTosingleUrl"),
        ("sampleActionCard2", BUTTONS | {"actionURL1": "u"}, "miss.param.actionCardTobtnsTotitle"),
        ("sampleActionCard6", BUTTONS | {"buttonTitle1": "a"}, "miss.param.actionCardTobtnsToactionUrl"),
        ("sampleMarkdown", {"title": "t", "text": 5}, "invalidParameter.msgParam.invalid"),
        ("sampleText", {"content": ["x"]}, "invalidParameter.msgParam.invalid"),
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


async def test_the_robots_of_a_group_are_listed(client: Client) -> None:
    answer = await client.api("/v1.0/robot/groups/robots/query", {"openConversationId": GROUP})
    assert answer.body["chatbotInstanceVOList"] == [
        {"robotCode": KEY, "name": "DingRun", "downloadIconURL": "", "openRobotType": 2}
    ]
    wrong = await client.api("/v1.0/robot/groups/robots/query", {"openConversationId": 1})
    assert wrong.code == "illegal.openconevrsation.id"


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
    assert (await client.api("/v1.0/robot/groups/robots/query", asked)).code == "unauthorized"


async def test_a_file_type_that_is_not_documented_is_shown_with_a_warning(client: Client) -> None:
    media = (await client.upload("a.md", b"# x")).body["media_id"]
    param = {"mediaId": media, "fileName": "a.md", "fileType": "md"}
    assert (await client.group_send("sampleFile", param)).status == 200
    assert (await client.last())["wire"]["warnings"] == ["fileType md is not documented"]
    await client.set(file_types="documented")
    assert (await client.group_send("sampleFile", param)).code == UNSUPPORTED_CODE


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"robotCode": None}, "invalidParameter.robotCode.empty"),
        ({"robotCode": "other"}, "invalidParameter.robotCode.invalid"),
    ],
)
async def test_a_wrong_robot_sends_nothing_to_people(
    client: Client, changes: dict[str, Any], code: str
) -> None:
    body = {"robotCode": KEY, "userIds": ["user01"], "msgKey": "sampleMarkdown", "msgParam": json.dumps(HI)}
    assert (await client.api(OTO, body | changes)).code == code
