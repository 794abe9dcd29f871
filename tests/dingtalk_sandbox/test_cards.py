"""Interactive cards: create, deliver, update, tap."""

from dataclasses import replace
from typing import Any

import pytest

from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.templates.registered import Template
from tests.dingtalk_sandbox.harness import (
    BOTH,
    BY_KEY,
    CREATE,
    DELIVER,
    GROUP,
    KEY,
    ROBOT,
    Client,
    card,
    variables,
)


async def test_a_card_appears_with_its_variables_and_buttons(client: Client) -> None:
    answer = await client.api(BOTH, card())
    row = answer.body["result"]["deliverResults"][0]
    assert (answer.status, row["success"], row["spaceId"]) == (200, True, GROUP)
    shown = await client.last()
    assert (shown["kind"], shown["outTrackId"], shown["variables"]["title"]) == ("card", "run-1", "Nightly")
    assert shown["buttons"] == [
        {"id": "rerun", "text": "Rerun", "color": "blue", "request": True, "params": {}}
    ]
    assert (shown["wire"]["limit"], shown["wire"]["bucket"]) == (102_400, "api")


async def test_a_second_create_is_refused_and_shows_no_second_bubble(client: Client) -> None:
    await client.api(BOTH, card())
    answer = await client.api(BOTH, card(cardData=variables(title="other")))
    assert (answer.status, answer.code) == (400, "param.cardAlreadyExist")
    assert [m["variables"]["title"] for m in await client.messages()] == ["Nightly"]


async def test_a_second_create_can_be_ignored_instead(client: Client) -> None:
    await client.set(repeated_card="ignore")
    first = await client.api(BOTH, card())
    second = await client.api(BOTH, card(cardData=variables(title="other")))
    assert second.body == first.body
    assert [m["variables"]["title"] for m in await client.messages()] == ["Nightly"]


async def test_create_then_deliver(client: Client) -> None:
    assert (await client.api(CREATE, card())).body == {"success": True, "result": "run-1"}
    assert await client.messages() == []
    for _ in range(2):
        answer = await client.api(DELIVER, card())
        assert [row["success"] for row in answer.body["result"]] == [True]
    assert len(await client.messages()) == 1


async def test_a_card_goes_to_one_person(client: Client) -> None:
    answer = await client.api(BOTH, card(**ROBOT))
    assert answer.body["result"]["deliverResults"][0]["spaceType"] == "IM_ROBOT"
    assert (await client.last("cidSandboxOto-user01=="))["outTrackId"] == "run-1"


async def test_union_ids_are_taken_when_the_card_says_so(client: Client) -> None:
    body = card(**ROBOT, userIdType=2) | {"openSpaceId": "dtv1.card//IM_ROBOT.union-user01"}
    assert (await client.api(BOTH, body)).body["result"]["deliverResults"][0]["success"]
    async with client.listen() as bot:
        tap = await client.later_tap()
        assert (await bot.said())["userId"] == "union-user01"
        await tap


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"openSpaceId": "dtv1.card//IM_GROUP.cidX"}, "openConversationId is invalid"),
        ({"imGroupOpenDeliverModel": {"robotCode": "other"}}, "robotCode is invalid"),
        (ROBOT | {"openSpaceId": "dtv1.card//IM_ROBOT.nobody"}, "userId is invalid"),
        (ROBOT | {"openSpaceId": "dtv1.card//IM_ROBOT.outsider01"}, "userId is invalid"),
    ],
)
async def test_a_failed_delivery_hides_in_a_200(client: Client, changes: dict[str, Any], why: str) -> None:
    answer = await client.api(BOTH, card(**changes))
    row = answer.body["result"]["deliverResults"][0]
    assert (answer.status, answer.body["success"], row["success"], row["errorMsg"]) == (200, True, False, why)


async def test_each_space_has_its_own_result(client: Client) -> None:
    both = card(**ROBOT) | {"openSpaceId": f"dtv1.card//IM_GROUP.{GROUP};dtv1.card//IM_ROBOT.nobody"}
    rows = (await client.api(BOTH, both)).body["result"]["deliverResults"]
    assert [(row["spaceType"], row["success"]) for row in rows] == [("IM_GROUP", True), ("IM_ROBOT", False)]


async def test_a_space_model_has_to_be_there_before_delivery(client: Client) -> None:
    await client.api(CREATE, card())
    way = {"outTrackId": "run-1"} | ROBOT
    assert (await client.api(DELIVER, way)).body["result"][0]["errorMsg"] == "spaceModel is empty"
    spaces = {"outTrackId": "run-1", "imRobotOpenSpaceModel": {"supportForward": True}}
    assert (await client.api(f"{CREATE}/spaces", spaces, "PUT")).body["success"]
    assert (await client.api(DELIVER, way)).body["result"][0]["success"]


async def test_only_recipients_see_the_card(client: Client) -> None:
    await client.api(BOTH, card(imGroupOpenDeliverModel={"robotCode": KEY, "recipients": ["user01"]}))
    assert len(await client.messages(viewer="user01")) == 1
    assert await client.messages(viewer="user02") == []


WRONG_OUTSIDE: list[dict[str, Any]] = [
    {"notification": "失败"},
    {"notification": {"alertContent": ["失败"]}},
    {"notification": {"notificationOff": "true"}},
    {"searchSupport": []},
    {"searchSupport": {"searchTypeName": "执行结果"}},
    {"searchSupport": {"searchTypeName": {"zh_CN": "执行结果"}}},
]

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"outTrackId": ""}, "param.outTrackIdEmpty"),
    ({"outTrackId": "x" * 101}, "param.invalid"),
    ({"outTrackId": 5}, "param.invalid"),
    ({"cardTemplateId": None}, "param.cardTemplateIdEmpty"),
    ({"cardTemplateId": "x.schema"}, "param.templateNotExist"),
    ({"cardTemplateId": {"a": 1}}, "param.templateNotExist"),
    ({"cardData": None}, "param.cardPublicDataEmpty"),
    ({"cardData": variables(n=1)}, "MissingStringValue"),
    ({"cardData": variables(n=True)}, "MissingStringValue"),
    ({"cardData": variables(n={"a": "b"})}, "MissingStringValue"),
    ({"cardData": {"cardParamMap": []}}, "param.invalid"),
    ({"cardData": variables(**{"k" * 101: "v"})}, "param.invalid"),
    ({"cardData": variables(a="x" * 102_400)}, "param.invalid"),
    ({"openSpaceId": ""}, "param.openSpaceIdEmpty"),
    ({"openSpaceId": "cidX"}, "param.openSpaceIdInvalid"),
    ({"openSpaceId": ["x"]}, "param.openSpaceIdInvalid"),
    ({"imGroupOpenSpaceModel": None}, "param.openSpaceModelInvalid"),
    ({"imGroupOpenSpaceModel": {}}, "param.openSpaceModelInvalid"),
    ({"imGroupOpenSpaceModel": {"supportForward": "yes"}}, "param.openSpaceModelInvalid"),
    *[
        ({"imGroupOpenSpaceModel": {"supportForward": True} | wrong}, "param.openSpaceModelInvalid")
        for wrong in WRONG_OUTSIDE
    ],
    (ROBOT | {"imRobotOpenSpaceModel": {}}, "param.openSpaceModelInvalid"),
    ({"topOpenSpaceModel": {}}, "param.openSpaceModelInvalid"),
    ({"userId": "nobody"}, "param.userIdNotExist"),
    ({"imGroupOpenDeliverModel": None}, "param.openDeliverModelEmpty"),
    ({"imGroupOpenDeliverModel": []}, "param.openDeliverModelError"),
    ({"imGroupOpenDeliverModel": {}}, "param.openDeliverModelError"),
    (ROBOT | {"imRobotOpenDeliverModel": {"spaceType": "IM_GROUP"}}, "param.openDeliverModelError"),
    ({"callbackType": "stream"}, "param.invalid"),
    ({"callbackType": "HTTP"}, "param.invalid"),
    ({"callbackType": ["STREAM"]}, "param.invalid"),
    ({"userIdType": 3}, "param.invalid"),
    ({"userIdType": "1"}, "param.invalid"),
    ({"privateData": []}, "param.invalid"),
    ({"privateData": {"nobody": variables(a="b")}}, "param.userIdNotExist"),
    ({"privateData": {"user01": variables(a=1)}}, "MissingStringValue"),
]


@pytest.mark.parametrize(("changes", "code"), WRONG)
async def test_wrong_cards_are_refused(client: Client, changes: dict[str, Any], code: str) -> None:
    answer = await client.api(BOTH, card(**changes))
    assert (answer.status, answer.code) == (400, code)
    assert await client.messages() == []


async def test_a_value_limit_can_be_held_to(client: Client) -> None:
    await client.set(card_value_limit=1024)
    assert (await client.api(BOTH, card(cardData=variables(a="x" * 1025)))).code == "param.invalid"
    assert (await client.api(BOTH, card(cardData=variables(a="x" * 1024)))).status == 200


async def test_an_unpublished_template_is_refused(client: Client, sandbox: Sandbox) -> None:
    own = Template(id="own.schema", name="own", published=False)
    sandbox.state.scenario = replace(sandbox.state.scenario, templates=(own,))
    assert (await client.api(BOTH, card(cardTemplateId="own.schema"))).code == "param.templateUnpublished"


async def test_only_variables_marked_private_can_be_private(client: Client, sandbox: Sandbox) -> None:
    own = Template(id="own.schema", name="own", private=("tips",))
    sandbox.state.scenario = replace(sandbox.state.scenario, templates=(own,))
    private = {"user01": variables(tips="yours", title="no")}
    await client.api(BOTH, card(cardTemplateId="own.schema", privateData=private))
    shown = (await client.last(viewer="user01"))["variables"]
    assert (shown["tips"], shown["title"]) == ("yours", "Nightly")


async def update(client: Client, values: dict[str, str], **more: Any) -> Any:
    return await client.api(CREATE, {"outTrackId": "run-1", "cardData": variables(**values)} | more, "PUT")


async def test_an_update_without_options_wipes_the_rest(client: Client) -> None:
    await client.api(BOTH, card())
    assert (await update(client, {"markdown": "new"})).body == {"success": True, "result": True}
    assert (await client.last())["variables"] == {"markdown": "new"}


async def test_an_update_by_key_keeps_the_rest(client: Client) -> None:
    await client.api(BOTH, card())
    await update(client, {"markdown": "new"}, cardUpdateOptions=BY_KEY)
    shown = await client.last()
    assert (shown["variables"]["title"], shown["variables"]["markdown"]) == ("Nightly", "new")
    assert shown["updates"][0]["endpoint"] == "PUT /v1.0/card/instances"


async def test_private_data_is_for_one_person(client: Client) -> None:
    await client.api(BOTH, card(privateData={"user01": variables(tips="yours")}))
    private = {"privateData": {"user01": variables(more="x")}}
    await client.api(CREATE, {"outTrackId": "run-1", "cardUpdateOptions": BY_KEY} | private, "PUT")
    mine, theirs = [(await client.last(viewer=user))["variables"] for user in ("user01", "user02")]
    assert (mine["tips"], mine["more"]) == ("yours", "x")
    assert not {"tips", "more"} & theirs.keys()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"outTrackId": "run-1"}, "param.cardDataAndPrivateDataBothEmpty"),
        ({"outTrackId": "x", "cardData": variables()}, "param.cardNotExist"),
        ({"cardData": variables()}, "param.outTrackIdEmpty"),
        ({"outTrackId": "run-1", "cardData": variables(n=1)}, "MissingStringValue"),
        ({"outTrackId": "run-1", "privateData": {"x": variables()}}, "param.userIdNotExist"),
    ],
)
async def test_wrong_updates_are_refused(client: Client, body: Any, code: str) -> None:
    await client.api(BOTH, card())
    assert (await client.api(CREATE, body, "PUT")).code == code


async def test_what_is_not_there_is_not_delivered(client: Client) -> None:
    assert (await client.api(DELIVER, card())).code == "param.cardNotExist"
    assert (await client.api(f"{CREATE}/spaces", card(), "PUT")).code == "param.cardNotExist"
    await client.api(CREATE, card())
    assert (
        await client.api(f"{CREATE}/spaces", {"outTrackId": "run-1"}, "PUT")
    ).code == "param.emptyAppendSpaces"


@pytest.mark.parametrize("kind", ["IM", "co_feed", "COOPERATION_FEED", "DOC"])
async def test_a_space_that_is_not_emulated_says_so(
    client: Client, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    for space in (f"dtv1.card//{kind}.x", f"dtv1.card//IM_GROUP.{GROUP};{kind}.x"):
        answer = await client.api(BOTH, card(openSpaceId=space))
        assert (answer.status, answer.code) == (501, "sandbox.notEmulated")
    assert f"not emulated: openSpaceId {kind.upper()}" in caplog.text
    assert (await client.counters())["calls"]["not emulated"] == 2


async def test_several_spaces_share_one_prefix(client: Client) -> None:
    space = f"dtv1.card//IM_GROUP.{GROUP};IM_ROBOT.user01"
    answer = await client.api(BOTH, card(**ROBOT | {"openSpaceId": space}))
    results = answer.body["result"]["deliverResults"]
    assert [each["spaceType"] for each in results if each["success"]] == ["IM_GROUP", "IM_ROBOT"]


@pytest.mark.parametrize(
    "space", ["IM_GROUP.x", "dtv1.card//NOWHERE.x", "dtv1.card//IM_GROUP.x;y", "x;dtv1.card//IM_GROUP.y"]
)
async def test_a_space_that_nobody_knows_is_wrong(client: Client, space: str) -> None:
    assert (await client.api(BOTH, card(openSpaceId=space))).code == "param.openSpaceIdInvalid"


async def test_the_headline_is_the_last_message_text(client: Client) -> None:
    model = {"supportForward": True, "lastMessageI18n": {"ZH_CN": "每日"}}
    await client.api(BOTH, card(imGroupOpenSpaceModel=model, topOpenSpaceModel={"spaceType": "ONE_BOX"}))
    assert (await client.last())["content"]["headline"] == "每日"


async def test_a_long_search_text_is_cut_off(client: Client) -> None:
    model = {"supportForward": True, "searchSupport": {"searchDesc": "x" * 201}}
    await client.api(BOTH, card(imGroupOpenSpaceModel=model))
    assert (await client.last())["content"]["search"] == "x" * 200


async def test_a_card_shows_on_the_lock_screen_and_in_the_search(client: Client) -> None:
    notification = {"alertContent": "每日巡检：失败 2/10", "notificationOff": True}
    search = {"searchDesc": "每日巡检 r1", "searchTypeName": '{"zh_CN": "执行结果"}'}
    model = {"supportForward": True, "notification": notification, "searchSupport": search}
    await client.api(BOTH, card(imGroupOpenSpaceModel=model))
    content = (await client.last())["content"]
    assert (content["alert"], content["silent"], content["search"]) == (
        "每日巡检：失败 2/10",
        True,
        "每日巡检 r1",
    )
