"""Cards at the top of a group and in chats of two people, callback addresses, copies of templates."""

from datetime import timedelta
from typing import Any

import pytest

from tests.dingtalk_sandbox.conftest import NOW
from tests.dingtalk_sandbox.harness import BOTH, BUTTONS, GROUP, KEY, Answer, Client, card

COOL_APP, PRIVATE = "COOLAPP-1-0001", "cidPrivate=="
PIN = {
    "openSpaceId": f"dtv1.card//ONE_BOX.{GROUP}",
    "topOpenSpaceModel": {"spaceType": "ONE_BOX"},
    "topOpenDeliverModel": {"expiredTimeMillis": int((NOW + timedelta(hours=1)).timestamp() * 1000)},
}
SINGLE = {
    "openSpaceId": f"dtv1.card//IM_SINGLE.{PRIVATE}",
    "imSingleOpenSpaceModel": {"supportForward": True},
    "imSingleOpenDeliverModel": {},
}


@pytest.fixture
async def places(client: Client) -> Client:
    """A group and a chat of two people in which a cool app is installed."""
    two = {"members": ["user01", "user02"], "robots": [KEY], "cool_app": COOL_APP}
    chats = [{"id": GROUP, "title": "群"} | two, {"id": PRIVATE, "title": "两人", "private": True} | two]
    await client.control("scene", {"groups": chats})
    return client


async def deliver(client: Client, how: dict[str, Any], **changes: Any) -> Any:
    answer = await client.api(BOTH, card(**how | changes))
    return answer.body["result"]["deliverResults"][0]


async def close(client: Client, **query: str) -> Answer:
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return await client.api(f"/v1.0/card/tops/close?{text}")


async def test_a_card_is_pinned_until_it_is_closed(places: Client) -> None:
    row = await deliver(places, PIN)
    assert (row["success"], row["spaceType"], row["carrierId"]) == (True, "ONE_BOX", "")
    assert (await places.last())["content"]["pinned"] == {"platforms": []}
    for closed in (True, False):
        answer = await close(places, outTrackId="run-1", openConversationId=GROUP)
        assert answer.body == {"success": True, "result": closed}
    assert (await places.last())["recalled"]


async def test_a_pinned_card_is_gone_when_its_time_is_over(places: Client) -> None:
    await deliver(places, PIN)
    await places.later(3599)
    assert not (await places.last())["recalled"]
    await places.later(1)
    assert (await places.last())["recalled"]


async def test_a_pinned_card_may_be_for_some(places: Client) -> None:
    model = PIN["topOpenDeliverModel"] | {"userIds": ["user01"], "platforms": ["ios"]}  # type: ignore[operator]
    await deliver(places, PIN, topOpenDeliverModel=model)
    assert len(await places.messages(viewer="user01")) == 1
    assert await places.messages(viewer="user02") == []


async def test_ten_cards_are_pinned_at_most(places: Client) -> None:
    rows = [await deliver(places, PIN, outTrackId=str(number)) for number in range(11)]
    assert [row["success"] for row in rows] == [True] * 10 + [False]


async def test_a_group_without_a_template_or_a_cool_app_has_no_pins(client: Client) -> None:
    row = await deliver(client, PIN)
    assert row["errorMsg"] == "group template or cool app is not installed"


@pytest.mark.parametrize(
    "model",
    [
        {},
        {"expiredTimeMillis": "1"},
        {"expiredTimeMillis": 10**18},
        {"expiredTimeMillis": 1, "userIds": "user01"},
        {"expiredTimeMillis": 1, "platforms": ["linux"]},
    ],
)
async def test_a_wrong_pin_is_refused(places: Client, model: dict[str, Any]) -> None:
    answer = await places.api(BOTH, card(**PIN | {"topOpenDeliverModel": model}))
    assert answer.code == "param.openDeliverModelError"
    assert (await deliver(places, PIN))["success"]  # nothing was created before


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, "param.outTrackIdEmpty"),
        ({"outTrackId": "run-1"}, "param.empty"),
        ({"outTrackId": "run-1", "openConversationId": "cidX"}, "param.conversationIdInvalid"),
        ({"outTrackId": "x", "openConversationId": GROUP}, "param.cardNotExist"),
    ],
)
async def test_what_is_not_pinned_is_not_closed(client: Client, query: dict[str, str], code: str) -> None:
    assert (await close(client, **query)).code == code


async def test_a_card_goes_into_a_chat_of_two_people(places: Client) -> None:
    row = await deliver(places, SINGLE)
    assert (row["success"], row["spaceType"], bool(row["carrierId"])) == (True, "IM", True)
    assert (await places.last(PRIVATE))["outTrackId"] == "run-1"


async def test_a_group_is_no_chat_of_two_people(places: Client) -> None:
    row = await deliver(places, SINGLE, openSpaceId=f"dtv1.card//IM_SINGLE.{GROUP}")
    assert row["errorMsg"] == "openConversationId is invalid"


async def register(client: Client, **changes: Any) -> Answer:
    body = {"callbackRouteKey": "route", "callbackUrl": "https://bot.example/tap"} | changes
    return await client.api("/v1.0/card/callbacks/register", body)


async def test_a_callback_address_is_replaced_only_by_force(client: Client) -> None:
    given = {"callbackUrl": "https://bot.example/tap", "apiSecret": "s"}
    assert (await register(client, apiSecret="s")).body == {"success": True, "result": given}
    again = await register(client)
    assert (again.status, again.code) == (500, "param.callbackRouteKeyExist")
    assert (await register(client, forceUpdate=True)).status == 200


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"callbackRouteKey": ""}, "param.callbackRouteKeyEmpty"),
        ({"callbackUrl": None}, "param.callbackUrlEmpty"),
    ],
)
async def test_a_wrong_callback_address_is_refused(client: Client, changes: Any, code: str) -> None:
    assert (await register(client, **changes)).code == code


async def test_a_card_whose_route_is_not_registered_is_taken_with_a_warning(client: Client) -> None:
    http = {"callbackType": "HTTP", "callbackRouteKey": "route"}
    await client.api(BOTH, card(**http))
    await register(client)
    await client.api(BOTH, card(outTrackId="run-2", **http))
    first, second = await client.messages()
    assert first["wire"]["warnings"] == ["callbackRouteKey route is not registered"]
    assert "warnings" not in second["wire"]


SOURCE = {"dynamicDataSourceId": "d", "pullConfig": {"pullStrategy": "ONCE"}}


def source(**changes: Any) -> dict[str, Any]:
    return {"openDynamicDataConfig": {"dynamicDataSourceConfigs": [SOURCE | changes]}}


async def test_dynamic_data_is_registered_with_a_warning(client: Client) -> None:
    assert (await client.api(BOTH, card(**source()))).status == 200
    assert client.sandbox.state.cards["run-1"].data_sources == [SOURCE]
    warning = "dynamic data is registered, and the sandbox pulls none"
    assert (await client.last())["wire"]["warnings"] == [warning]


def interval(**changes: Any) -> dict[str, Any]:
    return {"pullConfig": {"pullStrategy": "INTERVAL", "interval": 3, "timeUnit": "SECONDS"} | changes}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"dynamicDataSourceId": ""}, "param.dynamicSourceIdEmpty"),
        ({"constParams": ["x"]}, "param.invalid"),
        ({"pullConfig": None}, "param.dynamicDataPullConfigEmpty"),
        ({"pullConfig": {"interval": 5}}, "param.dynamicDataSourcePullStrategyEmpty"),
        ({"pullConfig": {"pullStrategy": ["OFTEN"]}}, "param.invalid"),
        (interval(interval=2), "param.dynamicDataPullIntervalInvalid"),
        (interval(interval=None), "param.dynamicDataPullIntervalInvalid"),
        (interval(timeUnit="WEEKS"), "param.dynamicDataPullIntervalTimeUnitInvalid"),
    ],
)
async def test_wrong_dynamic_data_is_refused(client: Client, changes: dict[str, Any], code: str) -> None:
    assert (await client.api(BOTH, card(**source(**changes)))).code == code


async def test_dynamic_data_is_a_list(client: Client) -> None:
    answer = await client.api(BOTH, card(openDynamicDataConfig={}))
    assert answer.code == "param.dynamicDataMappingEmpty"
    assert (await client.api(BOTH, card(**source(**interval())))).status == 200


async def test_a_template_is_copied_by_apps_that_may(client: Client) -> None:
    path = "/v1.0/card/templates/copy"
    assert (await client.api(path, {"templateId": BUTTONS})).status == 403
    await client.control(
        "scopes", {"app": KEY, "scopes": ["Card.Template.ReadWrite.All", "Card.Instance.Write"]}
    )
    made = (await client.api(path, {"templateId": BUTTONS})).body["data"]["templateId"]
    assert made != BUTTONS
    assert (await client.api(BOTH, card(cardTemplateId=made))).status == 200
    assert (await client.last())["buttons"]
    assert (await client.api(path, {"templateId": "x"})).code == "template.not.exist"
