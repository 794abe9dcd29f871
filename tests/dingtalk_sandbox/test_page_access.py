"""Accessibility of the page: names, contrast, focus and screen reader announcements."""

import base64
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from dingtalk_sandbox.driver import PIXEL
from tests.browser import IN_BROWSER, browser, page
from tests.dingtalk_sandbox.page_driver import bot, chat, controls, inspector, last
from tests.dingtalk_sandbox.tiny_bot import GROUP, TinyBot

__all__ = ["bot", "browser", "chat", "page"]  # fixtures

pytestmark = IN_BROWSER

PICTURE = base64.b64encode(PIXEL).decode()
AUDIT = Path(__file__).with_name("accessibility_audit.js").read_text(encoding="utf-8")
SIZES = [{"width": 1280, "height": 800}, {"width": 390, "height": 844}]


async def content(bot: TinyBot) -> None:
    await bot.send_card(markdown="| a | b |\n|--|--|\n| 1 | `2` |\n\n> 引用 [链接](https://example.com)")
    await bot.send_file("报告.xlsx", b"PK")
    await bot.hook("@user01 @user02 请看", at={"atUserIds": ["user01"]})
    for said in ({"msgtype": "richText", "content": PICTURE}, {"msgtype": "audio"}, {"msgtype": "text"}):
        sent = await bot.call(
            "POST", "/_sandbox/say", {"conversation": GROUP, "user": "user01", "text": "看", **said}
        )
    reply = {"conversation": GROUP, "user": "manager01", "text": "好", "quote": sent["id"]}
    id_ = (await bot.call("POST", "/_sandbox/say", reply))["id"]
    named = {"robotCode": "dingsandboxapp", "openConversationId": GROUP, "openMsgId": id_}
    await bot.call("POST", "/v1.0/robot/emotion/reply", named | {"emotionName": "思考中"})


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES, ids=["core", "phone"])
async def test_everything_has_a_name_and_can_be_read(
    browser: Browser, bot: TinyBot, scheme: str, size: dict[str, int]
) -> None:
    page = await browser.new_page(viewport=size, color_scheme=scheme, locale="zh-CN", reduced_motion="reduce")  # type: ignore[arg-type]  # literals
    await content(bot)
    await page.goto(bot.url)
    await page.locator(f'[data-testid=conversation][data-id="{GROUP}"]').click()
    await page.get_by_test_id("composer").fill("没有提到机器人")
    file = {"name": "截图.png", "mimeType": "image/png", "buffer": PIXEL}
    await page.get_by_test_id("attach-file").set_input_files(file)  # type: ignore[arg-type]
    await last(page, "text").get_by_test_id("reply").click()
    await expect(page.get_by_test_id("connect-lines")).to_be_visible()
    await (await controls(page, "clock", "scene", "settings")).get_by_test_id("fault-add").click()
    await expect(page.locator(".faults li")).to_be_visible()
    assert await page.evaluate(AUDIT) == []
    await page.keyboard.press("Escape")
    await last(page, "card").locator("[data-action=rerun]").click()
    await expect(page.get_by_test_id("private")).to_be_visible()
    await inspector(page, "card")
    assert await page.evaluate(AUDIT) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    await page.context.close()


async def test_the_audit_sees_what_is_wrong(chat: Page) -> None:
    await chat.evaluate("document.querySelector('#title').style.color = '#ddd'")
    await chat.evaluate("document.querySelector('#log').append(document.createElement('button'))")
    assert {kind for kind, *_ in await chat.evaluate(AUDIT)} == {"contrast", "name"}


async def test_the_first_tab_leads_to_the_composer(chat: Page, bot: TinyBot) -> None:
    await chat.reload()
    await chat.locator("body[data-ready]").wait_for()
    await chat.keyboard.press("Tab")
    await expect(chat.locator(".skip")).to_be_focused()
    await chat.keyboard.press("Enter")
    await expect(chat.get_by_test_id("composer")).to_be_focused()


async def test_the_keyboard_alone_presses_a_button_and_opens_the_inspector(chat: Page, bot: TinyBot) -> None:
    await bot.send_card()
    await last(chat, "card").locator("[data-action=rerun]").focus()
    await chat.keyboard.press("Enter")
    await expect(chat.get_by_test_id("private")).to_be_visible()
    await expect(last(chat, "card").locator("[data-action=rerun]")).to_be_focused()
    await chat.keyboard.press("Tab")
    await expect(last(chat, "card").get_by_test_id("inspect")).to_be_focused()
    await chat.keyboard.press("Enter")
    await expect(chat.get_by_test_id("panel")).to_be_focused()


async def test_what_arrives_is_said_politely(chat: Page, bot: TinyBot) -> None:
    await bot.send("sampleText", content="跑完了")
    await expect(chat.locator("#announce[aria-live=polite]")).to_have_text("DingRun：跑完了")


async def test_an_order_to_the_panel_is_said_and_keeps_the_focus(chat: Page, bot: TinyBot) -> None:
    panel = await controls(chat, "clock")
    await panel.get_by_test_id("clock3600").focus()
    await chat.keyboard.press("Enter")
    await expect(chat.locator("#announce")).to_contain_text("1 小时：已生效")
    await expect(panel.get_by_test_id("clock3600")).to_be_focused()
