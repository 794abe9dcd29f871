"""The buttons of a card over real sockets: stop with a second tap, and one card from the start to the end."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.cli.demo.sample_sites import SampleSites
from dingtalk_sandbox import Sandbox
from tests.scenarios.conftest import Chat, Json, Service, service_on, settings, until


@pytest.fixture
async def slow(
    sandbox: Sandbox, chat: Chat, neighbours: SampleSites, tmp_path: Path
) -> AsyncIterator[Service]:
    """A service whose only schedule takes long, and sends a card when it starts."""
    values = settings(sandbox, ["192.0.2.0/24"])
    values["schedules"][0]["export"] = False
    values["notify"] = {"start_notice": {"*": "card"}}
    service = service_on(values, tmp_path)
    await service.start()
    await until(chat.connected)
    yield service
    await service.end()


def actions(card: Json) -> list[str]:
    return [button["id"] for button in card["buttons"]]


async def test_a_running_card_is_stopped_by_two_taps_and_becomes_the_summary(
    slow: Service, chat: Chat
) -> None:
    await chat.say("@DingRun 重跑")
    (card,) = await chat.wait("card", 1)
    assert actions(card) == ["stop"]
    assert "再按一次" in str((await chat.tap(card, "stop"))["private"])
    await asyncio.sleep(1.1)  # a double tap is no confirmation
    assert "正在停止" in str((await chat.tap(card, "stop"))["private"])

    async def ended() -> bool:
        (shown,) = await chat.messages("card")
        return "rerun" in actions(shown)

    await until(ended)
    (shown,) = await chat.messages("card")
    assert "停止了这次执行" in shown["variables"]["tips"]
