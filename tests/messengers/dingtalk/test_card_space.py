"""What a card shows outside its chat: on the lock screen and in the search."""

from dataclasses import replace

import aiohttp
import pytest

from bot.messengers.dingtalk.auth import DingTalkApp, Tokens
from bot.messengers.dingtalk.robot import OpenApiMessenger
from bot.models import CardSearch, Destination, RenderedCard
from dingtalk_sandbox import Sandbox
from tests.fakes import FakeClock
from tests.messengers.dingtalk.conftest import CARD

GROUP = "cidSandboxGroupOps=="
SEARCH = CardSearch(description="每日巡检 失败 2/10", kind={"zh_CN": "执行结果"})


@pytest.fixture
def robot(session: aiohttp.ClientSession, sandbox_app: DingTalkApp, clock: FakeClock) -> OpenApiMessenger:
    tokens = Tokens(session, sandbox_app, clock)
    return OpenApiMessenger(session, sandbox_app, tokens, clock=clock)


async def shown(robot: OpenApiMessenger, sandbox: Sandbox, to: str, card: RenderedCard) -> tuple[object, ...]:
    """Send a card. Returns what the sandbox shows of it: lock screen, silent, search."""
    destination = Destination.parse(to)
    await robot.send_card(destination, card, "card1")
    (message,) = sandbox.state.conversations.find_by_card("card1")
    return tuple(message.content[name] for name in ("alert", "silent", "search"))


@pytest.mark.parametrize("to", [f"group:{GROUP}", "user:user01"])
async def test_a_card_has_words_for_the_lock_screen_and_the_search(
    robot: OpenApiMessenger, sandbox: Sandbox, to: str
) -> None:
    card = replace(CARD, alert="失败 2/10", search=SEARCH)
    assert await shown(robot, sandbox, to, card) == ("失败 2/10", False, "每日巡检 失败 2/10")


async def test_a_silent_card_notifies_nobody(robot: OpenApiMessenger, sandbox: Sandbox) -> None:
    card = replace(CARD, silent=True)
    assert await shown(robot, sandbox, f"group:{GROUP}", card) == ("h", True, "")
