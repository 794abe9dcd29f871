"""What reaches nobody is logged, and the log says why."""

import logging

import aiohttp
import pytest

from bot.config.settings import Settings
from bot.delivery.plan import NOBODY
from bot.messengers.dingtalk.rate_limiter import Unmetered
from bot.models import Note
from bot.wiring.messengers import wire
from tests.fakes import FakeClock

APP = {"DINGDING": {"APP_KEY": "k", "APP_SECRET": "s"}}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "no DingTalk configured"),
        (APP, "no destination; set DINGDING.DEFAULT_CHAT_ID, send_to or notify.routes"),
    ],
)
async def test_the_reason_why_nothing_is_sent_is_the_true_one(
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    values: dict[str, object],
    reason: str,
) -> None:
    async with aiohttp.ClientSession() as session:
        channels = wire(Settings.model_validate(values), session, clock, Unmetered()).channels
    with caplog.at_level(logging.INFO):
        await channels.to(NOBODY).send_note(NOBODY, Note(title="每日巡检", text=""), "note:r1")
    assert f"not pushed, {reason}: message note:r1: 每日巡检" in caplog.text
