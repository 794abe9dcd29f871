"""Messages from people other than text: pictures, files, speech, quotes, and reactions to them."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.driver import PIXEL
from tests.dingtalk_sandbox.harness import BOTH, GROUP, KEY, Client, card

CHAT = "cidSandboxOto-user01=="
DOWNLOAD = "/v1.0/robot/messageFiles/download"
REPLY, RECALL = "/v1.0/robot/emotion/reply", "/v1.0/robot/emotion/recall"
THINKING = "🤔思考中"


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def send(client: Client, msgtype: str, conversation: str = CHAT, **more: Any) -> Any:
    body = {"conversation": conversation, "user": "user01", "msgtype": msgtype, **more}
    return await client.control("say", body)


async def fetch(client: Client, code: str) -> bytes:
    url = (await client.api(DOWNLOAD, {"robotCode": KEY, "downloadCode": code})).body["downloadUrl"]
    async with client.http.get(url) as response:
        assert response.status == 200
        return await response.read()


async def test_a_picture_comes_with_a_download_code(client: Client) -> None:
    async with client.listen() as bot:
        sent = await send(client, "picture", content=encoded(PIXEL))
        data = await bot.said()
    assert (data["msgtype"], data["msgId"], "text" in data) == ("picture", sent["id"], False)
    assert await fetch(client, data["content"]["downloadCode"]) == PIXEL


async def test_a_picture_shows_with_its_kind_and_can_be_drawn(client: Client) -> None:
    await send(client, "picture", content=encoded(PIXEL), fileName="截图.png")
    message = await client.last(CHAT)
    assert (message["kind"], message["fileName"], message["size"]) == ("picture", "截图.png", len(PIXEL))
    async with client.http.get(message["downloadUrl"]) as response:
        assert (response.content_type, await response.read()) == ("image/png", PIXEL)


async def test_text_with_pictures_is_a_list_in_a_group_too(client: Client) -> None:
    two = [encoded(PIXEL), encoded(b"GIF89a")]
    async with client.listen() as bot:
        await send(client, "richText", GROUP, text="@DingRun 看这个", content=two)
        data = await bot.said()
    text, *pictures = data["content"]["richText"]
    assert (data["msgtype"], text) == ("richText", {"text": " 看这个"})
    assert [each["type"] for each in pictures] == ["picture", "picture"]
    assert [await fetch(client, each["downloadCode"]) for each in pictures] == [PIXEL, b"GIF89a"]
    shown = (await client.last())["content"]["richText"]
    assert (shown[0], len(shown)) == ({"text": "@DingRun 看这个"}, 3)


@pytest.mark.parametrize(
    ("msgtype", "more", "wanted"),
    [
        ("file", {"fileName": "目标.xlsx"}, {"fileName": "目标.xlsx"}),
        ("audio", {"text": "重跑", "duration": 4000}, {"recognition": "重跑", "duration": 4000}),
        ("video", {"fileName": "a.MOV"}, {"videoType": "mov", "duration": 3000}),
    ],
)
async def test_a_file_speech_or_a_video_reaches_the_robot_in_its_chat(
    client: Client, msgtype: str, more: dict[str, Any], wanted: dict[str, Any]
) -> None:
    async with client.listen() as bot:
        await send(client, msgtype, content=encoded(b"PK"), **more)
        data = await bot.said()
    assert data["msgtype"] == msgtype
    assert {name: data["content"][name] for name in wanted} == wanted
    assert await fetch(client, data["content"]["downloadCode"]) == b"PK"


async def test_speech_needs_no_recording(client: Client) -> None:
    async with client.listen() as bot:
        await send(client, "audio", text="状态")
        assert (await bot.said())["content"]["recognition"] == "状态"


@pytest.mark.parametrize("msgtype", ["file", "audio", "video"])
async def test_a_robot_in_a_group_gets_no_file(client: Client, msgtype: str) -> None:
    async with client.listen():
        sent = await send(client, msgtype, GROUP, text="@DingRun", content=encoded(b"PK"))
    assert (sent["delivered"], sent["why"]) == (False, f"robots in groups get no {msgtype}")
    assert (await client.last())["kind"] == msgtype


async def test_a_picture_in_a_group_needs_a_mention(client: Client) -> None:
    async with client.listen() as bot:
        alone = await send(client, "picture", GROUP, content=encoded(PIXEL))
        await send(client, "picture", GROUP, content=encoded(PIXEL), text="@DingRun")
        assert (await bot.said())["msgtype"] == "picture"
    assert alone["why"] == "the robot was not mentioned"


@pytest.mark.parametrize(
    "said",
    [
        {"msgtype": "sticker"},
        {"msgtype": "picture"},
        {"msgtype": "picture", "content": "no base64"},
        {"msgtype": "picture", "content": [encoded(PIXEL)]},
        {"msgtype": "file", "content": encoded(b"PK"), "fileName": 5},
        {"msgtype": "richText", "text": " ", "content": encoded(PIXEL)},
        {"msgtype": "richText", "text": "看", "content": []},
        {"msgtype": "richText", "text": "看", "content": [5]},
        {"msgtype": "text", "text": "hi", "content": encoded(PIXEL)},
        {"msgtype": "audio", "text": "hi", "duration": -1},
        {"msgtype": "audio", "text": "hi", "duration": True},
        {"text": "hi", "quote": "x"},
    ],
)
async def test_what_cannot_be_sent_is_refused(client: Client, said: dict[str, Any]) -> None:
    answer = await client.post("/_sandbox/say", {"conversation": CHAT, "user": "user01", **said})
    assert (answer.status, bool(answer.body["error"])) == (400, True)
    assert await client.messages(CHAT) == []


async def test_a_download_link_and_a_download_code_expire(client: Client) -> None:
    async with client.listen() as bot:
        await send(client, "file", content=encoded(b"PK"))
        code = (await bot.said())["content"]["downloadCode"]
    url = (await client.api(DOWNLOAD, {"robotCode": KEY, "downloadCode": code})).body["downloadUrl"]
    await client.later(3600)
    async with client.http.get(url) as response:
        assert response.status == 403
    assert await fetch(client, code) == b"PK"
    await client.set(token_life=1e6)
    await client.later(86_400 - 3600)
    await client.__aenter__()
    answer = await client.api(DOWNLOAD, {"robotCode": KEY, "downloadCode": code})
    assert (answer.status, answer.code) == (400, "invalidParameter.robotCode.downloadCode")


async def test_a_download_code_is_of_one_robot(client: Client, sandbox: Sandbox) -> None:
    async with client.listen() as bot:
        await send(client, "file", content=encoded(b"PK"))
        code = (await bot.said())["content"]["downloadCode"]
    found = sandbox.state.download_codes[code]
    sandbox.state.download_codes[code] = replace(found, robot="another")
    answer = await client.api(DOWNLOAD, {"robotCode": KEY, "downloadCode": code})
    assert answer.code == "invalidParameter.robotCode.auth"
    missing = await client.api(DOWNLOAD, {"robotCode": KEY})
    assert missing.code == "invalidParameter.robotCode.empty"
    media = (await client.upload()).body["media_id"]
    upload = await client.api(DOWNLOAD, {"robotCode": KEY, "downloadCode": media})
    assert upload.code == "invalidParameter.robotCode.downloadCode"


async def test_a_reply_names_the_message_of_the_robot_by_its_query_key(client: Client) -> None:
    sent = await client.group_send("sampleMarkdown", {"title": "t", "text": "**好**"})
    first = await client.last()
    async with client.listen() as bot:
        await send(client, "text", GROUP, text="@DingRun 为什么", quote=first["id"])
        data = await bot.said()
    told = data["text"]["repliedMsg"]
    assert (data["text"]["content"], data["text"]["isReplyMsg"]) == (" 为什么", True)
    assert (data["originalMsgId"], data["originalProcessQueryKey"]) == (
        first["id"],
        sent.body["processQueryKey"],
    )
    assert (told["msgType"], told["msgId"], told["content"]) == ("text", first["id"], {"text": "**好**"})
    assert told["senderId"] == data["chatbotUserId"]
    assert (await client.last())["quote"] == {
        "id": first["id"], "kind": "markdown", "sender": "DingRun", "text": "t",
    }  # fmt: skip


async def test_a_reply_to_a_card_has_its_carrier_and_nothing_that_it_shows(client: Client) -> None:
    result = (await client.api(BOTH, card())).body["result"]["deliverResults"][0]
    async with client.listen() as bot:
        await send(client, "text", GROUP, text="@DingRun 重跑", quote=(await client.last())["id"])
        data = await bot.said()
    assert data["originalProcessQueryKey"] == result["carrierId"]
    assert data["text"]["repliedMsg"]["msgType"] == "interactiveCard"
    assert "content" not in data["text"]["repliedMsg"]


async def test_a_reply_to_a_picture_has_its_download_code(client: Client) -> None:
    first = await send(client, "picture", content=encoded(PIXEL))
    async with client.listen() as bot:
        await send(client, "text", text="这是什么", quote=first["id"])
        data = await bot.said()
    told = data["text"]["repliedMsg"]
    assert await fetch(client, told["content"]["downloadCode"]) == PIXEL
    assert "originalProcessQueryKey" not in data


async def test_a_picture_can_be_a_reply_to_rich_text(client: Client) -> None:
    first = await send(client, "richText", text="两张", content=[encoded(PIXEL)])
    async with client.listen() as bot:
        await send(client, "picture", content=encoded(PIXEL), quote=first["id"])
        content = (await bot.said())["content"]
    text, picture = content["repliedMsg"]["content"]["richText"]
    assert (text, picture["msgType"]) == ({"msgType": "text", "content": "两张"}, "picture")
    assert content["downloadCode"] != picture["downloadCode"]


async def test_a_reply_in_a_group_tells_nothing_of_a_file(client: Client) -> None:
    first = await send(client, "file", GROUP, content=encoded(b"PK"), fileName="a.zip")
    async with client.listen() as bot:
        await send(client, "text", GROUP, text="@DingRun 看", quote=first["id"])
        told = (await bot.said())["text"]["repliedMsg"]
    assert (told["msgType"], "content" in told) == ("unknownMsgType", False)


async def test_a_recalled_message_cannot_be_quoted(client: Client) -> None:
    first = await send(client, "text", text="hi")
    second = await send(client, "text", text="再说", quote=first["id"])
    await client.control("recall", {"id": first["id"]})
    answer = await client.post(
        "/_sandbox/say", {"conversation": CHAT, "user": "user01", "text": "x", "quote": first["id"]}
    )
    assert answer.status == 400
    assert (await client.last(CHAT))["quote"]["text"] == ""
    assert (await client.last(CHAT))["id"] == second["id"]


def reaction(message: str, **changes: Any) -> dict[str, Any]:
    text = {"emotionId": "2659900", "emotionName": THINKING, "text": THINKING, "backgroundId": "im_bg_1"}
    named = {"openMsgId": message, "openConversationId": GROUP, "robotCode": KEY}
    return named | {"emotionType": 2, "emotionName": THINKING, "textEmotion": text} | changes


async def test_a_robot_reacts_to_a_message_and_takes_it_back(client: Client) -> None:
    id_ = (await client.say("@DingRun 重跑"))["id"]
    for _ in range(2):
        assert (await client.api(REPLY, reaction(id_))).body == {"success": True}
        assert (await client.last())["emotions"] == [{"name": THINKING, "robot": KEY}]
    for _ in range(2):
        assert (await client.api(RECALL, reaction(id_))).body == {"success": True}
        assert (await client.last())["emotions"] == []


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"openMsgId": "x"}, 400, "invalidParameter.param.invalid"),
        ({"openMsgId": None}, 400, "invalidParameter.param.invalid"),
        ({"openConversationId": "x"}, 400, "invalid.openConversationId"),
        ({"openConversationId": CHAT}, 400, "invalidParameter.param.invalid"),
        ({"robotCode": ""}, 400, "invalidParameter.robotCode.empty"),
        ({"emotionName": 5, "textEmotion": None}, 400, "invalidParameter.param.invalid"),
    ],
)
async def test_a_reaction_to_nothing_is_refused(
    client: Client, changes: dict[str, Any], status: int, code: str
) -> None:
    id_ = (await client.say("@DingRun 重跑"))["id"]
    answer = await client.api(REPLY, reaction(id_, **changes))
    assert (answer.status, answer.code) == (status, code)


async def test_a_robot_cannot_react_to_a_message_of_a_robot(client: Client) -> None:
    await client.group_send("sampleText", {"content": "hi"})
    answer = await client.api(REPLY, reaction((await client.last())["id"]))
    assert (answer.status, answer.code) == (500, "system.error")
