"""`python -m bot demo` as a newcomer meets it: one process, a real browser, the first card by itself."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect
from python_calamine import CalamineWorkbook

from bot.cli.demo.sample_sites import PAGES
from cards.card_template import BUTTONS
from tests.browser import IN_BROWSER, beside_page, browser, page
from tests.card_look import look_of, stored_look
from tests.scenarios.conftest import Chat
from tests.scenarios.demos import ROOT, Demo, running

__all__ = ["browser", "page"]  # fixtures

pytestmark = IN_BROWSER

SOON = 30_000  # ms: the first card on a busy machine
TAPPED = "**/_sandbox/tap"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Demo]:
    """One demo for all tests of this file; it ends well."""
    async with running(tmp_path_factory.mktemp("demo")) as demo:
        yield demo
        assert await demo.terminated() == 0


@beside_page
async def chat(page: Page, demo: Demo) -> Page:
    """The page on the group that the demo writes to, once the first report has come."""
    await page.goto(demo.url)
    await page.get_by_test_id("conversation").first.click()
    await expect(messages(page, "file").first).to_be_visible(timeout=SOON)
    return page


def messages(chat: Page, kind: str) -> Locator:
    return chat.locator(f"[data-testid=message][data-kind={kind}]")


async def test_one_card_with_both_buttons_comes_by_itself_and_then_its_file(chat: Page) -> None:
    card, file = messages(chat, "card").first, messages(chat, "file").first
    await expect(card.get_by_role("button", name="获取报告")).to_be_enabled()
    await expect(card).to_contain_text("每日巡检")
    kinds = await chat.get_by_test_id("message").evaluate_all("all => all.map(one => one.dataset.kind)")
    assert kinds.index("card") < kinds.index("file")
    assert await file.get_by_test_id("download").count() == 1


async def test_the_picture_in_the_readme_shows_the_card_as_it_looks_today(chat: Page) -> None:
    """Draw it again with `scripts/card-picture`."""
    today = await look_of(messages(chat, "card").first.locator(".card"))
    assert stored_look((ROOT / "docs/card.png").read_bytes()) == today


async def test_a_question_is_answered(chat: Page) -> None:
    await expect(chat.get_by_test_id("stream")).to_contain_text("已连接")
    answered = await messages(chat, "markdown").count() + 1
    await chat.get_by_test_id("composer").fill("@DingRun 状态")
    await chat.get_by_test_id("composer").press("Enter")
    await expect(messages(chat, "markdown")).to_have_count(answered)
    await expect(messages(chat, "markdown").last).to_contain_text("每日巡检")


async def test_a_press_is_told_in_private_and_a_second_card_follows(chat: Page) -> None:
    """The answer gives way to the news that somebody runs it again, so it is read as it comes."""
    card = messages(chat, "card").first
    async with chat.expect_response(TAPPED) as told:
        await card.get_by_role("button", name="重跑", exact=True).click()
    assert "好的，开始重跑" in str((await (await told.value).json())["private"])
    await expect(card).to_contain_text("重跑了")
    second = messages(chat, "card").filter(has_text="王敏 点击卡片触发")
    await expect(second).to_be_visible(timeout=SOON)


async def test_who_presses_sees_the_answer_and_nobody_else(chat: Page) -> None:
    card = messages(chat, "card").first
    await card.get_by_role("button", name="获取报告", exact=True).click()
    await expect(card).to_contain_text("报告马上发到这里")
    speaker = chat.get_by_test_id("speak-as")
    himself = await speaker.input_value()
    await speaker.select_option("user01")
    await expect(card).to_contain_text("获取报告")
    await expect(card).not_to_contain_text("报告马上发到这里")
    await speaker.select_option(himself)
    await expect(card).to_contain_text("报告马上发到这里")


async def test_the_file_opens_and_lists_what_was_found(chat: Page) -> None:
    async with chat.expect_download() as waiting:
        await messages(chat, "file").first.get_by_test_id("download").click()
    download = await waiting.value
    assert download.suggested_filename.startswith("每日巡检")
    rows = CalamineWorkbook.from_path(str(await download.path())).get_sheet_by_name("站点").to_python()
    assert {row[1] for row in rows[1:]} == {title for _, title, _ in PAGES.values()}


async def test_the_web_pages_are_open_beside_the_chat(chat: Page, demo: Demo) -> None:
    await chat.goto(demo.login_url())
    await chat.get_by_role("button", name="登录").click()
    row = chat.get_by_role("row").filter(has_text="故障演练")
    await row.get_by_role("button", name="重跑").click()
    await chat.get_by_role("link", name="看这次执行").click()
    await expect(chat.get_by_role("heading", level=1)).to_contain_text("部分失败", timeout=SOON)
    await chat.goto(demo.url)
    await chat.get_by_test_id("conversation").first.click()
    card = messages(chat, "card").filter(has_text="故障演练")
    await expect(card.first).to_be_visible(timeout=SOON)


async def test_sigterm_ends_it_well_while_someone_looks_on(page: Page, tmp_path: Path) -> None:
    """It shows the public template, as people see it who have not imported ours."""
    async with running(tmp_path, "--card-template", "buttons") as demo:
        await page.goto(demo.url)
        await expect(messages(page, "card").first).to_be_visible(timeout=SOON)
        await expect(messages(page, "card").first.get_by_role("button", name="重跑")).to_be_enabled()
        async with aiohttp.ClientSession() as session:
            (card, *_) = await Chat(demo, session).messages("card")
        assert (card["template"], "markdown" in card["variables"]) == (BUTTONS.id, True)
        assert await demo.terminated() == 0
