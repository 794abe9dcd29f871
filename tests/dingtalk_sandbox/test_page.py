"""The sandbox's page in a real browser, with a minimal bot."""

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser import IN_BROWSER, browser, page
from tests.dingtalk_sandbox.page_driver import bot, chat, last
from tests.dingtalk_sandbox.tiny_bot import CARDS, GROUP, MESSAGES, TinyBot

__all__ = ["bot", "browser", "chat", "page"]  # fixtures

pytestmark = IN_BROWSER

EVIL = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
HOSTILE = ("javascript:window.hacked=1", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x")


async def no_markup(chat: Page) -> None:
    assert await chat.evaluate("window.hacked") is None
    assert await chat.locator("#log img:not(.empty img), #log script").count() == 0


async def test_a_person_says_something_and_the_robot_hears_it(chat: Page, bot: TinyBot) -> None:
    async with bot.listening():
        await expect(chat.get_by_test_id("stream")).to_contain_text("Stream 已连接")
        await chat.get_by_test_id("composer").fill("@DingRun 状态")
        await chat.get_by_test_id("composer").press("Enter")
        await expect(last(chat, "text")).to_contain_text("@DingRun 状态")
        await expect(last(chat, "text")).to_contain_text("王敏")
        assert [m["text"]["content"].strip() for m in bot.told(MESSAGES)] == ["状态"]


async def test_shift_enter_makes_a_line_and_does_not_send(chat: Page) -> None:
    composer = chat.get_by_test_id("composer")
    await composer.fill("一")
    await composer.press("Shift+Enter")
    await composer.press_sequentially("二")
    await expect(composer).to_have_value("一\n二")
    assert await chat.get_by_test_id("message").count() == 0


async def test_an_at_offers_the_robot_and_puts_its_name(chat: Page) -> None:
    composer = chat.get_by_test_id("composer")
    await composer.press_sequentially("@")
    await expect(chat.get_by_test_id("mention").first).to_contain_text("DingRun")
    await composer.press("Enter")
    await expect(composer).to_have_value("@DingRun ")


async def test_a_chip_speaks_at_once_as_the_chosen_person(chat: Page) -> None:
    await chat.get_by_test_id("speak-as").select_option("user01")
    await chat.get_by_role("button", name="最近报告").click()
    await expect(last(chat, "text")).to_contain_text("@DingRun 最近报告")
    await expect(last(chat, "text")).to_contain_text("李雷")


async def test_a_press_calls_back_and_only_the_tapper_sees_the_answer(chat: Page, bot: TinyBot) -> None:
    bot.answer = {"userPrivateData": {"cardParamMap": {"tips": "已受理：每日巡检"}}}
    async with bot.listening():
        await bot.send_card()
        await expect(last(chat, "card")).to_contain_text("每日巡检")
        await last(chat, "card").locator("[data-action=rerun]").click()
        await expect(chat.get_by_test_id("private")).to_contain_text("已受理：每日巡检")
        assert [(t["outTrackId"], t["userId"]) for t in bot.told(CARDS)] == [("run-1", "manager01")]
        await chat.get_by_test_id("speak-as").select_option("user01")
        await expect(chat.get_by_test_id("private")).to_have_count(0)
        await expect(last(chat, "card")).to_contain_text("保留 30 天")


async def test_a_press_that_nobody_answers_says_so(chat: Page, bot: TinyBot) -> None:
    await bot.send_card()
    await last(chat, "card").locator("[data-action=rerun]").click()
    await expect(chat.locator("[data-testid=private].bad")).to_be_visible()
    await expect(last(chat, "card").locator("[data-action=rerun]")).not_to_have_attribute("aria-busy", "true")


async def test_a_card_that_is_updated_changes_in_place(chat: Page, bot: TinyBot) -> None:
    await bot.send_card()
    button = last(chat, "card").locator("[data-action=rerun]")
    await button.focus()
    await bot.update_card(markdown="**正在重跑**")
    await expect(last(chat, "card").locator("strong")).to_have_text("正在重跑")
    await expect(button).to_be_focused()


async def test_a_file_downloads_with_the_bytes_that_were_sent(chat: Page, bot: TinyBot) -> None:
    content = bytes(range(256)) * 40
    await bot.send_file("报告.xlsx", content)
    await expect(last(chat, "file")).to_contain_text("10 KB")
    async with chat.expect_download() as waiting:
        await last(chat, "file").get_by_test_id("download").click()
    download = await waiting.value
    assert download.suggested_filename == "报告.xlsx"
    assert (await download.path()).read_bytes() == content


async def test_markup_in_a_text_stays_text(chat: Page) -> None:
    await chat.get_by_test_id("composer").fill(EVIL)
    await chat.get_by_test_id("send").click()
    await expect(last(chat, "text").locator(".words")).to_have_text(EVIL)
    await no_markup(chat)


async def test_dangerous_links_are_dead(chat: Page, bot: TinyBot) -> None:
    links = " ".join(f"[按我]({url})" for url in HOSTILE)
    await bot.send("sampleMarkdown", title="t", text=f"{links} [好]({bot.url}/ok)")
    await expect(last(chat, "markdown").locator("a")).to_have_text("好")
    for link in await last(chat, "markdown").get_by_text("按我", exact=True).all():
        await link.click()
    await expect(last(chat, "markdown").locator(".dead-link")).to_have_count(len(HOSTILE))
    await no_markup(chat)


TABLE = f"| a |\n|--|\n| {EVIL} |\n\n<font color=red>{EVIL}</font> <a href='x'>y</a>"


async def test_markup_in_a_card_stays_text(chat: Page, bot: TinyBot) -> None:
    await bot.send_card(title=EVIL, markdown=TABLE)
    await expect(last(chat, "card").locator("h3").first).to_have_text(EVIL)
    await expect(last(chat, "card").locator("td")).to_have_text(EVIL)
    await expect(last(chat, "card").locator("a")).to_have_count(0)
    await no_markup(chat)


async def test_the_inspector_shows_request_size_and_answer(chat: Page, bot: TinyBot) -> None:
    await bot.send_card()
    await last(chat, "card").hover()
    await last(chat, "card").get_by_test_id("inspect").click()
    panel = chat.get_by_test_id("panel")
    await expect(panel).to_contain_text("/v1.0/card/instances/createAndDeliver")
    await expect(panel).to_contain_text("deliverResults")
    await expect(panel).to_contain_text("字节")
    await chat.keyboard.press("Escape")
    await expect(panel).to_be_hidden()
    await expect(last(chat, "card").get_by_test_id("inspect")).to_be_focused()


async def test_the_page_speaks_english_to_an_english_browser(browser: Browser, bot: TinyBot) -> None:
    english = await browser.new_page(locale="en-US")
    await english.goto(bot.url)
    await expect(english.get_by_test_id("stream")).to_contain_text("Stream not connected")
    await english.get_by_test_id("language").click()
    await expect(english.get_by_test_id("stream")).to_contain_text("Stream 未连接")
    await english.context.close()


async def test_on_a_phone_the_list_and_the_chat_take_turns(page: Page, bot: TinyBot) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(bot.url)
    await expect(page.get_by_test_id("composer")).to_be_hidden()
    await page.get_by_test_id("conversation").first.click()
    await expect(page.get_by_test_id("composer")).to_be_visible()
    await page.get_by_test_id("back").click()
    await expect(page.get_by_test_id("conversation").first).to_be_focused()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_who_scrolled_up_is_told_of_the_new_and_not_moved(chat: Page, bot: TinyBot) -> None:
    for n in range(12):
        await bot.send("sampleText", content=f"第 {n} 句\n" * 4)
    await expect(last(chat, "text")).to_be_in_viewport()
    await chat.locator("#scroll").evaluate("box => { box.scrollTop = 0; }")
    await bot.send("sampleText", content="最新")
    await expect(chat.get_by_test_id("pill")).to_contain_text("有新消息")
    await expect(last(chat, "text")).not_to_be_in_viewport()
    await chat.get_by_test_id("pill").click()
    await expect(last(chat, "text")).to_be_in_viewport()


async def test_a_fault_ordered_on_the_page_happens_once(chat: Page, bot: TinyBot) -> None:
    await chat.get_by_test_id("controls").click()
    await chat.get_by_test_id("fault-kind").select_option("busy")
    await chat.get_by_test_id("fault-endpoint").select_option("/v1.0/robot/")
    await chat.get_by_test_id("fault-add").click()
    await expect(chat.get_by_test_id("panel")).to_contain_text("还剩 1 次")
    with pytest.raises(AssertionError, match=r"system\.busy"):
        await bot.send("sampleText", content="不会到")
    await bot.send("sampleText", content="会到")
    await expect(chat.get_by_test_id("message")).to_have_count(1)


async def test_the_stream_can_be_cut_on_the_page(chat: Page, bot: TinyBot) -> None:
    async with bot.listening():
        await expect(chat.get_by_test_id("stream")).to_have_class("link-state on")
        await chat.get_by_test_id("controls").click()
        await chat.get_by_test_id("ctl.drop").click()
        await expect(chat.get_by_test_id("stream")).to_have_class("link-state off")


async def test_a_message_elsewhere_is_counted_as_unread_until_it_is_looked_at(
    chat: Page, bot: TinyBot
) -> None:
    await chat.locator("[data-testid=conversation][data-kind=oto]").click()
    await bot.send("sampleText", content="看这里")
    group = chat.locator(f'[data-testid=conversation][data-id="{GROUP}"]')
    await expect(group.locator(".badge")).to_have_text("1")
    await expect(group).to_contain_text("DingRun：看这里")
    await group.click()
    await expect(group.locator(".badge")).to_have_count(0)


async def test_a_link_that_speaks_says_its_words_as_the_one_who_pressed(chat: Page, bot: TinyBot) -> None:
    say = "dtmd://dingtalkclient/sendMessage?content=%40DingRun%20rerun"
    await bot.send("sampleActionCard", title="t", text="x", singleTitle="再跑", singleURL=say)
    await last(chat, "action_card").get_by_role("button", name="再跑").click()
    await expect(last(chat, "text")).to_contain_text("@DingRun rerun")
