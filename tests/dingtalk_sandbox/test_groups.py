"""Groups of an organization: create, query, update, members."""

from dataclasses import replace
from typing import Any

import pytest

from tests.dingtalk_sandbox.harness import GROUP, KEY, Answer, Client

CHAT = "chatsandboxops"  # of GROUP
NEW = {"name": "巡检群", "owner": "user01", "useridlist": ["user02"]}
GET, UPDATE = "/chat/get", "/v1.0/im/group/update"
ADMINS = "/v1.0/im/subAdministrators"


async def create(client: Client, **changes: Any) -> Answer:
    return await client.api("/v1.0/im/group/create", NEW | changes)


async def query(client: Client, chat: str = CHAT) -> Any:
    answer = await client.call("GET", GET, params={"access_token": client.token, "chatid": chat})
    return answer.body.get("chat_info", answer.body["errcode"])


async def test_a_legacy_chat_id_is_converted(client: Client) -> None:
    path = "/v1.0/im/chat/{}/convertToOpenConversationId"
    assert (await client.api(path.format(CHAT))).body == {"openConversationId": GROUP}
    assert (await client.api(path.format("chatx"))).code == "invalideChatId"


async def test_a_new_group_takes_messages_of_a_robot_that_is_added(
    client: Client,
) -> None:
    made = (await create(client, extidlist=["union-outsider01"])).body
    assert made["conversationTag"] == 2
    info = await query(client, made["chatid"])
    assert (info["name"], info["owner"], info["useridlist"]) == ("巡检群", "user01", ["user01", "user02"])
    there = {"openConversationId": made["openConversationId"]}
    assert (await client.group_send("sampleText", {"content": "x"}, **there)).status == 400
    await client.control("robots", {"group": made["openConversationId"], "robot": KEY, "action": "add"})
    assert (await client.group_send("sampleText", {"content": "x"}, **there)).status == 200


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": ""}, "parameter.invalid"),
        ({"name": "x" * 21}, "parameter.invalid"),
        ({"owner": "outsider01"}, "parameter.invalid"),
        ({"useridlist": []}, "parameter.invalid"),
        ({"useridlist": ["nobody"]}, "parameter.invalid"),
        ({"useridlist": "user02"}, "parameter.invalid"),
        ({"icon": "@x"}, "parameter.invalid"),
        ({"managementOptions": {"searchable": 2}}, "parameter.invalid"),
        ({"managementOptions": []}, "parameter.invalid"),
        ({"conversationTag": 0}, "permession.checkFailed"),
    ],
)
async def test_a_wrong_group_is_refused(client: Client, changes: dict[str, Any], code: str) -> None:
    assert (await create(client, **changes)).code == code


async def test_a_group_changes(client: Client) -> None:
    icon = (await client.upload("a.png", b"x", "image")).body["media_id"]
    body = {
        "chatid": CHAT, "name": "新名", "owner": "user02", "del_useridlist": ["user01"], "icon": icon,
        "managementOptions": {"chatBannedType": 1},
    }  # fmt: skip
    assert (await client.api(UPDATE, body)).body == {"success": True}
    info = await query(client)
    assert (info["name"], info["owner"], info["icon"], info["chatBannedType"]) == ("新名", "user02", icon, 1)
    assert "user01" not in info["useridlist"]
    await client.api(UPDATE, {"chatid": CHAT, "add_useridlist": ["user01"]})
    assert "user01" in (await query(client))["useridlist"]


@pytest.mark.parametrize(
    "changes",
    [
        {"chatid": "chatx"},
        {"name": "x" * 21},
        {"owner": "nobody"},
        {"owner": "user01", "del_useridlist": ["user01"]},
        {"add_useridlist": ["nobody"]},
        {"managementOptions": {"searchable": "1"}},
    ],
)
async def test_a_wrong_change_is_refused(client: Client, changes: dict[str, Any]) -> None:
    assert (await client.api(UPDATE, {"chatid": CHAT} | changes)).code == "parameter.invalid"


async def test_a_query_without_a_chat_has_a_code_of_its_own(client: Client) -> None:
    assert await query(client, "") == 49000
    assert await query(client, "chatx") == 40016


async def test_administrators_come_and_go(client: Client) -> None:
    body = {"openConversationId": GROUP, "userIds": ["user01"]}
    for role, admins in ((2, ("user01",)), (3, ())):
        assert (await client.api(ADMINS, body | {"role": role})).body == {"success": "true"}
        assert client.sandbox.state.scenario.groups[0].admins == admins


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"openConversationId": "cidX"}, "invalidParameter.openConversationId.invalid"),
        ({"role": 1}, "invalidParamter.role"),
        ({"userIds": []}, "invalid.staffid"),
        ({"userIds": ["nobody"]}, "staff.not.found"),
    ],
)
async def test_wrong_administrators_are_refused(client: Client, changes: dict[str, Any], code: str) -> None:
    body = {"openConversationId": GROUP, "userIds": ["user01"], "role": 2} | changes
    assert (await client.api(ADMINS, body)).code == code


async def test_a_disbanded_group_takes_nothing(client: Client) -> None:
    state = client.sandbox.state
    state.scenario = replace(
        state.scenario, groups=tuple(replace(group, disbanded=True) for group in state.scenario.groups)
    )
    assert (await client.group_send("sampleText", {"content": "x"})).code == "group.disbanded"
    body = {"openConversationId": GROUP, "userIds": ["user01"], "role": 2}
    assert (await client.api(ADMINS, body)).code == "group.diaband"
    assert (await query(client))["status"] == 2


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("updategroupnick", {"userid": "user01", "group_nick": "小李"}, 0),
        ("updategroupnick", {"userid": "user01"}, 400002),
        ("updategroupnick", {"userid": "nobody", "group_nick": "x"}, 40003),
        ("updategroupnick", {"chatid": "x"}, 34001),
        ("member/friendswitch/update", {"is_prohibit": True}, 0),
        ("member/friendswitch/update", {"is_prohibit": "false"}, 0),
        ("member/friendswitch/update", {}, 40036),
        ("member/friendswitch/update", {"is_prohibit": True, "chatid": "x"}, 34001),
        ("qrcode/get", {"userid": "user01"}, 0),
        ("qrcode/get", {"userid": "nobody"}, 40003),
    ],
)
async def test_calls_of_the_old_api_have_the_codes_of_their_page(
    client: Client, path: str, body: dict[str, Any], code: int
) -> None:
    answer = await client.oapi(f"/topapi/chat/{path}", {"chatid": CHAT} | body)
    assert (answer.code, answer.body.get("success")) == (code, None if code else True)


async def test_who_is_not_in_the_group_has_no_link_to_it(client: Client) -> None:
    await client.api(UPDATE, {"chatid": CHAT, "del_useridlist": ["user02"]})
    assert (await client.oapi("/topapi/chat/qrcode/get", {"chatid": CHAT, "userid": "user02"})).code == 60124
