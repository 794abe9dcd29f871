"""More than text on the page: attach, paste, drop, reply, reactions, and the hint without a bot."""

import base64
from typing import Any

from playwright.async_api import Page, expect

from dingtalk_sandbox.driver import PIXEL
from tests.browser import IN_BROWSER, browser, page
from tests.dingtalk_sandbox.page_driver import bot, chat, last
from tests.dingtalk_sandbox.tiny_bot import GROUP, MESSAGES, TinyBot

__all__ = ["bot", "browser", "chat", "page"]  # fixtures

pytestmark = IN_BROWSER

PICTURE = {"name": "截图.png", "mimeType": "image/png", "buffer": PIXEL}
SHEET = {"name": "目标.xlsx", "mimeType": "application/vnd.ms-excel", "buffer": b"PK"}
SPEECH = {"name": "voice.amr", "mimeType": "audio/amr", "buffer": b"#!AMR\n"}
TRANSFER = """(node, [event, name, type, content]) => {
  const transfer = new DataTransfer();
  const read = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const bytes = typeof content === "number" ? new Uint8Array(content) : read(content);
  transfer.items.add(new File([bytes], name, { type }));
  const Kind = event === "paste" ? ClipboardEvent : DragEvent;
  const data = { clipboardData: transfer, dataTransfer: transfer };
  node.dispatchEvent(new Kind(event, { bubbles: true, cancelable: true, ...data }));
}"""


async def transfer(chat: Page, event: str, file: dict[str, Any], on: str) -> None:
    content = base64.b64encode(file["buffer"]).decode()
    await chat.locator(on).evaluate(TRANSFER, [event, file["name"], file["mimeType"], content])


async def direct_chat(chat: Page) -> None:
    await chat.locator("[data-testid=conversation][data-kind=oto]").click()


async def send(chat: Page, text: str = "") -> None:
    if text:
        await chat.get_by_test_id("composer").fill(text)
    await chat.get_by_test_id("send").click()


async def test_text_and_a_chosen_picture_are_one_message(chat: Page, bot: TinyBot) -> None:
    async with bot.listening():
        await chat.get_by_test_id("attach-file").set_input_files(PICTURE)  # type: ignore[arg-type]
        await send(chat, "@DingRun 看这个")
        (said,) = await bot.wait_for(MESSAGES, 1)
    assert said["content"]["richText"][0] == {"text": " 看这个"}
    picture = last(chat, "richText").locator("img")
    await expect(picture).to_have_attribute("alt", "截图.png")
    assert await picture.evaluate("(node) => node.decode().then(() => node.naturalWidth)") == 1
    await expect(chat.get_by_test_id("attachment")).to_have_count(0)


async def test_a_pasted_picture_and_a_dropped_file_are_sent_alone(chat: Page, bot: TinyBot) -> None:
    await direct_chat(chat)
    async with bot.listening():
        await transfer(chat, "paste", PICTURE, "#say")
        await transfer(chat, "drop", SHEET, "#log")
        await expect(chat.get_by_test_id("attachment")).to_have_count(2)
        await send(chat)
        picture, file = await bot.wait_for(MESSAGES, 2)
    assert (picture["msgtype"], file["content"]["fileName"]) == ("picture", "目标.xlsx")
    await expect(last(chat, "file").locator(".file-name")).to_have_text("目标.xlsx")


async def test_a_dragged_file_shows_where_it_would_go(chat: Page) -> None:
    await transfer(chat, "dragenter", SHEET, "#log")
    await expect(chat.locator("#chat")).to_have_attribute("data-dropping", "松开鼠标，添加到消息")
    await transfer(chat, "dragleave", SHEET, "#log")
    await expect(chat.locator("#chat")).to_have_attribute("data-dropping", "")


async def test_speech_is_sent_with_its_text(chat: Page, bot: TinyBot) -> None:
    await direct_chat(chat)
    async with bot.listening():
        await chat.get_by_test_id("attach-file").set_input_files(SPEECH)  # type: ignore[arg-type]
        await send(chat, "最近报告")
        (said,) = await bot.wait_for(MESSAGES, 1)
    assert (said["msgtype"], said["content"]["recognition"]) == ("audio", "最近报告")
    await expect(last(chat, "audio")).to_contain_text("识别文本：最近报告")


async def test_a_file_in_a_group_is_warned_of_and_can_be_removed_by_the_keyboard(chat: Page) -> None:
    await chat.get_by_test_id("attach-file").set_input_files(SHEET)  # type: ignore[arg-type]
    await expect(chat.locator("#say-hint.warn")).to_have_text("群里的机器人收不到文件、语音和视频")
    await chat.get_by_test_id("attachment-remove").focus()
    await chat.keyboard.press("Enter")
    await expect(chat.get_by_test_id("attach")).to_be_focused()
    await expect(chat.get_by_test_id("attachment")).to_have_count(0)
    await expect(chat.get_by_test_id("send")).to_be_disabled()


async def test_what_is_too_large_is_not_attached(chat: Page) -> None:
    large = ["drop", "目标.xlsx", "", 20 * 1024 * 1024 + 1]
    await chat.locator("#log").evaluate(TRANSFER, large)
    await expect(chat.locator("#toast")).to_contain_text("目标.xlsx 超过 20 MB")
    await expect(chat.get_by_test_id("attachment")).to_have_count(0)


async def test_the_keyboard_alone_replies_to_a_card(chat: Page, bot: TinyBot) -> None:
    await bot.send_card()
    async with bot.listening():
        await last(chat, "card").get_by_test_id("reply").focus()
        await chat.keyboard.press("Enter")
        await expect(chat.get_by_test_id("quoting")).to_have_text("回复 DingRun：[卡片] 每日巡检")
        await expect(chat.get_by_test_id("composer")).to_be_focused()
        await chat.keyboard.type("重跑")
        await chat.keyboard.press("Enter")
        (said,) = await bot.wait_for(MESSAGES, 1)
    assert (said["text"]["content"], said["text"]["isReplyMsg"]) == (" 重跑", True)
    await expect(chat.get_by_test_id("quoting")).to_be_hidden()
    await last(chat, "text").get_by_test_id("quoted").click()
    await expect(last(chat, "card").get_by_test_id("inspect")).to_be_focused()


async def test_escape_takes_a_reply_back_and_another_conversation_forgets_it(
    chat: Page, bot: TinyBot
) -> None:
    await bot.send("sampleText", content="跑完了")
    for leave in (chat.keyboard.press("Escape"), direct_chat(chat)):
        await chat.locator(f'[data-testid=conversation][data-id="{GROUP}"]').click()
        await last(chat, "text").get_by_test_id("reply").click()
        await expect(chat.get_by_test_id("quoting")).to_be_visible()
        await leave
        await expect(chat.get_by_test_id("quoting")).to_be_hidden()


async def test_a_reaction_shows_until_it_is_taken_back(chat: Page, bot: TinyBot) -> None:
    await send(chat, "@DingRun 重跑")
    id_ = await last(chat, "text").get_attribute("data-id")
    named = {"robotCode": "dingsandboxapp", "openConversationId": GROUP, "openMsgId": id_}
    body = named | {"emotionName": "🤔思考中"}
    await bot.call("POST", "/v1.0/robot/emotion/reply", body)
    await expect(last(chat, "text").get_by_test_id("emotion")).to_have_text("🤔思考中")
    await bot.call("POST", "/v1.0/robot/emotion/recall", body)
    await expect(last(chat, "text").get_by_test_id("emotion")).to_have_count(0)


async def test_a_page_without_a_bot_says_what_to_set_until_one_connects(chat: Page, bot: TinyBot) -> None:
    hint, lines = chat.get_by_test_id("connect"), chat.get_by_test_id("connect-lines")
    await expect(lines).to_contain_text(f"DINGRUN_DINGDING__OPENAPI_BASE={bot.url}")
    await expect(lines).to_contain_text("sandbox-app-secret")
    for name, shown in (("Python", "DINGTALK_OPENAPI_ENDPOINT"), ("Java", "--intercept")):
        await hint.get_by_role("button", name=name, exact=True).click()
        await expect(lines).to_contain_text(shown)
    async with bot.listening():
        await expect(hint).to_be_hidden()
    await chat.reload()
    await chat.locator("body[data-ready]").wait_for()
    await expect(hint).to_be_hidden()


async def test_a_bot_that_receives_by_http_needs_no_connection(chat: Page, bot: TinyBot) -> None:
    app = {"key": "dingsandboxapp", "secret": "s", "agent_id": 1, "robot_name": "DingRun", "mode": "http"}
    await bot.call("POST", "/_sandbox/scene", {"apps": [app | {"url": "http://127.0.0.1:1/"}]})
    await expect(chat.get_by_test_id("stream")).to_have_text("HTTP 接收")
    await expect(chat.get_by_test_id("connect")).to_be_hidden()
    await send(chat, "@DingRun 状态")
    await expect(chat.locator("#toast")).to_have_text("连不上机器人的地址，消息未送达")


async def test_the_hint_can_be_closed(chat: Page) -> None:
    await chat.get_by_test_id("connect-close").click()
    await expect(chat.get_by_test_id("connect")).to_be_hidden()
    await expect(chat.get_by_test_id("composer")).to_be_focused()
