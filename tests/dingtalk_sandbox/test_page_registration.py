"""The page on which a person confirms a new app."""

import aiohttp
from playwright.async_api import Page, expect

from tests.browser import IN_BROWSER, browser, page
from tests.dingtalk_sandbox.harness import GROUP
from tests.dingtalk_sandbox.page_driver import bot
from tests.dingtalk_sandbox.tiny_bot import TinyBot

__all__ = ["bot", "browser", "page"]  # fixtures

pytestmark = IN_BROWSER


async def begin(http: aiohttp.ClientSession, url: str) -> dict[str, str]:
    async with http.post(f"{url}/app/registration/init", json={}) as answer:
        nonce = (await answer.json())["nonce"]
    async with http.post(f"{url}/app/registration/begin", json={"nonce": nonce}) as answer:
        begun: dict[str, str] = await answer.json()
        return begun


async def test_a_person_confirms_names_the_robot_and_chooses_its_group(page: Page, bot: TinyBot) -> None:
    begun = await begin(bot.http, bot.url)
    await page.goto(begun["verification_uri_complete"])
    await expect(page.get_by_test_id("code")).to_have_text(begun["user_code"])
    await page.get_by_test_id("name").fill("巡检机器人")
    await page.get_by_test_id(f"group-{GROUP}").check()
    await page.get_by_test_id("confirm").click()
    await expect(page.get_by_test_id("outcome")).to_contain_text("巡检机器人")
    async with bot.http.get(f"{bot.url}/_sandbox/registrations") as answer:
        (found,) = await answer.json()
    assert (found["status"], found["robotName"]) == ("SUCCESS", "巡检机器人")


async def test_a_person_refuses_and_a_second_answer_is_told_why_not(page: Page, bot: TinyBot) -> None:
    begun = await begin(bot.http, bot.url)
    for _ in range(2):
        await page.goto(begun["verification_uri_complete"])
        await page.get_by_test_id("refuse").click()
        await page.get_by_test_id("outcome").wait_for()
    await expect(page.get_by_test_id("outcome")).to_contain_text("not waiting")
