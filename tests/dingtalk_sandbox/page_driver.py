"""Fixtures that open the sandbox's page in a browser, with a minimal bot connected."""

from collections.abc import AsyncIterator

import aiohttp
from playwright.async_api import Locator, Page

from dingtalk_sandbox import Sandbox
from tests.browser import beside_page
from tests.dingtalk_sandbox.tiny_bot import GROUP, HOOK, TinyBot

SCENE = {"custom_robots": [{"token": HOOK, "group": GROUP, "name": "告警"}]}


@beside_page
async def bot() -> AsyncIterator[TinyBot]:
    async with Sandbox(scenario=SCENE) as sandbox, aiohttp.ClientSession() as http:
        bot = TinyBot(http=http, url=sandbox.url)
        await bot.log_in()
        yield bot


@beside_page
async def chat(page: Page, bot: TinyBot) -> Page:
    """Open the page on the group, as the administrator."""
    await page.goto(bot.url)
    await page.locator("body[data-ready]").wait_for()
    await page.locator(f'[data-testid=conversation][data-id="{GROUP}"]').click()
    return page


def last(chat: Page, kind: str) -> Locator:
    return chat.locator(f"[data-testid=message][data-kind={kind}]").last


async def controls(chat: Page, *blocks: str) -> Locator:
    """Open the control panel and the named blocks."""
    await chat.get_by_test_id("controls").click()
    panel = chat.get_by_test_id("panel")
    for name in blocks:
        if not await panel.locator(f"details[data-block={name}]").evaluate("node => node.open"):
            await panel.get_by_test_id(f"block-{name}").click()
    return panel


async def inspector(chat: Page, kind: str) -> Locator:
    """Open the inspector for the last message of a kind."""
    await last(chat, kind).get_by_test_id("inspect").click()
    return chat.get_by_test_id("panel")
