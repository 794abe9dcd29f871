"""Custom robots and work notifications."""

import aiohttp
import pytest
from aioresponses import aioresponses
from yarl import URL

from bot.dingtalk.token import App, Tokens
from bot.dingtalk.webhook import WebhookMessenger, sign
from bot.dingtalk.work import WorkMessenger
from bot.errors import ConfigError, Permanent, Temporary
from bot.models import Destination, Note
from bot.sandbox import Sandbox
from tests.dingtalk.conftest import APP, OAPI
from tests.factories import NOW
from tests.fakes import FakeClock

ROBOT, WORK = Destination.parse("webhook:ops"), Destination.parse("work:user01")
NOTE = Note(title="标题", text="**正文** [r1]")
ASYNC = f"{OAPI}/topapi/message/corpconversation/asyncsend_v2?access_token=token-1"


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


async def test_a_work_notification_returns_its_task(
    wire: aioresponses, session: aiohttp.ClientSession, tokens: Tokens
) -> None:
    work = WorkMessenger(session, APP, tokens)
    wire.post(ASYNC, payload={"errcode": 0, "task_id": 42}, repeat=True)
    assert (await work.send_note(WORK, NOTE, "k")).message_id == "42"
    assert (await work.send_file(WORK, "@media", "a.xlsx")).message_id == "42"


async def test_a_work_notification_over_its_limit_never_leaves(
    session: aiohttp.ClientSession, tokens: Tokens
) -> None:
    with pytest.raises(Permanent, match="2048"):
        await WorkMessenger(session, APP, tokens).send_note(WORK, Note(title="t", text="字" * 700), "k")


async def test_a_work_notification_needs_an_agent(session: aiohttp.ClientSession, tokens: Tokens) -> None:
    app = App(app_key="k", app_secret="s", robot_code="k")  # noqa: S106
    with pytest.raises(ConfigError, match=r"DINGDING\.AGENT_ID"):
        await WorkMessenger(session, app, tokens).send_note(WORK, NOTE, "k")


async def test_an_old_token_is_renewed_for_the_old_api(
    wire: aioresponses, session: aiohttp.ClientSession, tokens: Tokens
) -> None:
    wire.post(ASYNC, payload={"errcode": 40014, "errmsg": "不合法的access_token"}, repeat=True)
    wire.post(
        "https://api.dingtalk.com/v1.0/oauth2/accessToken", payload={"accessToken": "token-1", "expireIn": 9}
    )
    with pytest.raises(Temporary):
        await WorkMessenger(session, APP, tokens).send_note(WORK, NOTE, "k")
