"""Groups made from a template."""

from typing import Any

import pytest

from tests.dingtalk_sandbox.harness import GROUP, KEY, Answer, Client

TEMPLATE = "sandbox-group-template"
NEW = {"title": "项目组", "template_id": TEMPLATE, "owner_user_id": "user01", "user_ids": ["user02"]}
OTHER = {
    "group_templates": [{"id": TEMPLATE, "robots": [KEY]}, {"id": "other", "app": "dingother"}],
    "groups": [
        {"id": GROUP, "title": "群", "members": ["user01"], "robots": [KEY], "cool_app": "COOL-1"},
        {"id": "cidOther==", "title": "别人的", "members": ["user01"], "robots": [], "template": "other"},
        {"id": "cidForeign==", "title": "外", "members": ["user01"], "robots": [], "foreign": True},
    ],
}


async def im(client: Client, path: str, /, *method: str, **body: Any) -> Answer:
    return await client.api(f"/v1.0/im/{path}", body, *method)


async def create(client: Client, **changes: Any) -> str:
    answer = await client.api("/v1.0/im/sceneGroup/create", NEW | changes)
    return str(answer.body.get("open_conversation_id", answer.code))


async def test_a_scene_group_has_the_robots_of_its_template(client: Client) -> None:
    group = await create(client)
    assert (await client.group_send("sampleText", {"content": "x"}, openConversationId=group)).status == 200


async def test_a_uuid_makes_one_group(client: Client) -> None:
    assert await create(client, uuid="1") == await create(client, uuid="1")
    assert await create(client, uuid="1") != await create(client, uuid="2")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"title": "x" * 31}, "parameter.invalid"),
        ({"template_id": "x"}, "groupTemplate.notFound"),
        ({"template_id": "other"}, "groupTemplate.permessionDenied.orgNotConsistent"),
        ({"owner_user_id": "nobody"}, "member.notFound"),
        ({"user_ids": ["nobody"]}, "parameter.invalid"),
        ({"subadmin_ids": "user02"}, "parameter.invalid"),
        ({"management_options": {"searchable": 5}}, "parameter.invalid"),
    ],
)
async def test_a_wrong_scene_group_is_refused(client: Client, changes: dict[str, Any], code: str) -> None:
    await client.control("scene", OTHER)
    assert await create(client, **changes) == code


async def test_a_scene_group_is_changed_and_queried(client: Client) -> None:
    id_ = await create(client, subadmin_ids=["user02"])
    changes = {"title": "新名", "owner_union_id": "union-user02", "management_options": {"searchable": 1}}
    assert (await im(client, "sceneGroup/update", open_conversation_id=id_, **changes)).body == {
        "success": True
    }
    brief = (await im(client, "sceneGroups/query", openConversationId=id_)).body
    assert (brief["title"], brief["ownerUserId"], brief["templateId"]) == ("新名", "user02", TEMPLATE)
    answer = await client.oapi("/topapi/im/chat/scenegroup/get", {"open_conversation_id": id_})
    result = answer.body["result"]
    assert (result["management_options"]["searchable"], result["sub_admin_staff_ids"]) == ("1", ["user02"])


async def test_a_disbanded_scene_group_says_so(client: Client) -> None:
    id_ = await create(client)
    assert (await im(client, "chat/scenegroup/disband", openConversationId=id_)).body == {"success": True}
    assert (await im(client, "sceneGroups/query", openConversationId=id_)).body["status"] == 2
    assert (await im(client, "chat/scenegroup/disband", openConversationId=id_)).code == "paramIllegal"


async def members(client: Client, id_: str, **more: Any) -> Any:
    body = {"openConversationId": id_, "maxResults": 20} | more
    return (await im(client, "sceneGroups/members/batchQuery", **body)).body


async def test_members_come_and_go(client: Client) -> None:
    id_ = await create(client)
    who = {"open_conversation_id": id_, "user_ids": ["manager01"], "union_ids": ["union-outsider01"]}
    assert (await im(client, "sceneGroup/member/add", **who)).body == {"success": True}
    found = await members(client, id_)
    assert found["memberUserIds"] == ["user01", "user02", "manager01"]
    assert (found["unionIdList"], found["staffIdNickMap"]["user01"]) == (["union-outsider01"], "李雷")
    assert (await im(client, "sceneGroup/member/delete", **who)).body == {"success": True}
    assert (await members(client, id_))["memberUserIds"] == ["user01", "user02"]


@pytest.mark.parametrize(
    ("group", "more", "code"),
    [
        ("", {}, "paramBlank"),
        (GROUP, {"maxResults": 0}, "groupPermissionDenied"),
        ("cidX", {}, "cidEncryptError"),
        ("cidOther==", {}, "groupTemplatePermissionDenied"),
        (GROUP, {"coolAppCode": "COOL-2"}, "coolAppUnexist"),
        ("cidOther==", {"coolAppCode": "COOL-1"}, "coolAppUninstalled"),
        (GROUP, {"coolAppCode": "COOL-1", "maxResults": 0}, "paramBlank"),
        (GROUP, {"coolAppCode": "COOL-1", "maxResults": "x"}, "paramIllegal"),
    ],
)
async def test_members_of_other_groups_are_not_told(
    client: Client, group: str, more: dict[str, Any], code: str
) -> None:
    await client.control("scene", OTHER)
    assert (await members(client, group, **more))["code"] == code


async def test_a_group_with_a_cool_app_is_queried_by_its_code(client: Client) -> None:
    await client.control("scene", OTHER)
    assert (await members(client, GROUP, coolAppCode="COOL-1"))["memberUserIds"] == ["user01"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"openConversationId": "cidX"}, "invalidOpenConversationId"),
        ({"openConversationId": GROUP}, "groupPermissionDenied"),
        ({"role": 4}, "invalidParams"),
        ({"userIds": ["u"] * 13}, "subAdminNumberExcessive"),
        ({"userIds": ["nobody"]}, "userNotExists"),
        ({"userIds": []}, "invalidUserIds"),
        ({"userIds": ["manager01"]}, "userNotInGroup"),
        ({}, None),
    ],
)
async def test_administrators_have_the_codes_of_their_page(
    client: Client, changes: dict[str, Any], code: str | None
) -> None:
    body = {"openConversationId": await create(client), "userIds": ["user02"], "role": 2} | changes
    assert (await im(client, "sceneGroups/subAdmins", "PUT", **body)).code == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"groupNick": ""}, "paramBlank"),
        ({"openConversationId": "cidX"}, "openConversationIdDecriptFailed"),
        ({"openConversationId": GROUP}, "groupPermissionDenied"),
        ({"groupNick": "x" * 31}, "paramIllegal"),
        ({"userId": "nobody"}, "invalidUserId"),
        ({"userId": "manager01"}, "userNotInGroup"),
        ({}, None),
    ],
)
async def test_names_have_the_codes_of_their_page(
    client: Client, changes: dict[str, Any], code: str | None
) -> None:
    body = {"openConversationId": await create(client), "userId": "user02", "groupNick": "梅"} | changes
    assert (await im(client, "sceneGroups/members/groupNicks", "PUT", **body)).code == code


async def mute(client: Client, id_: str, **changes: Any) -> Answer:
    body = {"openConversationId": id_, "userIdList": ["user02"], "muteStatus": 1, "muteDuration": 60_000}
    return await im(client, "sceneGroups/muteMembers/set", **body | changes)


async def muted(client: Client, id_: str) -> Any:
    path = f"sceneGroups/muteSettings?userId=user02&openConversationId={id_}"
    return (await im(client, path, "GET")).body["userMuteResult"]


async def test_a_member_is_muted_for_a_time(client: Client) -> None:
    id_ = await create(client)
    assert (await mute(client, id_)).body == {}
    told = await muted(client, id_)
    assert (told["userMuteMode"], told["muteEndTime"] - told["muteStartTime"]) == (True, 60_000)
    await client.later(60)
    assert await muted(client, id_) == {"userMuteMode": False}


async def test_a_mute_is_ended(client: Client) -> None:
    id_ = await create(client)
    await mute(client, id_)
    await mute(client, id_, muteStatus=0)
    assert await muted(client, id_) == {"userMuteMode": False}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"openConversationId": "cidX"}, "invalidParameter.openConversationIdError"),
        ({"muteStatus": 2}, "invalidParameter.muteStatusError"),
        ({"muteDuration": None}, "invalidParameter.muteStatusError"),
        ({"userIdList": []}, "invalidParameter.userIdList"),
        ({"userIdList": ["nobody"]}, "cannot.find.user"),
        ({"userIdList": ["user01"]}, "cannot.ban.owner"),
    ],
)
async def test_wrong_mutes_are_refused(client: Client, changes: dict[str, Any], code: str) -> None:
    assert (await mute(client, await create(client), **changes)).code == code


async def test_a_template_is_enabled_and_disabled(client: Client) -> None:
    await client.control("scene", OTHER)
    body = {"owner_user_id": "user01", "template_id": TEMPLATE, "open_conversation_id": "cidForeign=="}
    for verb, robots in (("apply", (KEY,)), ("close", ())):
        assert (await client.oapi(f"/topapi/im/chat/scenegroup/template/{verb}", body)).code == 0
        group = client.sandbox.state.scenario.group("cidForeign==")
        assert group is not None
        assert group.robots == robots
    again = await client.oapi("/topapi/im/chat/scenegroup/template/close", body)
    assert again.code == 665036


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"template_id": "x"}, 665036),
        ({"open_conversation_id": "cidX"}, 660023),
        ({"owner_user_id": "user02"}, 500),
    ],
)
async def test_a_wrong_template_has_the_code_of_its_page(
    client: Client, changes: dict[str, str], code: int
) -> None:
    body = {"owner_user_id": "manager01", "template_id": TEMPLATE, "open_conversation_id": GROUP} | changes
    assert (await client.oapi("/topapi/im/chat/scenegroup/template/apply", body)).code == code


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "invalidParam.openConversationIdEmpry"),
        (f"openConversationId={GROUP}", "invalidParam.robotCodeEmpry"),
        (f"openConversationId=cidX&robotCode={KEY}", "not.found"),
        (f"openConversationId=cidForeign==&robotCode={KEY}", "unauthorized"),
        (f"openConversationId={GROUP}&robotCode={KEY}", "unavailable"),
        (f"openConversationId=cidOther==&robotCode={KEY}", "auth.failed"),
    ],
)
async def test_robots_of_other_groups_are_not_told(client: Client, query: str, code: str) -> None:
    await client.control("scene", OTHER)
    assert (await im(client, f"sceneGroups/templates/robots?{query}", "GET")).code == code


async def test_a_robot_of_a_template_has_a_user_id(client: Client) -> None:
    there = f"openConversationId={await create(client)}"
    path = f"sceneGroups/templates/robots?{there}&robotCode="
    assert (await im(client, path + KEY, "GET")).body["result"] == {"userId": f"robot-{KEY}"}
    assert (await im(client, path + "other", "GET")).code == "robotNotFound"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("", "invalidParam.openConversationIdEmpry"),
        ("?openConversationId=cidX", "invalidParam.openConversationIdDecryptFailed"),
        ("?openConversationId=cidForeign==", "group.org.checkFailed"),
    ],
)
async def test_mutes_of_other_groups_are_not_told(client: Client, path: str, code: str) -> None:
    await client.control("scene", OTHER)
    assert (await im(client, f"sceneGroups/muteSettings{path}", "GET")).code == code
