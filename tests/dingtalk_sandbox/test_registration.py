"""Apps that are created by scanning a QR code (CLI/0011)."""

import re
from typing import Any

import pytest

from tests.dingtalk_sandbox.harness import GROUP, SAY_HI, Client


async def call(client: Client, step: str, **body: Any) -> Any:
    return (await client.post(f"/app/registration/{step}", body)).body


async def begin(client: Client, **body: Any) -> Any:
    return await call(client, "begin", nonce=(await call(client, "init", **body))["nonce"])


async def confirm(client: Client, begun: Any, **more: Any) -> Any:
    body = {"user_code": begun["user_code"], "action": "confirm", "user": "manager01"}
    return await client.control("registration", body | more)


async def registered(client: Client, **more: Any) -> Any:
    """Create an app. Returns what the poll answers."""
    begun = await begin(client)
    await confirm(client, begun, **more)
    return await call(client, "poll", device_code=begun["device_code"])


async def test_a_confirmed_registration_gives_the_keys_of_a_new_app(client: Client) -> None:
    begun = await begin(client)
    assert re.fullmatch(r"(\w{4}-){2}\w{4}", begun["user_code"])
    assert (begun["expires_in"], begun["interval"]) == (7200, 5)
    assert (await call(client, "poll", device_code=begun["device_code"]))["status"] == "WAITING"
    await confirm(client, begun, robot_name="Mine")
    done = await call(client, "poll", device_code=begun["device_code"])
    assert done["status"] == "SUCCESS"
    keys = {"appKey": done["client_id"], "appSecret": done["client_secret"]}
    assert (await client.post("/v1.0/oauth2/accessToken", keys)).status == 200


async def test_the_page_of_a_registration_names_its_code(client: Client) -> None:
    begun = await begin(client, source="dingrun")
    base = f"{client.sandbox.url}/registration"
    assert begun["verification_uri"] == f"{base}?source=dingrun"
    assert begun["verification_uri_complete"] == f"{base}?user_code={begun['user_code']}&source=dingrun"
    async with client.http.get(begun["verification_uri_complete"]) as page:
        assert "registration.js" in await page.text()


async def test_a_nonce_begins_one_registration_within_five_minutes(client: Client) -> None:
    used, late = [(await call(client, "init"))["nonce"] for _ in range(2)]
    assert (await call(client, "begin", nonce=used))["errcode"] == 0
    assert (await call(client, "begin", nonce=used))["errcode"] == 40035
    await client.later(300)
    assert (await call(client, "begin", nonce=late))["errcode"] == 40035


async def test_a_refusal_is_told_with_its_reason(client: Client) -> None:
    begun = await begin(client)
    await client.control("registration", {"user_code": begun["user_code"], "action": "refuse"})
    told = await call(client, "poll", device_code=begun["device_code"])
    assert (told["status"], told["fail_reason"]) == ("FAIL", "用户拒绝授权")


async def test_a_registration_that_nobody_confirms_expires(client: Client) -> None:
    begun = await begin(client)
    await client.later(7200)
    assert (await call(client, "poll", device_code=begun["device_code"]))["status"] == "EXPIRED"
    body = {"user_code": begun["user_code"], "action": "confirm", "user": "manager01"}
    assert "not waiting" in (await client.post("/_sandbox/registration", body)).body["error"]


@pytest.mark.parametrize(
    ("step", "body"),
    [
        ("init", {"source": 1}),
        ("begin", {}),
        ("begin", {"nonce": ["x"]}),
        ("poll", {"device_code": "guess"}),
        ("poll", {}),
    ],
)
async def test_wrong_arguments_are_refused(client: Client, step: str, body: Any) -> None:
    assert (await call(client, step, **body))["errcode"] == 40035


async def test_only_colleagues_confirm(client: Client) -> None:
    begun = await begin(client)
    for user in ("outsider01", "nobody"):
        body = {"user_code": begun["user_code"], "action": "confirm", "user": user}
        assert (await client.post("/_sandbox/registration", body)).status == 400


async def test_the_robot_of_the_new_app_works_in_a_group_once_it_is_added(client: Client) -> None:
    keys = await registered(client, robot_name="新机器人")
    open_as = {"clientId": keys["client_id"], "clientSecret": keys["client_secret"]}
    async with client.listen(**open_as) as listener:
        assert (await client.say("@新机器人 帮助"))["delivered"] is False
        added = await client.control("robots", {"group": GROUP, "robot": keys["client_id"], "action": "add"})
        assert added["robots"][-1] == keys["client_id"]
        assert (await client.say("@新机器人 帮助"))["delivered"] is True
        heard = await listener.said()
    assert (heard["robotCode"], heard["text"]["content"].strip()) == (keys["client_id"], "帮助")
    async with client.http.post(heard["sessionWebhook"], json=SAY_HI) as answer:
        assert (await answer.json())["errcode"] == 0
    await client.control("robots", {"group": GROUP, "robot": keys["client_id"], "action": "remove"})
    assert (await client.say("@新机器人 帮助"))["delivered"] is False


async def test_the_new_app_has_the_scopes_of_cards_and_messages(client: Client) -> None:
    key = (await registered(client))["client_id"]
    scene = (await client.call("GET", "/_sandbox/scene")).body
    app = next(each for each in scene["apps"] if each["key"] == key)
    assert app["robotName"] == "OpenClaw"
    assert {"Card.Instance.Write", "qyapi_robot_sendmsg"} <= set(app["scopes"])


async def test_no_secret_of_a_registration_is_shown(client: Client) -> None:
    begun = await begin(client)
    await confirm(client, begun)
    keys = await call(client, "poll", device_code=begun["device_code"])
    shown = str([
        (await client.call("GET", f"/_sandbox/{path}")).body for path in ("registrations", "calls", "scene")
    ])
    assert begun["user_code"] in shown
    assert begun["device_code"] not in shown
    assert keys["client_secret"] not in shown


async def test_faults_and_reset_reach_registrations(client: Client) -> None:
    await client.control("faults", [{"match": "registration/init", "kind": "error", "code": 88, "times": 1}])
    assert (await call(client, "init"))["errcode"] == 88
    key = (await registered(client))["client_id"]
    await client.control("reset")
    assert (await client.call("GET", "/_sandbox/registrations")).body == []
    assert client.sandbox.state.scenario.app(key) is None


async def test_registering_costs_no_call(client: Client) -> None:
    await registered(client)
    buckets = (await client.counters())["buckets"]
    assert set(buckets.values()) == {0}


@pytest.mark.parametrize(
    ("call_name", "body"),
    [
        ("registration", {"user_code": "x", "action": "confirm"}),
        ("registration", {"user_code": "x", "action": "refuse"}),
        ("registration", []),
        ("robots", {"group": GROUP, "robot": "nobody", "action": "add"}),
        ("robots", {"group": "nowhere", "robot": "x", "action": "add"}),
        ("robots", {"group": GROUP}),
    ],
)
async def test_a_wrong_control_call_says_what_is_accepted(client: Client, call_name: str, body: Any) -> None:
    answer = await client.post(f"/_sandbox/{call_name}", body)
    assert answer.status == 400
    assert answer.body["error"]


@pytest.mark.parametrize(("method", "path"), [("POST", "/_sandbox/registration"), ("GET", "/registration")])
async def test_neither_page_nor_decision_is_for_other_websites(
    client: Client, method: str, path: str
) -> None:
    answer = await client.call(method, path, headers={"Origin": "https://evil.example"})
    assert answer.status == 403


async def test_of_two_robots_with_one_name_the_connected_one_hears(client: Client) -> None:
    keys = await registered(client, robot_name="DingRun")
    await client.control("robots", {"group": GROUP, "robot": keys["client_id"], "action": "add"})
    async with client.listen(clientId=keys["client_id"], clientSecret=keys["client_secret"]) as listener:
        assert (await client.say("@DingRun 帮助"))["delivered"] is True
        assert (await listener.said())["robotCode"] == keys["client_id"]
