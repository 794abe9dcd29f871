"""Custom robots."""

import aiohttp
import pytest
from aioresponses import aioresponses
from yarl import URL

from bot.dingtalk.webhook import WebhookMessenger, sign
from bot.errors import Permanent
from bot.models import Destination, Note
from bot.sandbox import Sandbox
from tests.dingtalk.conftest import OAPI
from tests.factories import NOW
from tests.fakes import FakeClock

ROBOT = Destination.parse("webhook:ops")
NOTE = Note(title="标题", text="**正文** [r1]")


@pytest.fixture
def robot(session: aiohttp.ClientSession, clock: FakeClock) -> WebhookMessenger:
    return WebhookMessenger(session, {"ops": ("tok", "SECsecret"), "open": ("tok2", "")}, clock=clock)


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
        robots = {"ops": ("sandbox-webhook-token", "SECsandbox0123456789")}
        robot = WebhookMessenger(session, robots, clock=sandbox.world.clock.now, base=sandbox.url)
        for _ in range(2):
            await robot.send_note(ROBOT, NOTE, "note:r1")
    assert len(sandbox.world.board.of("cidSandboxGroupOps==")) == 1


async def test_a_clock_that_is_off_is_refused_in_plain_words(sandbox: Sandbox, clock: FakeClock) -> None:
    async with aiohttp.ClientSession() as session:
        robots = {"ops": ("sandbox-webhook-token", "SECsandbox0123456789")}
        clock.turn(seconds=-9_000_000)
        robot = WebhookMessenger(session, robots, clock=clock, base=sandbox.url)
        with pytest.raises(Permanent, match="clock"):
            await robot.send_note(ROBOT, NOTE, "note:r1")
