"""The control panel of the page: faults, connections, clock, scene and settings."""

import json
from typing import Any

import pytest
from aiohttp import ServerDisconnectedError
from playwright.async_api import Page, expect

from tests.browser import IN_BROWSER, browser, page
from tests.dingtalk_sandbox.page_driver import bot, chat, controls, last
from tests.dingtalk_sandbox.tiny_bot import BUTTONS, MESSAGES, TinyBot

__all__ = ["bot", "browser", "chat", "page"]  # fixtures

pytestmark = IN_BROWSER


async def order(chat: Page, fault: str, endpoint: str = "/v1.0/robot/") -> None:
    """Inject a fault once, through the form."""
    panel = await controls(chat)
    await panel.get_by_test_id("fault-kind").select_option(fault)
    if not fault.startswith("quota"):
        await panel.get_by_test_id("fault-endpoint").select_option(endpoint)
    await panel.get_by_test_id("fault-add").click()
    await expect(panel.get_by_test_id("result")).to_contain_text("已生效")


async def parse_status(bot: TinyBot, what: str) -> Any:
    async with bot.http.get(f"{bot.url}/_sandbox/{what}") as response:
        return await response.json()


ERRORS = [
    ("away", "ServiceUnavailable"),
    ("token", "InvalidAuthentication"),
    ("scope", "AccessTokenPermissionDenied"),
    ("qps", "QpsLimit"),
    ("month", "ApiCountLimit"),
    ("template", "templateNotExist"),
    ("html", "Bad Gateway"),
]


@pytest.mark.parametrize(("fault", "code"), ERRORS)
async def test_an_error_of_the_new_api_can_be_ordered(
    chat: Page, bot: TinyBot, fault: str, code: str
) -> None:
    await order(chat, fault)
    with pytest.raises(AssertionError, match=code):
        await bot.send("sampleText", content="不会到")


@pytest.mark.parametrize(("fault", "code"), [("old", -1), ("hook.fast", 410100), ("hook.sign", 310000)])
async def test_an_error_of_the_old_api_and_the_webhooks_can_be_ordered(
    chat: Page, bot: TinyBot, fault: str, code: int
) -> None:
    await order(chat, fault, "/robot/send")
    assert (await bot.hook("不会到"))["errcode"] == code


async def test_a_lost_answer_comes_after_the_message(chat: Page, bot: TinyBot) -> None:
    await order(chat, "lose")
    with pytest.raises(ServerDisconnectedError):
        await bot.send("sampleText", content="到了")
    await expect(last(chat, "text")).to_contain_text("到了")


async def test_a_cut_connection_leaves_nothing_behind(chat: Page, bot: TinyBot) -> None:
    await order(chat, "drop")
    with pytest.raises(ServerDisconnectedError):
        await bot.send("sampleText", content="没到")
    await expect(chat.get_by_test_id("message")).to_have_count(0)


async def test_a_slow_answer_is_as_slow_as_was_said(chat: Page, bot: TinyBot) -> None:
    panel = await controls(chat)
    await panel.get_by_test_id("fault-seconds").fill("0.05")
    await panel.get_by_test_id("fault-times").fill("")
    await panel.get_by_test_id("fault-add").click()
    await expect(panel.get_by_text("一直", exact=True)).to_be_visible()
    (rule,) = (await parse_status(bot, "faults"))["faults"]
    assert (rule["kind"], rule["ms"], rule["times"]) == ("latency", 50, None)


async def test_one_fault_is_lifted_and_the_other_stays(chat: Page, bot: TinyBot) -> None:
    await order(chat, "busy")
    panel = chat.get_by_test_id("panel")
    await panel.get_by_test_id("fault-kind").select_option("html")
    await panel.get_by_test_id("fault-add").click()
    await expect(panel.locator(".faults li")).to_have_count(2)
    await panel.get_by_test_id("ctl.lift").first.click()
    await expect(panel.locator(".faults li")).to_contain_text(["HTML"])
    assert [rule["kind"] for rule in (await parse_status(bot, "faults"))["faults"]] == ["html"]


async def test_a_month_that_is_used_up_refuses_until_it_is_refilled(chat: Page, bot: TinyBot) -> None:
    await bot.send("sampleText", content="第一条")
    await order(chat, "quota.api")
    with pytest.raises(AssertionError, match="ApiCountLimitForOrg"):
        await bot.send("sampleText", content="不会到")
    await chat.get_by_test_id("ctl.refill").click()
    await expect(chat.get_by_test_id("spent")).to_have_count(0)
    assert (await parse_status(bot, "scene"))["settings"]["api_limit"] == 5000


async def test_used_up_stream_calls_tell_the_robot_20001(chat: Page, bot: TinyBot) -> None:
    await bot.hook("用掉一次")
    await order(chat, "quota.stream")
    async with bot.listening():
        await chat.get_by_test_id("composer").fill("@DingRun 状态")
        await chat.get_by_test_id("composer").press("Enter")
        await expect(last(chat, "text")).to_contain_text("状态")
        assert [said["errorCode"] for said in bot.told(MESSAGES)] == [20001]


async def test_one_of_two_connections_is_silenced_and_the_other_cut(chat: Page, bot: TinyBot) -> None:
    async with bot.listening(), bot.listening():
        await expect(chat.get_by_test_id("stream")).to_contain_text("×2")
        panel = await controls(chat)
        choice = panel.get_by_test_id("stream-choice")
        await expect(choice.locator("option")).to_have_count(3)
        await choice.select_option(index=1)
        await panel.get_by_test_id("ctl.mute").click()
        await expect(panel.get_by_test_id("mute-note")).to_contain_text("1 条连接静音中")
        await choice.select_option(index=2)
        await panel.get_by_test_id("ctl.drop").click()
        await expect(choice.locator("option")).to_have_count(2)
        await expect(choice.locator("option").last).to_contain_text("静音中")
    await expect(chat.get_by_test_id("stream")).to_contain_text("未连接")


async def test_a_silent_connection_says_so_to_the_speaker(chat: Page, bot: TinyBot) -> None:
    async with bot.listening():
        await expect(chat.get_by_test_id("stream")).to_contain_text("已连接")
        await (await controls(chat)).get_by_test_id("ctl.mute").click()
        await chat.get_by_test_id("composer").fill("@DingRun 状态")
        await chat.get_by_test_id("composer").press("Enter")
        await expect(chat.locator("#toast")).to_contain_text("静音")
        assert bot.told(MESSAGES) == []


async def test_the_clock_is_turned_by_minutes_and_back(chat: Page, bot: TinyBot) -> None:
    panel = await controls(chat, "clock")
    await panel.get_by_test_id("clock-minutes").fill("-90")
    await panel.get_by_test_id("clock-go").click()
    await expect(panel.get_by_test_id("clock-now")).to_contain_text("比本机慢 90 分钟")
    await panel.get_by_test_id("ctl.clock.reset").click()
    await expect(panel.get_by_test_id("clock-now")).to_contain_text("与本机一致")


async def test_a_token_ends_when_the_clock_is_turned_past_it(chat: Page, bot: TinyBot) -> None:
    await (await controls(chat, "clock")).get_by_test_id("clock7200").click()
    await expect(chat.get_by_test_id("clock-now")).to_contain_text("快 2 小时")
    with pytest.raises(AssertionError, match="InvalidAuthentication"):
        await bot.send("sampleText", content="不会到")


async def test_a_call_that_is_not_emulated_is_shown(chat: Page, bot: TinyBot) -> None:
    with pytest.raises(AssertionError, match="notEmulated"):
        await bot.call("POST", "/v1.0/contact/users", {})
    await expect((await controls(chat)).get_by_test_id("not-emulated")).to_contain_text("1 次调用")


async def test_a_switch_acts_at_once(chat: Page, bot: TinyBot) -> None:
    panel = await controls(chat, "settings")
    await panel.get_by_test_id("set-repeated_card").select_option("ignore")
    await expect(panel.get_by_test_id("result")).to_contain_text("outTrackId 重复时：已修改")
    for _ in range(2):
        await bot.deliver("run-1", {"title": "t", "markdown": "x"}, BUTTONS)
    await panel.get_by_test_id("set-redeliver").uncheck()
    await expect(panel.get_by_test_id("result")).to_contain_text("未应答时重投：已修改")
    assert (await parse_status(bot, "scene"))["settings"]["redeliver"] is False


async def test_a_wrong_number_is_refused_in_words(chat: Page) -> None:
    panel = await controls(chat, "settings")
    await panel.get_by_test_id("set-qps").fill("-1")
    await panel.get_by_test_id("set-qps").press("Enter")
    await expect(panel.get_by_test_id("result")).to_contain_text("settings.qps must be")
    await expect(panel.get_by_test_id("set-qps")).to_have_value("20")


async def test_a_reset_asks_twice_and_empties_the_conversations(chat: Page, bot: TinyBot) -> None:
    await bot.send("sampleText", content="旧的")
    await expect(last(chat, "text")).to_contain_text("旧的")
    reset = (await controls(chat, "scene")).get_by_test_id("scene.reset")
    await reset.click()
    await expect(reset).to_contain_text("再点一次")
    await expect(chat.get_by_test_id("message")).to_have_count(1)
    await reset.click()
    await expect(chat.get_by_test_id("message")).to_have_count(0)


async def test_a_scene_is_loaded_from_a_file(chat: Page, bot: TinyBot) -> None:
    group = {"id": "cidNew==", "title": "新群", "members": ["p1"], "robots": ["dingsandboxapp"]}
    scene = {"people": [{"id": "p1", "name": "赵六", "role": "admin"}], "groups": [group]}
    panel = await controls(chat, "scene")
    file = {"name": "scene.json", "mimeType": "application/json", "buffer": json.dumps(scene).encode()}
    await panel.get_by_test_id("scene-file").set_input_files(file)  # type: ignore[arg-type]  # a FilePayload
    await expect(panel.get_by_test_id("result")).to_contain_text("scene.json 已载入：1 人，1 个群")
    await expect(chat.get_by_test_id("conversation").first).to_contain_text("新群")
    await expect(chat.get_by_test_id("speak-as")).to_have_value("p1")


async def test_a_scene_is_saved_to_a_file(chat: Page) -> None:
    async with chat.expect_download() as waiting:
        await (await controls(chat, "scene")).get_by_test_id("scene.save").click()
    download = await waiting.value
    assert download.suggested_filename.startswith("sandbox-scene-")
    assert json.loads((await download.path()).read_text(encoding="utf-8"))["people"][0]["name"] == "王敏"


async def test_a_message_is_restarted_from(chat: Page, bot: TinyBot) -> None:
    for text in ("first", "second", "third"):
        await bot.send("sampleText", content=text)
    await expect(last(chat, "text")).to_contain_text("third")
    await chat.locator("[data-testid=message]", has_text="second").get_by_test_id("inspect").click()
    restart = chat.get_by_test_id("panel").get_by_test_id("transcript.restart")
    await restart.click()
    await restart.click()
    await expect(chat.get_by_test_id("message")).to_have_count(2)
    await bot.send("sampleText", content="another")
    await expect(last(chat, "text")).to_contain_text("another")


async def test_a_transcript_is_saved_and_loaded(chat: Page, bot: TinyBot) -> None:
    await bot.send("sampleText", content="kept")
    panel = await controls(chat, "scene")
    async with chat.expect_download() as waiting:
        await panel.get_by_test_id("transcript.save").click()
    saved = await (await waiting.value).path()
    await bot.send("sampleText", content="gone")
    await expect(chat.get_by_test_id("message")).to_have_count(2)
    await panel.get_by_test_id("transcript-file").set_input_files(saved)
    await expect(panel.get_by_test_id("result")).to_contain_text("已载入：1 条消息")
    await expect(chat.get_by_test_id("message")).to_have_count(1)


async def test_a_transcript_is_played_back_and_continued_from_a_step(chat: Page, bot: TinyBot) -> None:
    for number in range(1, 10):
        await bot.send("sampleText", content=f"text {number}")
    panel = await controls(chat, "scene")
    async with chat.expect_download() as waiting:
        await panel.get_by_test_id("transcript.save").click()
    await panel.get_by_test_id("transcript-file").set_input_files(await (await waiting.value).path())
    player, messages = panel.get_by_test_id("player"), chat.get_by_test_id("message")
    await player.get_by_test_id("transcript.back").click()
    await expect(messages).to_have_count(8)
    await player.get_by_test_id("transcript.next").click()
    await expect(messages).to_have_count(9)
    await player.get_by_test_id("transcript.play").click()
    await player.get_by_test_id("transcript.pause").click()
    await expect(player.get_by_test_id("transcript.next")).to_be_enabled()
    step = int((await player.inner_text()).split("第 ")[1].split(" ")[0])
    assert step < 9
    await expect(messages).to_have_count(step)
    await bot.send("sampleText", content="another")
    await expect(last(chat, "text")).to_contain_text("another")
    await player.get_by_test_id("transcript.play").click()
    await expect(chat.get_by_text(f"text {step + 1}", exact=True)).to_be_visible()
    await expect(chat.get_by_text("another", exact=True)).to_have_count(0)


async def test_a_file_that_is_no_scene_says_what_is_wrong(chat: Page) -> None:
    panel = await controls(chat, "scene")
    file = {"name": "x.json", "mimeType": "application/json", "buffer": b'{"folk": []}'}
    await panel.get_by_test_id("scene-file").set_input_files(file)  # type: ignore[arg-type]  # a FilePayload
    await expect(panel.get_by_test_id("result")).to_contain_text("folk")
