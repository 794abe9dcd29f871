"""Transcripts: saved without secrets, restored, and continued from any point."""

import json
from typing import Any

import aiohttp
import pytest

from dingtalk_sandbox import Sandbox
from tests.dingtalk_sandbox.conftest import ROBOTS
from tests.dingtalk_sandbox.harness import BOTH, CREATE, KEY, SAY_HI, SECRET, Client, card, variables


async def transcript(client: Client) -> Any:
    return (await client.call("GET", "/_sandbox/transcript")).body


async def shown(client: Client) -> list[Any]:
    """Return what people see in the group."""
    kept = ("id", "kind", "content", "sender", "variables", "fileName", "size", "recalled")
    return [{key: m[key] for key in kept if key in m} for m in await client.messages()]


@pytest.fixture
async def talk(client: Client) -> Client:
    """Return a client after two texts, one of them acknowledged, a card in two states, and a file."""
    await client.say("one")
    async with client.listen() as bot:
        await client.say("@DingRun two")
        await bot.said()
    await client.api(BOTH, card())
    await client.api(CREATE, {"outTrackId": "run-1", "cardData": variables(title="Done")}, "PUT")
    media = (await client.upload()).body["media_id"]
    await client.group_send("sampleFile", {"mediaId": media, "fileName": "r.xlsx", "fileType": "xlsx"})
    return client


async def test_a_transcript_is_restored_in_another_sandbox(talk: Client) -> None:
    saved = await transcript(talk)
    async with Sandbox() as other, Client(sandbox=other, http=aiohttp.ClientSession()) as elsewhere:
        told = await elsewhere.control("replay", {"transcript": saved})
        assert told["messages"] == 4
        assert await shown(elsewhere) == await shown(talk)
        file = (await elsewhere.last())["downloadUrl"]
        async with elsewhere.http.get(file) as answer:
            assert await answer.read() == b"PK"


async def test_a_transcript_holds_no_secret(talk: Client) -> None:
    await talk.webhook(SAY_HI)
    saved = json.dumps(await transcript(talk))
    keys = [str(robot.get(key, SECRET)) for robot in ROBOTS for key in ("token", "secret")]
    hidden = [SECRET, talk.token, *keys]
    assert [secret for secret in hidden if secret in saved] == []


async def test_a_secret_in_the_address_of_a_bot_stays_here(talk: Client) -> None:
    url = "http://me:hidden@127.0.0.1:9/robots?key=hidden"
    app = {"key": KEY, "secret": SECRET, "agent_id": 1, "robot_name": "DingRun", "mode": "http", "url": url}
    await talk.control("scene", {"apps": [app]})
    await talk.say("@DingRun one")
    saved = await transcript(talk)
    assert saved["scene"]["apps"][0]["url"] == "http://127.0.0.1:9/robots"
    assert "hidden" not in json.dumps(saved)
    await talk.control("replay", {"transcript": saved})
    assert talk.sandbox.state.scenario.apps[0].url == url
    async with Sandbox() as other:
        other.transcripts.replay(saved)
        assert other.state.scenario.apps[0].url == "http://127.0.0.1:9/robots"


async def test_secrets_of_this_sandbox_hold_after_a_restore(talk: Client) -> None:
    await talk.control("replay", {"transcript": await transcript(talk)})
    assert (await talk.webhook(SAY_HI)).code == 0
    await talk.__aenter__()
    assert (await talk.api(BOTH, card(outTrackId="run-2"))).status == 200


async def test_a_restart_from_a_message_drops_what_came_later(talk: Client) -> None:
    second = (await talk.messages())[1]["id"]
    assert (await talk.control("replay", {"until": second}))["messages"] == 2
    await talk.say("another way")
    texts = [message["content"]["text"] for message in await talk.messages()]
    assert texts == ["one", "@DingRun two", "another way"]
    assert len((await transcript(talk))["entries"]) == 3


async def test_a_card_goes_back_to_its_state_and_is_tapped_from_there(talk: Client) -> None:
    created = next(m["id"] for m in await talk.messages() if m["kind"] == "card")
    await talk.control("replay", {"until": created})
    assert (await talk.last())["variables"]["title"] == "Nightly"
    async with talk.listen() as bot:
        tap = await talk.later_tap()
        await bot.ack(await bot.frame(), {"cardData": variables(title="Tapped")})
        assert (await tap)["ok"]
    await talk.api(CREATE, {"outTrackId": "run-1", "cardData": variables(title="Again")}, "PUT")
    assert (await talk.last())["variables"]["title"] == "Again"


async def test_every_point_of_a_transcript_can_be_restored(talk: Client) -> None:
    saved = await transcript(talk)
    counts = [
        (await talk.control("replay", {"transcript": saved, "until": point}))["messages"]
        for point in range(len(saved["entries"]) + 1)
    ]
    assert counts == [0, 1, 2, 3, 3, 4]


async def test_connections_and_faults_stay(talk: Client) -> None:
    await talk.control("faults", [{"kind": "latency", "ms": 1}])
    async with talk.listen() as bot:
        await talk.control("replay", {"until": 1})
        await talk.say("@DingRun still there?")
        assert (await bot.said())["text"]["content"] == " still there?"
    assert len((await talk.call("GET", "/_sandbox/faults")).body["faults"]) == 1


async def test_a_reset_empties_the_record(talk: Client) -> None:
    await talk.control("reset", {})
    assert (await transcript(talk))["entries"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"transcript": {}},
        {"transcript": {"entries": [{}]}},
        {"transcript": {"entries": [], "version": 9}},
        {"transcript": {"entries": [], "more": 1}},
        {"transcript": {"entries": [], "scene": {"x": 1}}},
        {"transcript": {"entries": [], "scene": {"apps": [1]}}},
        {"transcript": {"entries": [], "files": {"a": {"name": "", "kind": "", "mime": "", "content": "?"}}}},
        {"until": 99},
        {"until": -1},
        {"until": "nothing"},
    ],
)
async def test_what_is_no_transcript_changes_nothing(talk: Client, body: Any) -> None:
    before = await shown(talk)
    answer = await talk.post("/_sandbox/replay", body)
    assert (answer.status, bool(answer.body["error"])) == (400, True)
    assert await shown(talk) == before


async def test_a_transcript_that_cannot_be_shown_changes_nothing(talk: Client) -> None:
    saved, before = await transcript(talk), await shown(talk)
    saved["entries"][2]["card"] = saved["entries"][3]["card"] = None
    answer = await talk.post("/_sandbox/replay", {"transcript": saved})
    assert "cannot be shown" in answer.body["error"]
    assert await shown(talk) == before
    assert len((await transcript(talk))["entries"]) == len(saved["entries"])
