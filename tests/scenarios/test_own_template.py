"""Our own card template over real sockets: its table, its form, and what happens if DingTalk refuses it."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.cli.demo.sample_sites import SampleSites
from cards.card_template import BUTTONS
from cards.platform.export import FILE, VARIABLES
from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.scenario import default_scenario
from dingtalk_sandbox.templates.document import parse_template
from tests.scenarios.conftest import Chat, Json, Service, service_on, settings, until

OWN = "d1e9a000-0000-4000-8000-000000000001.schema"


@pytest.fixture
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    """A DingTalk that has the template, published unless the test says `unpublished`."""
    scene = default_scenario().with_designs({OWN: parse_template(FILE.read_bytes())})
    published = getattr(request, "param", "") != "unpublished"
    changed = (replace(each, published=published if each.id == OWN else True) for each in scene.templates)
    async with Sandbox(scenario=replace(scene, templates=tuple(changed))) as sandbox:
        yield sandbox


@pytest.fixture
async def service(
    sandbox: Sandbox, chat: Chat, neighbours: SampleSites, tmp_path: Path
) -> AsyncIterator[Service]:
    """A service whose schedule has one target that answers, and one that does not."""
    values = settings(sandbox, [neighbours.targets[0], neighbours.closed])
    values["DINGDING"]["CARD_TEMPLATE_ID"] = OWN
    values["schedules"][0]["export"] = False
    values["chat"] = {"rerun_cooldown": 0}
    service = service_on(values, tmp_path)
    await service.start()
    await until(chat.connected)
    yield service
    await service.end()


def pressed(card: Json, action: str) -> Json:
    return next(button for button in card["buttons"] if str(button["id"]).startswith(action))


async def test_a_row_and_the_form_run_a_part_again(
    service: Service, chat: Chat, neighbours: SampleSites
) -> None:
    await chat.say("@DingRun 重跑")
    (card,) = await chat.wait("card", 1)
    assert card["variables"].keys() == VARIABLES.keys()
    (row,) = json.loads(card["variables"]["failures"])["data"]
    assert neighbours.closed in row["target"]["value"]
    assert "只重跑这一项" in str(await chat.tap(card, pressed(card, "rerun_task")["control"]))
    again = (await chat.wait("card", 2))[-1]
    assert "失败 1/1" in again["variables"]["title"]
    form = {"targets": {"index": [0], "value": [neighbours.targets[0]]}}
    answer = await chat.post(
        "tap",
        {"card": again["outTrackId"], "user": "user01", "action": "rerun_targets", "params": form},
    )
    assert "选中的目标" in str(answer)
    last = (await chat.wait("card", 3))[-1]
    assert "重跑的全部成功" in last["variables"]["title"]


@pytest.mark.parametrize("sandbox", ["unpublished"], indirect=True)
async def test_a_template_that_is_not_published_costs_no_card(service: Service, chat: Chat) -> None:
    await chat.say("@DingRun 重跑")
    (card,) = await chat.wait("card", 1)
    assert card["template"] == BUTTONS.id
    assert "rerun_failed" in [button["id"] for button in card["buttons"]]
