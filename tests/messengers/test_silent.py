"""What reaches nobody is logged, and the log says why."""

import logging

import aiohttp
import pytest

from bot.config.settings import Settings
from bot.messengers.dingtalk.rate_limiter import NullRateLimiter
from bot.models import NULL_DESTINATION, MarkdownMessage
from bot.wiring.messengers import build_messengers
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
        channels = build_messengers(
            Settings.model_validate(values), session, clock, NullRateLimiter()
        ).channels
    with caplog.at_level(logging.INFO):
        await channels.to(NULL_DESTINATION).send_message(
            NULL_DESTINATION, MarkdownMessage(title="每日巡检", text=""), "note:r1"
        )
    assert f"not pushed, {reason}: message note:r1: 每日巡检" in caplog.text
