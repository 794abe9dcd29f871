"""Old messages and calls are dropped, and what remains works as before."""

from typing import Any

import pytest

from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.conversations import MAX_QUEUED_EVENTS, MAX_UPDATES, EventFeed
from tests.dingtalk_sandbox.harness import BOTH, CREATE, GROUP, SAY_HI, Client, card, variables


@pytest.fixture
async def few(client: Client) -> Client:
    """Return a client of a sandbox that keeps three messages and two calls."""
    await client.set(keep_messages=3, keep_calls=2)
    return client


async def texts(client: Client) -> list[Any]:
    return [message["content"].get("text") for message in await client.messages()]


async def test_the_latest_messages_are_kept(few: Client) -> None:
    for number in range(5):
        await few.say(f"message {number}")
    assert await texts(few) == ["message 2", "message 3", "message 4"]


async def test_the_latest_calls_are_kept(few: Client) -> None:
    for number in range(4):
        await few.api(BOTH, card(outTrackId=f"run-{number}"))
    calls = (await few.call("GET", "/_sandbox/calls")).body
    assert [call["request"]["outTrackId"] for call in calls] == ["run-2", "run-3"]
    assert (await few.counters())["calls"][f"POST {BOTH}"] == 4


async def test_everything_that_belongs_to_messages_is_bounded(few: Client, sandbox: Sandbox) -> None:
    async with few.listen() as bot:
        for number in range(6):
            await few.say(f"@DingRun {number}")
            await bot.said()
            await few.upload()
            await few.webhook(SAY_HI | {"msgUuid": str(number)})
            await few.api(BOTH, card(outTrackId=f"run-{number}"))
    state = sandbox.state
    counts = [
        len(state.sessions),
        len(state.media),
        len(state.cards),
        len(state.webhooks["plain-token"].uuids),
    ]
    assert max(counts) <= 3


async def test_a_card_goes_with_its_last_message(few: Client) -> None:
    await few.api(BOTH, card())
    await few.say("one")
    await few.say("two")
    update = {"outTrackId": "run-1", "cardData": variables(title="new")}
    assert (await few.api(CREATE, update, "PUT")).status == 200
    await few.say("three")
    assert (await few.api(CREATE, update, "PUT")).status == 400
    assert (await few.api(BOTH, card())).status == 200


async def test_cards_that_are_never_delivered_are_bounded(few: Client, sandbox: Sandbox) -> None:
    await few.api(BOTH, card())
    for number in range(20):
        created = await few.api(CREATE, card(outTrackId=f"draft-{number}"))
        assert created.status == 200
    assert len(sandbox.state.cards) <= 6
    assert {"run-1", "draft-19"} <= sandbox.state.cards.keys()


async def test_a_dropped_message_is_not_pushed_again(few: Client) -> None:
    async with few.listen() as bot:
        said = await few.say("@DingRun first")
        await bot.said()
        for number in range(3):
            await few.say(f"@DingRun {number}")
            await bot.said()
        assert (await few.post("/_sandbox/redeliver", {"id": said["id"]})).status == 400
        await few.say("@DingRun last")
        assert (await bot.said())["text"]["content"] == " last"


async def test_a_quote_of_a_dropped_message_shows_empty(few: Client) -> None:
    quoted = await few.say("first")
    body = {"conversation": GROUP, "user": "user01", "text": "reply", "quote": quoted["id"]}
    await few.control("say", body)
    for number in range(2):
        await few.say(f"message {number}")
    reply = (await few.messages())[0]
    assert (reply["content"]["text"], reply["quote"]["text"]) == ("reply", "")


async def test_a_message_keeps_its_latest_updates(client: Client) -> None:
    await client.set(qps=0)
    await client.api(BOTH, card())
    for number in range(MAX_UPDATES + 2):
        await client.api(CREATE, {"outTrackId": "run-1", "cardData": variables(title=str(number))}, "PUT")
    updates = (await client.last())["updates"]
    assert len(updates) == MAX_UPDATES
    assert updates[-1]["request"]["cardData"]["cardParamMap"]["title"] == str(MAX_UPDATES + 1)


async def test_zero_keeps_everything(client: Client) -> None:
    await client.set(keep_messages=0, keep_calls=0)
    for number in range(5):
        await client.say(f"message {number}")
    assert len(await texts(client)) == 5


async def test_a_listener_far_behind_holds_a_bounded_queue() -> None:
    feed = EventFeed()
    with feed.listen() as changes:
        for _ in range(MAX_QUEUED_EVENTS + 5):
            feed.publish("change", None)
        feed.close()
        assert changes.qsize() == MAX_QUEUED_EVENTS + 1
