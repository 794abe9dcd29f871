"""DINGs of a robot."""

from typing import Any

import pytest

from tests.dingtalk_sandbox.harness import KEY, Answer, Client

CHAT = "cidSandboxOto-user01=="
DING = {"robotCode": KEY, "remindType": 1, "receiverUserIdList": ["user01"], "content": "醒醒"}


async def send(client: Client, **changes: Any) -> Answer:
    return await client.api("/v1.0/robot/ding/send", DING | changes)


async def recall(client: Client, **changes: Any) -> Answer:
    return await client.api("/v1.0/robot/ding/recall", {"robotCode": KEY} | changes)


async def test_a_ding_shows_in_the_chat_of_its_receiver(client: Client) -> None:
    answer = await send(client, receiverUserIdList=["user01", "nobody"])
    assert answer.body["failedList"] == {"staffId.notExisted": ["nobody"]}
    content = (await client.last(CHAT))["content"]
    assert content == {"msgtype": "ding", "text": "醒醒", "remindType": 1}


async def test_a_ding_is_recalled(client: Client) -> None:
    ding = (await send(client)).body["openDingId"]
    assert (await recall(client, openDingId=ding)).body == {"openDingId": ding}
    assert (await client.last(CHAT))["recalled"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"robotCode": "other"}, "invalid.chatbotId"),
        ({"remindType": 4}, "invalidParameter.param.invalid"),
        ({"remindType": "1"}, "invalidParameter.param.invalid"),
        ({"content": ""}, "invalidParameter.param.invalid"),
        ({"receiverUserIdList": "user01"}, "invalidParameter.param.invalid"),
        ({"receiverUserIdList": []}, "miss.staffId"),
        ({"receiverUserIdList": ["nobody"]}, "miss.staffId"),
        ({"receiverUserIdList": ["u"] * 201}, "ding.receivercount.limit"),
        ({"remindType": 2}, "ding.serverquota.insufficient"),
        ({"remindType": 3, "callVoice": "x"}, "invalidParameter.param.invalid"),
    ],
)
async def test_wrong_dings_are_refused(client: Client, changes: dict[str, Any], code: str) -> None:
    assert (await send(client, **changes)).code == code
    assert await client.messages(CHAT) == []


async def test_calls_are_for_those_who_paid(client: Client) -> None:
    await client.set(paid_dings=True)
    call = {"remindType": 3, "callVoice": "Standard_Female_Voice"}
    assert (await send(client, **call)).status == 200
    assert (await send(client, **call, receiverUserIdList=["u"] * 21)).code == "ding.receivercount.limit"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"robotCode": "other", "openDingId": "d"}, "invalidParameter.param.invalid"),
        ({}, "invalidParameter.param.invalid"),
        ({"openDingId": "ding-of-nobody"}, "recall.ding.exception"),
    ],
)
async def test_wrong_recalls_are_refused(client: Client, changes: dict[str, str], code: str) -> None:
    assert (await recall(client, **changes)).code == code


async def test_a_message_is_no_ding(client: Client) -> None:
    key = (await client.group_send("sampleText", {"content": "x"})).body["processQueryKey"]
    assert (await recall(client, openDingId=key)).code == "recall.ding.exception"


async def test_dings_need_a_scope_of_their_own(client: Client) -> None:
    await client.control("scopes", {"app": KEY, "scopes": ["qyapi_robot_sendmsg"]})
    assert (await send(client)).status == 403
