"""Card taps: the callback to the bot, and the effect of its response."""

import json
from typing import Any

import pytest

from tests.dingtalk_sandbox.harness import BOTH, BY_KEY, CARDS, CREATE, GROUP, ROBOT, Client, card, variables

DEEP: dict[str, Any] = json.loads('{"a":' * 100 + "1" + "}" * 100)
AI = "382e4302-551d-4880-bf29-a30acfab2e71.schema"


async def test_a_tap_reaches_the_bot_as_documented(client: Client) -> None:
    await client.api(BOTH, card())
    async with client.listen() as bot:
        tap = await client.later_tap(user="user02")
        frame = await bot.frame()
        await bot.ack(frame, {})
        assert (await tap)["ok"]
    data = json.loads(frame["data"])
    assert (frame["headers"]["topic"], data["outTrackId"], data["userId"]) == (CARDS, "run-1", "user02")
    assert (data["spaceId"], data["spaceType"], data["type"]) == (GROUP, "im", "actionCallback")
    assert data["content"] == data["value"]
    assert json.loads(data["content"]) == {"cardPrivateData": {"actionIds": ["rerun"], "params": {}}}


async def test_what_a_tap_returns_is_seen_by_the_tapper_alone(client: Client) -> None:
    await client.api(BOTH, card())
    response = {
        "cardUpdateOptions": BY_KEY,
        "cardData": variables(tips="taken"),
        "userPrivateData": variables(me="1"),
    }
    async with client.listen() as bot:
        tap = await client.later_tap()
        await bot.ack(await bot.frame(), response)
        assert (await tap)["private"] == {"tips": "taken", "me": "1"}
    mine, theirs = [(await client.last(viewer=user))["variables"] for user in ("user01", "user02")]
    assert (mine["tips"], mine["title"], mine["me"]) == ("taken", "Nightly", "1")
    assert "tips" not in theirs
    change = {"outTrackId": "run-1", "cardData": variables(markdown="for all"), "cardUpdateOptions": BY_KEY}
    await client.api(CREATE, change, "PUT")
    assert "tips" not in (await client.last(viewer="user01"))["variables"]


async def test_a_tap_waits_two_seconds_for_its_answer(client: Client) -> None:
    await client.api(BOTH, card())
    async with client.listen() as bot:
        tap = await client.later_tap()
        await bot.frame()
        await client.later(2)
        assert (await tap)["reason"] == "timeout"


async def test_a_bot_that_fails_is_told_apart(client: Client) -> None:
    await client.api(BOTH, card())
    async with client.listen() as bot:
        tap = await client.later_tap()
        await bot.ack(await bot.frame(), code=500)
        answer = await tap
    assert (answer["ok"], answer["reason"], answer["code"]) == (False, "error", 500)


@pytest.mark.parametrize("response", [None, "x", [], {"cardData": 5}, {"cardData": variables(n=1)}, DEEP])
async def test_a_strange_answer_changes_nothing(client: Client, response: Any) -> None:
    await client.api(BOTH, card())
    before = (await client.last(viewer="user01"))["variables"]
    async with client.listen() as bot:
        tap = await client.later_tap()
        await bot.ack(await bot.frame(), response)
        await tap
    assert (await client.last(viewer="user01"))["variables"] == before


@pytest.mark.parametrize("data", ["{", {"response": {}}, 5])
async def test_an_ack_may_have_any_data(client: Client, data: Any) -> None:
    await client.api(BOTH, card())
    async with client.listen() as bot:
        tap = await client.later_tap()
        headers = (await bot.frame())["headers"]
        await bot.socket.send_json({"code": 200, "headers": headers, "data": data})
        assert (await tap)["private"] == {}


async def test_nobody_answers_a_tap_without_a_connection(client: Client) -> None:
    await client.api(BOTH, card())
    assert await client.tap() == {"ok": False, "reason": "no connection"}


def with_button(**button: Any) -> dict[str, Any]:
    text = json.dumps({"msgButtons": [{"id": "b", "text": "B", "request": True} | button]})
    return card(cardData=variables(sys_full_json_obj=text))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (card(), "no such button"),
        (with_button(request=False, url="https://example.com"), "not a callback button"),
        (with_button(status="disabled"), "disabled"),
        (with_button() | {"callbackType": None}, "no callback"),
        (with_button() | {"cardTemplateId": "589420e2-c1e2-46ef-a5ed-b8728e654da9.schema"}, "no such button"),
        (card(cardData=variables(sys_full_json_obj="{")), "no such button"),
        (card(cardData=variables(sys_full_json_obj="[]")), "no such button"),
    ],
)
async def test_a_button_that_cannot_call_back_says_why(client: Client, body: Any, why: str) -> None:
    await client.api(BOTH, body)
    assert await client.tap("b") == {"ok": False, "reason": why}


async def test_an_id_in_the_params_is_taken(client: Client) -> None:
    await client.api(BOTH, with_button(id="", params={"id": "deep"}))
    async with client.listen() as bot:
        tap = await client.later_tap(action="deep")
        data = await bot.said()
        await tap
    assert json.loads(data["content"])["cardPrivateData"] == {"actionIds": ["deep"], "params": {"id": "deep"}}


async def test_the_order_of_an_ai_card_can_leave_the_buttons_out(client: Client) -> None:
    text = json.dumps({"order": ["msgTitle"], "msgButtons": [{"id": "b", "request": True}]})
    await client.api(BOTH, card(cardTemplateId=AI, cardData=variables(sys_full_json_obj=text)))
    assert (await client.last())["buttons"] == []


async def test_a_forwarded_card_can_be_tapped_by_anybody(client: Client) -> None:
    await client.api(BOTH, card(**ROBOT))
    assert (await client.tap(user="user02"))["reason"] == "no connection"
    private = ROBOT | {"imRobotOpenSpaceModel": {"supportForward": False}, "imGroupOpenSpaceModel": None}
    await client.api(BOTH, card(**private, outTrackId="run-2"))
    assert (await client.tap(user="user02", card="run-2"))["reason"] == "not visible"


async def test_taps_cost_stream_calls(client: Client) -> None:
    await client.set(stream_limit=1)
    await client.api(BOTH, card())
    async with client.listen() as bot:
        tap = await client.later_tap()
        await bot.ack(await bot.frame(), {})
        await tap
        assert await client.tap() == {"ok": False, "reason": "quota"}
    assert (await client.counters())["buckets"] == {"api": 1, "stream_webhook": 1}


async def test_a_card_that_was_never_delivered_cannot_be_tapped(client: Client) -> None:
    await client.api(CREATE, card())
    assert (await client.tap())["reason"] == "not visible"


async def test_a_tap_is_in_the_record_of_the_card(client: Client) -> None:
    await client.api(BOTH, card())
    async with client.listen() as bot:
        tap = await client.later_tap()
        await bot.ack(await bot.frame(), {})
        await tap
    record = (await client.last())["updates"][0]
    assert (record["endpoint"], record["response"]["code"]) == (f"CALLBACK {CARDS}", 200)


@pytest.mark.parametrize(("user", "id_"), [("nobody", "run-1"), ("user01", "none")])
async def test_a_tap_needs_a_person_and_a_card(client: Client, user: str, id_: str) -> None:
    await client.api(BOTH, card())
    answer = await client.post("/_sandbox/tap", {"card": id_, "user": user, "action": "rerun"})
    assert answer.status == 400
