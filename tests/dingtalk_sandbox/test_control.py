"""The control API and the scene."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dingtalk_sandbox import Sandbox, Scenario
from dingtalk_sandbox.errors import UsageError
from dingtalk_sandbox.scenario import default_scenario, parse_scenario, read_scenario
from tests.dingtalk_sandbox.harness import BOTH, BUTTONS, GROUP, KEY, SAY_HI, Client, card


async def test_the_scene_tells_who_and_what_there_is(client: Client) -> None:
    scene = (await client.call("GET", "/_sandbox/scene")).body
    assert scene["robot"] == {"name": "DingRun", "code": KEY}
    assert [(p["id"], p["role"]) for p in scene["people"]][-1] == ("outsider01", "outsider")
    assert [c["kind"] for c in scene["conversations"]] == ["group"] + ["oto"] * 4 + ["work"] * 3
    assert "sandbox-app-secret" not in json.dumps(scene)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("say", {}),
        ("say", []),
        ("say", {"conversation": GROUP, "user": "user01", "text": 5}),
        ("say", {"conversation": GROUP, "user": "user01", "text": " "}),
        ("say", {"conversation": GROUP, "user": "nobody", "text": "x"}),
        ("say", {"conversation": "x", "user": "user01", "text": "x"}),
        ("say", {"conversation": "work-user01", "user": "user01", "text": "x"}),
        ("redeliver", {"id": "x"}),
        ("recall", {"id": "x"}),
        ("read", {"id": "x", "user": "user01"}),
        ("clock", {}),
        ("clock", {"advance": 1e300}),
        ("clock", {"advance": 1e11}),
        ("clock", {"set": "soon"}),
        ("clock", {"set": "2026-12-01"}),
        ("stream", []),
        ("stream", {"action": {}}),
        ("settings", []),
        ("settings", {"x": 1}),
        ("settings", {"qps": "x"}),
        ("scopes", {"app": KEY}),
        ("scene", {"x": 1}),
    ],
)
async def test_wrong_uses_are_answered_with_what_is_taken(client: Client, path: str, body: Any) -> None:
    answer = await client.post(f"/_sandbox/{path}", body)
    assert answer.status == 400
    assert answer.body["error"]


async def test_what_is_no_json_is_no_use(client: Client) -> None:
    for data in (b"{", b"[" * 100_000, b'{"a":' * 60 + b"1" + b"}" * 60):
        assert (await client.call("POST", "/_sandbox/say", data=data)).status == 400


async def test_an_unknown_conversation_and_path_are_told(client: Client) -> None:
    unknown = {"conversation": "cidNone=="}
    assert (await client.call("GET", "/_sandbox/messages", params=unknown)).status == 400
    assert (await client.call("GET", "/_sandbox/nothing")).status == 404


async def test_a_reset_forgets_everything_but_the_token(client: Client) -> None:
    await client.set(qps=1)
    await client.later(60)
    await client.webhook(SAY_HI)
    await client.control("reset")
    assert await client.messages() == []
    assert (await client.counters())["calls"] == {}
    assert [(await client.api(BOTH, card(outTrackId=id_))).status for id_ in "ab"] == [200, 200]


async def test_a_hard_reset_takes_tokens_and_connections(client: Client) -> None:
    async with client.listen() as bot:
        await client.control("reset", {"hard": True})
        assert (await bot.socket.receive(timeout=5)).data is None
    assert (await client.api(BOTH, card())).status == 400


async def test_the_clock_can_be_set_and_reset(client: Client) -> None:
    await client.control("clock", {"set": "2027-01-01T00:00:00+00:00"})
    assert (await client.call("GET", "/_sandbox/clock")).body == {"now": "2027-01-01T00:00:00+00:00"}
    assert (await client.control("clock", {"reset": True}))["now"].startswith("2026-11-20")


async def test_a_person_can_take_a_message_back(client: Client) -> None:
    said = await client.say("hi")
    await client.control("recall", {"id": said["id"]})
    assert (await client.last())["recalled"]


async def test_events_tell_of_messages_and_connections(client: Client) -> None:
    async with client.http.get(client.sandbox.url + "/_sandbox/events") as events:
        assert await events.content.readuntil(b"\n\n") == b"retry: 1000\n\n"
        await client.say("hi")
        name, data = (await events.content.readuntil(b"\n\n")).decode().split("\n")[:2]
        (message,) = await client.messages()
        assert (name, json.loads(data[6:])) == (
            "event: change",
            {"conversation": GROUP, "message": message["id"]},
        )
        async with client.listen():
            text = (await events.content.readuntil(b"\n\n")).decode()
        assert text.startswith('event: stream\ndata: {"event": "open"')


async def test_a_silent_event_stream_is_kept_alive(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dingtalk_sandbox.control.events.KEEP_ALIVE_SECONDS", 0.01)
    async with client.http.get(client.sandbox.url + "/_sandbox/events") as events:
        await events.content.readuntil(b"\n\n")
        assert await events.content.readuntil(b"\n\n") == b": keep-alive\n\n"


async def test_many_clients_at_once_lose_nothing(client: Client) -> None:
    await asyncio.gather(*(client.say(f"hi {i}") for i in range(50)))
    assert len({m["id"] for m in await client.messages()}) == 50


async def test_another_scene_can_be_loaded(client: Client) -> None:
    people = [{"id": "a", "name": "A", "role": "admin"}]
    groups = [{"id": "cidA==", "title": "A", "members": ["a"], "robots": []}]
    await client.control("scene", {"people": people, "groups": groups})
    assert (await client.say("@DingRun hi", "a", "cidA=="))["why"] == "there is no robot here"


def test_a_scene_is_read_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "scene.yaml"
    path.write_text("corp_id: dingX\npeople: [{id: a, name: A}]\nsettings: {qps: 5}\n", encoding="utf-8")
    scene = read_scenario(path)
    assert (scene.corp_id, scene.people[0].name, scene.settings.qps) == ("dingX", "A", 5)
    path.write_text("a: [", encoding="utf-8")
    with pytest.raises(UsageError, match=r"scene\.yaml"):
        read_scenario(path)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"x": 1}, "x"),
        ({"people": [5]}, "people"),
        ({"people": [{"id": "a", "color": "A"}]}, "color"),
        ({"people": [{"id": "a"}]}, "name"),
        ({"people": [{"id": "a", "name": "A", "role": "king"}]}, "people.role"),
        ({"people": 5}, "people"),
        ({"settings": {"qps": None}}, "qps"),
        ({"settings": {"ping_every": float("nan")}}, "ping_every"),
        ({"settings": {"qps": -1}}, "qps"),
        ({"groups": [{"id": "a", "title": "A", "members": "a", "robots": []}]}, "members"),
        ([1], "scene"),
    ],
)
def test_a_wrong_scene_names_the_key(given: Any, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        parse_scenario(given)


async def test_a_scene_can_be_handed_over_ready_made() -> None:
    scene: Scenario = default_scenario()
    async with Sandbox(scenario=scene) as sandbox:
        assert sandbox.state.scenario is scene


def test_scopes_of_a_seed_become_a_set() -> None:
    app = {"key": "k", "secret": "s", "agent_id": 1, "robot_name": "R", "scopes": ["qyapi_base"]}
    assert parse_scenario({"apps": [app]}).apps[0].scopes == {"qyapi_base"}


async def test_own_templates_stand_beside_the_public_ones() -> None:
    scene = parse_scenario({"templates": [{"id": "own.schema", "name": "own", "published": False}]})
    assert [scene.template(id_).published for id_ in ("own.schema", BUTTONS)] == [False, True]  # type: ignore[union-attr]


async def test_without_a_clock_it_is_now() -> None:
    assert abs(Sandbox().state.clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


async def test_the_page_is_served_at_the_root(client: Client) -> None:
    async with client.http.get(client.sandbox.url + "/") as response:
        assert (response.status, response.content_type) == (200, "text/html")
