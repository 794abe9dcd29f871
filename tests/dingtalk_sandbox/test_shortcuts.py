"""Shortcuts of the one-to-one chat with a robot."""

import pytest

from tests.dingtalk_sandbox.harness import KEY, Answer, Client

NAME = '{"zh_CN": "状态", "en_US": "Status"}'


async def call(client: Client, verb: str, *entries: object) -> Answer:
    body = {"robotCode": KEY} | ({"pluginInfoList": entries} if entries else {})
    return await client.api(f"/v1.0/robot/plugins/{verb}", body)


async def icon(client: Client) -> str:
    return str((await client.upload("a.png", b"png", "image")).body["media_id"])


async def test_what_is_set_is_returned_until_it_is_cleared(client: Client) -> None:
    entry = {"name": NAME, "icon": await icon(client), "pcUrl": "https://a.cn", "mobileUrl": "https://b.cn"}
    for _ in range(2):
        assert (await call(client, "set", entry)).body == {"result": True}
    assert (await call(client, "query")).body == {"pluginInfoList": [entry] * 2}
    await call(client, "clear")
    assert (await call(client, "query")).body == {"pluginInfoList": []}


async def test_the_robot_of_the_app_is_meant_if_none_is_named(client: Client) -> None:
    entry = {"name": NAME, "icon": await icon(client)}
    await client.api("/v1.0/robot/plugins/set", {"pluginInfoList": [entry]})
    assert (await call(client, "query")).body == {"pluginInfoList": [entry]}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "param.illegal"),
        ({"robotCode": "other"}, "invalidRequest.robotCodeNotMatch"),
    ],
)
async def test_a_wrong_robot_has_no_shortcuts(client: Client, body: dict[str, str], code: str) -> None:
    for verb in ("query", "clear"):
        assert (await client.api(f"/v1.0/robot/plugins/{verb}", body)).code == code


@pytest.mark.parametrize("name", ["{", "{}", '{"zh_CN": 5}'])
async def test_a_name_by_language_is_json(client: Client, name: str) -> None:
    answer = await call(client, "set", {"name": name, "icon": await icon(client)})
    assert answer.code == "invalidRequest.jsonFormatErroj"


@pytest.mark.parametrize(
    "entry",
    [5, {"name": NAME}, {"name": NAME, "icon": "@unknown"}, {"name": NAME, "icon": 5}, {"icon": "@a"}],
)
async def test_a_wrong_shortcut_is_refused(client: Client, entry: object) -> None:
    assert (await call(client, "set", entry)).code == "param.illegal"


async def test_a_name_is_required(client: Client) -> None:
    assert (await call(client, "set", {"icon": await icon(client)})).code == "param.illegal"


async def test_shortcuts_need_a_scope_of_their_own(client: Client) -> None:
    await client.control("scopes", {"app": KEY, "scopes": ["qyapi_robot_sendmsg"]})
    assert (await call(client, "query")).status == 403
