"""The list of the organization's apps."""

from tests.dingtalk_sandbox.harness import KEY, Client


async def test_the_apps_of_the_scene_are_listed(client: Client) -> None:
    (app,) = (await client.api("/v1.0/microApp/allInnerApps", method="GET")).body["appList"]
    assert (app["agentId"], app["appStatus"]) == (3001, 1)
    assert app["robotInfo"] == {"name": "DingRun", "robotCode": KEY}


async def test_the_old_api_lists_the_same_apps(client: Client) -> None:
    answer = (await client.oapi("/microapp/list")).body
    assert (answer["errcode"], answer["appList"][0]["agentId"]) == (0, 3001)


async def test_the_list_needs_its_scope(client: Client) -> None:
    await client.control("scopes", {"app": KEY, "scopes": ["qyapi_base"]})
    assert (await client.api("/v1.0/microApp/allInnerApps", method="GET")).status == 403
