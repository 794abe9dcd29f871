"""Messages of the robot of a group's template."""

import json
from typing import Any

import pytest

from tests.dingtalk_sandbox.harness import GROUP, KEY, Answer, Client

PATH = "/topapi/im/chat/scencegroup/message/send_v2"
TEMPLATE = "sandbox-group-template"
TWO = {"members": ["user01", "user02"]}
SCENE = {
    "group_templates": [{"id": TEMPLATE, "robots": [KEY]}],
    "groups": [
        {
            "id": GROUP,
            "title": "项目组",
            "members": ["user01", "user02"],
            "robots": [KEY],
            "template": TEMPLATE,
        },
        {"id": "cidPlain==", "title": "群", "members": ["user01"], "robots": [KEY]},
        {"id": "cidEmpty==", "title": "空", "members": ["user01"], "robots": [], "template": TEMPLATE},
    ],
}
TEXT = {"content": "hi"}


@pytest.fixture
async def group(client: Client) -> Client:
    """A group with a template, one without, and one whose robot was removed."""
    await client.control("scene", SCENE)
    return client


async def send(client: Client, values: Any = TEXT, **changes: Any) -> Answer:
    body = {
        "target_open_conversation_id": GROUP, "robot_code": KEY, "msg_template_id": "inner_app_template_text",
        "msg_param_map": json.dumps(values),
    }  # fmt: skip
    return await client.oapi(PATH, body | changes)


async def test_a_template_is_sent_and_its_readers_are_told(group: Client) -> None:
    key = (await send(group, at_users="user02")).body["open_msg_id"]
    message = await group.last()
    assert (message["kind"], message["content"]["text"]) == ("text", "hi")
    assert message["content"]["mentions"]["rings"] == ["user02"]
    query = {"openConversationId": GROUP, "robotCode": KEY, "processQueryKey": key}
    assert (await group.api("/v1.0/robot/groupMessages/query", query)).body["sendStatus"] == "SUCCESS"


async def test_an_action_card_has_up_to_four_buttons(group: Client) -> None:
    values = {"title": "t", "markdown": "x", "btn_orientation": "2", "btn_title_1": "a", "action_url_1": "u"}
    await send(group, values, msg_template_id="inner_app_template_action_card")
    content = (await group.last())["content"]
    assert (content["orientation"], content["buttons"]) == ("1", [{"text": "a", "url": "u"}])


async def test_a_message_may_be_for_some(group: Client) -> None:
    await send(group, receiver_user_ids=["user01"])
    assert len(await group.messages(viewer="user01")) == 1
    assert await group.messages(viewer="user02") == []


async def test_a_photo_is_one_that_was_uploaded(group: Client) -> None:
    photo = {"msg_template_id": "inner_app_template_photo", "msg_param_map": ""}
    media = (await group.upload("a.png", b"x", "image")).body["media_id"]
    assert (await send(group, **photo, msg_media_id_param_map={"img_media_id": media})).code == 0
    assert (await send(group, **photo, msg_media_id_param_map={"img_media_id": "@x"})).code == 660018


async def test_markdown_has_the_placeholders_of_the_page(group: Client) -> None:
    markdown = {"title": "标题", "markdown_content": "# 测试内容"}
    assert (await send(group, markdown, msg_template_id="inner_app_template_markdown")).code == 0
    content = (await group.last())["content"]
    assert (content["title"], content["text"]) == ("标题", "# 测试内容")


async def test_texts_of_a_form_mention_everyone_and_name_receivers(group: Client) -> None:
    await send(group, is_at_all="true", receiver_user_ids='["user01"]')
    assert (await group.messages(viewer="user01"))[0]["content"]["mentions"]["all"]
    assert await group.messages(viewer="user02") == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"target_open_conversation_id": ""}, 660001),
        ({"robot_code": ""}, 660002),
        ({"target_open_conversation_id": "cidX"}, 660015),
        ({"target_open_conversation_id": "cidPlain=="}, 660012),
        ({"robot_code": "other"}, 660014),
        ({"target_open_conversation_id": "cidEmpty=="}, 660016),
        ({"msg_template_id": ""}, 660027),
        ({"msg_template_id": "x"}, 660024),
        ({"msg_param_map": "{"}, 660025),
        ({"msg_param_map": "{}"}, 660025),
        ({"msg_param_map": {"content": 5}}, 660025),
        ({"msg_media_id_param_map": json.dumps(TEXT)}, 660020),
        ({"receiver_mobiles": "123"}, 660022),
    ],
)
async def test_wrong_messages_have_the_codes_of_the_page(
    group: Client, changes: dict[str, Any], code: int
) -> None:
    assert (await send(group, **changes)).code == code
