"""The fixture `ding`: people who write, tap and see, in tests without asyncio."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial

import aiohttp
import pytest

from dingtalk_sandbox.driver import Ding
from dingtalk_sandbox.pytest_plugin import ding
from tests.dingtalk_sandbox.template_builder import bound, component, export, text, variable
from tests.dingtalk_sandbox.tiny_bot import CARDS, MESSAGES, RERUN, TinyBot

__all__ = ["ding"]

ID = "mine.schema"
FORM = {"fields": [{"name": "user", "label": "联系人", "type": "TEXT", "required": True}]}


@pytest.fixture
async def bot(ding: Ding) -> AsyncIterator[TinyBot]:
    """Connect a bot. Its loop is that of the test, so calls of `ding` go to a thread."""
    async with aiohttp.ClientSession() as http:
        bot = TinyBot(http=http, url=ding.url)
        await bot.log_in()
        async with bot.listening():
            yield bot


async def test_a_person_writes_to_a_connected_bot(ding: Ding, bot: TinyBot) -> None:
    sent = await asyncio.to_thread(ding.user("李雷").says, "@DingRun 状态")
    assert (sent["delivered"], sent["why"]) == (True, "")


async def test_a_tap_reaches_the_bot_and_shows_its_answer(ding: Ding, bot: TinyBot) -> None:
    bot.answer = {"userPrivateData": {"cardParamMap": {"tips": "已受理"}}}
    await bot.send_card()
    card = await asyncio.to_thread(ding.expect_card, "每日巡检")
    seen = await asyncio.to_thread(ding.tap, card, "重跑", user="韩梅梅")
    assert (seen["ok"], seen["private"]) == (True, {"tips": "已受理"})
    assert (await asyncio.to_thread(ding.tap, card, "none"))["reason"] == "no such button"
    (tapped,) = bot.told(CARDS)
    assert (tapped["userId"], json.loads(tapped["content"])["cardPrivateData"]["actionIds"]) == (
        "user02",
        [RERUN["id"]],
    )


async def test_a_form_is_filled_in_and_of_equal_buttons_the_first_is_pressed(
    ding: Ding, bot: TinyBot
) -> None:
    buttons = [
        component("SingleButton", text=text("去"), actionType="request", actionId=text(name)) for name in "ab"
    ]
    form = component("Form", id="ask", submitText=text("提交"), formSchema=bound("form"))
    drawn = export(*buttons, form, variables=(variable("form", "form"),))
    await asyncio.to_thread(ding.call, "POST", "templates", {ID: drawn})
    await bot.deliver("run-1", {"form": json.dumps(FORM)}, template=ID)
    card = await asyncio.to_thread(ding.expect_card)
    await asyncio.to_thread(ding.tap, card, "去")
    await asyncio.to_thread(ding.tap, card, "提交", params={"user": "韩梅梅"})
    first, filled = [json.loads(each["content"])["cardPrivateData"] for each in bot.told(CARDS)]
    assert first["actionIds"] == ["a"]
    assert filled == {"actionIds": ["ask"], "params": {"ask": {"user": "韩梅梅"}}}


async def test_a_file_is_seen_by_its_name(ding: Ding, bot: TinyBot) -> None:
    await bot.send_file("每日巡检.xlsx", b"PK")
    file = await asyncio.to_thread(ding.expect_file, "巡检")
    assert (file["fileName"], file["size"], file["sender"]["robot"]) == ("每日巡检.xlsx", 2, True)


async def test_a_person_sends_more_than_text(ding: Ding, bot: TinyBot) -> None:
    person = ding.user("李雷")
    for send in (
        partial(person.sends_picture, conversation=person.chat()),
        partial(person.sends_picture, text="@DingRun 看"),
        partial(person.sends_file, "目标.xlsx", b"PK"),
        partial(person.speaks, "最近报告"),
        partial(person.sends_video, b"mp4"),
    ):
        assert (await asyncio.to_thread(send))["delivered"]
    kinds = [said["msgtype"] for said in await bot.wait_for(MESSAGES, 5)]
    assert kinds == ["picture", "richText", "file", "audio", "video"]


async def test_a_quote_mentions_the_robot_that_is_quoted(ding: Ding, bot: TinyBot) -> None:
    await bot.send_card()
    card = await asyncio.to_thread(ding.expect_card)
    assert (await asyncio.to_thread(ding.user("李雷").quotes, card, "重跑"))["delivered"]
    (said,) = await bot.wait_for(MESSAGES, 1)
    assert (said["text"]["content"], said["originalMsgId"]) == (" 重跑", card["id"])


def test_a_tap_without_a_bot_says_so(ding: Ding) -> None:
    with pytest.raises(AssertionError, match="no such card"):
        ding.tap({"id": "none", "buttons": []}, "rerun")
    assert ding.user("李雷").says("@DingRun 状态")["why"] == "no connection"


def test_what_a_person_wrote_is_no_answer(ding: Ding) -> None:
    ding.user("user01").says("@DingRun hi")
    with pytest.raises(AssertionError, match="not in time"):
        ding.expect_message("hi", within=0)
    with pytest.raises(AssertionError, match="not in time"):
        ding.expect_file("hi", within=0)


def test_an_event_without_a_bot_says_so(ding: Ding) -> None:
    assert ding.push_event("user_add_org", {"userId": ["user05"]})["delivered"] is False


def test_an_unknown_person_is_told_with_those_there_are(ding: Ding) -> None:
    with pytest.raises(AssertionError, match="韩梅梅"):
        ding.user("张三")


def test_the_clock_of_the_sandbox_is_moved(ding: Ding) -> None:
    before = ding.call("GET", "clock")["now"]
    ding.clock.advance(86_400)
    assert ding.call("GET", "clock")["now"][:10] > before[:10]
