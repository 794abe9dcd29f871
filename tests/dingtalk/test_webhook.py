"""Custom robots."""

from dataclasses import replace

import aiohttp
import pytest
from aioresponses import aioresponses
from yarl import URL

from bot.dingtalk.webhook import WebhookMessenger, message_body, sign
from bot.errors import Permanent, Temporary
from bot.models import Destination, Note, is_mobile
from bot.sandbox import Sandbox
from tests.dingtalk.conftest import OAPI
from tests.factories import NOW, make_robot
from tests.fakes import FakeClock

ROBOT = Destination.parse("webhook:ops")
NOTE = Note(title="标题", text="**正文** [r1]")


@pytest.fixture
def robot(session: aiohttp.ClientSession, clock: FakeClock) -> WebhookMessenger:
    robots = {
        "ops": make_robot("tok", "SECsecret"),
        "open": make_robot("tok2", ""),
    }
    return WebhookMessenger(session, robots, clock=clock)


def test_the_signature_is_dingtalks() -> None:
    """As `printf '%s\\n%s' … | openssl dgst -sha256 -hmac SECsecret -binary | base64` says."""
    assert sign("SECsecret", 1_700_000_000_000) == "0QWYb8Ux63Sm4BhHaJNL3lv5mqW1sLFoks7vu+HFFi4="


async def test_a_message_is_signed_and_known_by_its_uuid(wire: aioresponses, robot: WebhookMessenger) -> None:
    now = int(NOW.timestamp() * 1000)
    query = {"access_token": "tok", "timestamp": str(now), "sign": sign("SECsecret", now)}
    url = URL(f"{OAPI}/robot/send").with_query(query)
    wire.post(url, payload={"errcode": 0}, repeat=True)
    first = await robot.send_note(ROBOT, NOTE, "note:r1:webhook:ops")
    again = await robot.send_note(ROBOT, NOTE, "note:r1:webhook:ops")
    assert first == again


async def test_a_robot_without_a_secret_is_not_signed(wire: aioresponses, robot: WebhookMessenger) -> None:
    wire.post(f"{OAPI}/robot/send?access_token=tok2", payload={"errcode": 0})
    assert await robot.send_note(Destination.parse("webhook:open"), NOTE, "k")


async def test_what_a_custom_robot_cannot_do_is_permanent(robot: WebhookMessenger, session: object) -> None:
    with pytest.raises(Permanent, match=r"notify\.webhooks"):
        await robot.send_note(Destination.parse("webhook:nobody"), NOTE, "k")


async def test_a_real_robot_takes_it_once(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session:
        robots = {"ops": make_robot()}
        robot = WebhookMessenger(session, robots, clock=sandbox.world.clock.now, base=sandbox.url)
        for _ in range(2):
            await robot.send_note(ROBOT, NOTE, "note:r1")
    assert len(sandbox.world.board.of("cidSandboxGroupOps==")) == 1


async def test_a_clock_that_is_off_is_refused_in_plain_words(sandbox: Sandbox, clock: FakeClock) -> None:
    settings = replace(sandbox.world.settings, webhook_wording="old")
    sandbox.world.scene = replace(sandbox.world.scene, settings=settings)
    async with aiohttp.ClientSession() as session:
        robots = {"ops": make_robot()}
        clock.turn(seconds=-9_000_000)
        robot = WebhookMessenger(session, robots, clock=clock, base=sandbox.url)
        with pytest.raises(Temporary, match=r"clock says .* set it right"):
            await robot.send_note(ROBOT, NOTE, "note:r1")


async def test_a_robot_that_demands_a_keyword_gets_it(sandbox: Sandbox) -> None:
    scene = sandbox.world.scene
    robot = replace(scene.custom_robots[0], keywords=("巡检",))
    sandbox.world.scene = replace(scene, custom_robots=(robot,))
    given = {"ops": make_robot(keyword="巡检")}
    async with aiohttp.ClientSession() as session:
        messenger = WebhookMessenger(session, given, clock=sandbox.world.clock.now, base=sandbox.url)
        await messenger.send_note(ROBOT, NOTE, "note:r1")
    (message,) = sandbox.world.board.of("cidSandboxGroupOps==")
    assert str(message.content["text"]).endswith("巡检")


async def test_a_mention_rings(sandbox: Sandbox) -> None:
    given = {"ops": make_robot()}
    async with aiohttp.ClientSession() as session:
        messenger = WebhookMessenger(session, given, clock=sandbox.world.clock.now, base=sandbox.url)
        await messenger.send_note(ROBOT, replace(NOTE, mention=("user01", "all")), "note:r1")
    (message,) = sandbox.world.board.of("cidSandboxGroupOps==")
    assert message.content["mentions"] == {"rings": ["user01"], "silent": [], "all": True}


def test_mobiles_and_staff_ids_are_told_apart() -> None:
    note = replace(NOTE, mention=("13800000000", "user01", "+852-90000000"))
    body = message_body(note)
    assert body["at"] == {
        "atMobiles": ["13800000000", "+852-90000000"],
        "atUserIds": ["user01"],
        "isAtAll": False,
    }
    assert body["markdown"]["text"].endswith("@13800000000 @user01 @+852-90000000")
    assert not is_mobile("012345")


def test_a_keyword_that_stands_there_already_is_not_repeated() -> None:
    assert message_body(replace(NOTE, text="巡检 好"), "巡检")["markdown"]["text"] == "巡检 好"
