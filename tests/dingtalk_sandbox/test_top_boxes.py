"""Cards that are created and pinned in one call."""

from datetime import timedelta
from typing import Any

import pytest

from tests.dingtalk_sandbox.conftest import NOW
from tests.dingtalk_sandbox.harness import BUTTONS, GROUP, KEY, Answer, Client, variables

TEMPLATE = "sandbox-group-template"
TWO = {"members": ["user01", "user02"], "robots": [KEY]}
SCENE = {
    "groups": [
        {"id": GROUP, "title": "群", "cool_app": "COOL-1"} | TWO,
        {"id": "cidScene==", "title": "场景群", "template": TEMPLATE} | TWO,
        {"id": "cidForeign==", "title": "外", "foreign": True} | TWO,
    ]
}
BOX = {
    "cardTemplateId": BUTTONS, "outTrackId": "run-1", "cardData": variables(title="t", markdown="x"),
    "conversationType": 1, "openConversationId": GROUP, "coolAppCode": "COOL-1",
}  # fmt: skip
WITH_ROBOT = {"conversationType": 2, "userId": "user01", "robotCode": KEY}


@pytest.fixture
async def places(client: Client) -> Client:
    """A group with a cool app, one with a template, and one of another organization."""
    await client.control("scene", SCENE)
    return client


async def pin(client: Client, **changes: Any) -> Answer:
    return await client.api("/v2.0/im/topBoxes", BOX | changes)


async def close(client: Client, **changes: Any) -> Answer:
    return await client.api("/v2.0/im/topBoxes/close", BOX | changes)


async def test_a_box_is_opened_and_closed(places: Client) -> None:
    assert (await pin(places, platforms="ios|win")).body == {"success": True}
    shown = await places.last()
    assert (shown["variables"]["title"], shown["content"]["pinned"]) == ("t", {"platforms": ["ios", "win"]})
    assert (await close(places)).body == {"success": True}
    assert (await places.last())["recalled"]
    assert (await close(places)).code == "close.topbox.failed"


async def test_a_box_with_a_time_ends(places: Client) -> None:
    await pin(places, expiredTime=int((NOW + timedelta(minutes=1)).timestamp() * 1000))
    await places.later(60)
    assert (await places.last())["recalled"]


async def test_a_box_is_in_a_group_with_a_template_or_in_the_chat_with_the_robot(places: Client) -> None:
    scene = {"openConversationId": "cidScene==", "groupTemplateId": TEMPLATE}
    assert (await pin(places, **scene)).status == 200
    assert (await pin(places, outTrackId="run-2", **WITH_ROBOT)).status == 200
    assert (await places.last("cidSandboxOto-user01=="))["outTrackId"] == "run-2"


async def test_a_box_may_be_for_some_with_values_of_their_own(places: Client) -> None:
    private = {"user01": variables(tips="yours")}
    await pin(places, receiverUserIdList=["user01"], userIdPrivateDataMap=private)
    assert (await places.last(viewer="user01"))["variables"]["tips"] == "yours"
    assert await places.messages(viewer="user02") == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"outTrackId": ""}, "param.illegal"),
        ({"conversationType": 3}, "conversationType.illegal"),
        ({"openConversationId": ""}, "openConversationId.empty"),
        ({"openConversationId": "cidX"}, "chat.notExist"),
        ({"openConversationId": "cidForeign=="}, "group.org.checkFailed"),
        ({"openConversationId": "cidScene=="}, "group.groupTemplate.notInstalled"),
        ({"coolAppCode": ""}, "coolAppCode.empty"),
        ({"coolAppCode": "COOL-2"}, "chat.coolApp.notInstalled"),
        ({"receiverUserIdList": ["nobody"]}, "receiver.id.parseFailed"),
        ({"cardTemplateId": "x"}, "cardTemplate.not.exist"),
        ({"cardData": None}, "cardInstance.wrong"),
        ({"expiredTime": "soon"}, "param.illegal"),
        ({"platforms": "linux"}, "param.illegal"),
        ({"unionIdPrivateDataMap": {"nobody": variables()}}, "user.not.found"),
        (WITH_ROBOT | {"userId": ""}, "userIdOrUnionId.empty"),
        (WITH_ROBOT | {"robotCode": ""}, "robotCode.empty"),
        (WITH_ROBOT | {"robotCode": "other"}, "robot.not.found"),
        (WITH_ROBOT | {"userId": "nobody"}, "user.not.found"),
    ],
)
async def test_wrong_boxes_have_the_codes_of_the_page(
    places: Client, changes: dict[str, Any], code: str
) -> None:
    assert (await pin(places, **changes)).code == code
    assert places.sandbox.state.cards == {}


async def test_ten_boxes_are_open_at_most(places: Client) -> None:
    answers = [await pin(places, outTrackId=str(number)) for number in range(11)]
    assert [answer.code for answer in answers] == [None] * 10 + ["open.topbox.failed"]


async def test_what_is_closed_is_named(places: Client) -> None:
    assert (await close(places, outTrackId="")).code == "outTrackId.empty"
