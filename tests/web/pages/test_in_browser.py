"""The pages in a real browser: on phones and desktops, light and dark, by keyboard, with hostile names.

The content security policy is on, as it is for people. Only the check of accessibility needs a browser
without it, because it puts a script into the page.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page, expect

from bot.chat.users import UserDirectory
from bot.errors import TemporaryError
from bot.models import Person, TaskStatus
from bot.stores.sqlite.store import SqliteStore
from bot.web.guard import AdminGuard
from bot.web.server import application
from bot.wiring.pages import build_web_app
from tests.browser import IN_BROWSER, beside_page, browser
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_message, make_schedule
from tests.fakes import FakeClock
from tests.web.pages.axe import problems
from tests.web.web_harness import FakeIdentities

__all__ = ["browser"]

pytestmark = IN_BROWSER

HOSTILE = "<img src=x onerror=alert(1)>\"'\u202e{{7*7}} " + "很长的名字" * 12 + "W" * 60
WHO = Person(id="user01", name="<b>李雷</b>" + "长" * 40)
VISITS = count()  # a link that was used once logs nobody in again
WIDTHS = (360, 1280)
PAGES = ("overview", "run", "assets", "schedule", "deliveries", "quota", "audit")


@dataclass(frozen=True)
class Site:
    """A served web app whose names are all hostile, and how to log in to it."""

    core: CoreHarness
    url: str
    paths: dict[str, str]

    async def login_url(self, cause: str) -> str:
        return self.url + (await self.core.context.people.logins.issue_link(WHO, cause)).url


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder: Path = tmp_path_factory.mktemp("site")
    store = SqliteStore(folder / "dingrun.db")
    await store.open()
    core = CoreHarness(store=store, clock=FakeClock(), folder=folder / "reports")
    await UserDirectory(store).record(WHO)
    paths = await fill(core)
    await UserDirectory(store).record_message(make_message(corp_id="dingcorp"))
    identities = FakeIdentities({"code1": WHO})
    app = application(
        build_web_app(core.settings(), core.services, core.engine, identities).routes(), AdminGuard()
    )
    async with TestServer(app) as server:
        yield Site(core, str(server.make_url("")).rstrip("/"), paths)
    await store.close()


async def fill(core: CoreHarness) -> dict[str, str]:
    """Let runs end well, badly and unconfirmed, and one still run. Returns the paths of the pages."""
    core.schedule = make_schedule(name=HOSTILE, targets=(HOSTILE,), notify_enable=True, send_to=(GROUP,))
    core.engine.known[:] = [core.schedule]
    await core.finished_run()
    core.clock.turn(seconds=90)
    core.messenger.trouble = [None, None, TemporaryError(HOSTILE, uncertain=True)]
    run = await core.trigger(cause="cron:s1:failed")
    await core.finish(status=TaskStatus.ERROR, reason=HOSTILE, found={"site": 2})
    core.clock.turn(seconds=90)
    await core.trigger(cause="cron:s1:running")
    await core.say(f"状态 {HOSTILE}", sender=WHO)
    path = f"/status/runs/{run.id}"
    return {
        "overview": "/status",
        "run": path,
        "assets": f"{path}/assets?kind=site",
        "schedule": "/status/schedules/s1",
        **{name: f"/status/{name}" for name in ("deliveries", "quota", "audit")},
    }


@asynccontextmanager
async def visit(browser: Browser, site: Site, **options: Any) -> AsyncIterator[Page]:
    """Open a browser in which the person is logged in. Errors of scripts and of the policy fail the test."""
    context = await browser.new_context(**options)
    page = await context.new_page()
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda said: trouble.append(said.text) if said.type == "error" else None)
    page.on("dialog", lambda dialog: trouble.append(dialog.message))
    page.on("request", lambda asked: None if asked.url.startswith(site.url) else trouble.append(asked.url))
    await page.goto(await site.login_url(f"test:{next(VISITS)}"))
    await page.locator("main button").click()
    await expect(page).to_have_url(f"{site.url}/status")
    yield page
    await context.close()
    assert trouble == []


@beside_page
async def page(browser: Browser, site: Site) -> AsyncIterator[Page]:
    async with visit(browser, site, viewport={"width": 1280, "height": 800}) as page:
        yield page


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
async def test_every_page_is_accessible_and_fits(
    browser: Browser, site: Site, name: str, width: int, theme: Any
) -> None:
    size: Any = {"width": width, "height": 800}
    async with visit(browser, site, viewport=size, color_scheme=theme, bypass_csp=True) as page:
        answer = await page.goto(site.url + site.paths[name])
        assert answer is not None
        assert answer.ok
        assert await problems(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("width", [320, 768, 1920])
async def test_pages_fit_any_width(browser: Browser, site: Site, width: int) -> None:
    size: Any = {"width": width, "height": 1080}
    async with visit(browser, site, viewport=size) as page:
        for path in site.paths.values():
            await page.goto(site.url + path)
            assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
@pytest.mark.parametrize("name", PAGES)
async def test_hostile_names_are_text_under_the_policy(page: Page, site: Site, name: str, lang: str) -> None:
    await page.goto(f"{site.url}{site.paths[name]}{'&' if '?' in site.paths[name] else '?'}lang={lang}")
    assert await page.locator("img, main b").count() == 0
    await expect(page.locator("html")).to_have_attribute("lang", lang)
    assert "49" not in await page.locator("h1").inner_text()


async def test_the_login_pages_are_accessible(browser: Browser, site: Site) -> None:
    context = await browser.new_context(bypass_csp=True, viewport={"width": 360, "height": 700})
    page = await context.new_page()
    for path in (f"{site.url}/status", await site.login_url("a11y")):
        await page.goto(path)
        assert await problems(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    await context.close()


async def test_a_schedule_is_muted_by_keyboard_alone(page: Page, site: Site) -> None:
    await page.keyboard.press("Tab")
    await expect(page.locator(":focus")).to_have_class("skip")
    await page.keyboard.press("Enter")
    await page.locator("summary").first.focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await expect(page.locator(":focus")).to_contain_text("1 小时")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("很长的名字")
    override = await site.core.context.delivery.overrides.find("s1")
    assert override.mute is not None
    assert override.mute.by.id == WHO.id


async def test_escape_closes_a_menu_and_keeps_the_place(page: Page, site: Site) -> None:
    await page.goto(f"{site.url}{site.paths['schedule']}")
    menu = page.locator("details.menu")
    if not await menu.count():  # muted by another test
        await page.get_by_role("button", name="取消静默").click()
        await page.goto(f"{site.url}{site.paths['schedule']}")
    await menu.locator("summary").press("Enter")
    await page.keyboard.press("Escape")
    await expect(menu).not_to_have_attribute("open", "")
    await expect(menu.locator("summary")).to_be_focused()


async def test_stopping_asks_and_no_leaves_it_running(page: Page, site: Site) -> None:
    await page.goto(f"{site.url}/status")
    await page.get_by_role("button", name="停止").first.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("请确认")
    await page.get_by_role("button", name="取消").click()
    assert len(await site.core.store.find_runs(limit=0)) == 3
    running = (await site.core.store.find_runs(limit=1))[0]
    assert running.stopped_by is None


async def test_the_first_page_refreshes_itself(page: Page, site: Site) -> None:
    await page.goto(f"{site.url}/status")
    await page.evaluate("document.querySelector('h1').textContent = 'old'")
    await page.evaluate("refresh()")
    await expect(page.locator("h1")).to_have_text("状态")


async def test_pages_work_without_their_script(browser: Browser, site: Site) -> None:
    async with visit(browser, site, java_script_enabled=False) as page:
        await page.locator("tbody th a").first.click()
        await expect(page).to_have_url(f"{site.url}/status/schedules/s1")
        await page.get_by_role("link", name="审计").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("审计")


CLIENT = """window.dd = {requestAuthCode: ({corpId, clientId, success, fail}) => setTimeout(() =>
    corpId === "dingcorp" && clientId === "dingkey" ? success({code: "%s"}) : fail({}))}"""
OLD_CLIENT = """window.dd = {runtime: {permission: {requestAuthCode: ({onSuccess}) =>
    onSuccess({code: "code1"})}}}"""


@pytest.mark.parametrize("script", [CLIENT % "code1", OLD_CLIENT])
async def test_inside_dingtalk_people_are_logged_in_without_a_link(
    browser: Browser, site: Site, script: str
) -> None:
    context = await browser.new_context(locale="zh-CN")
    page = await context.new_page()
    await page.add_init_script(script)
    await page.goto(f"{site.url}{site.paths['quota']}")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("额度")
    await context.close()


async def test_a_client_that_gives_no_good_code_leaves_the_link(browser: Browser, site: Site) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    await page.add_init_script(CLIENT % "guess")
    async with page.expect_response("**/status/dingtalk"):
        await page.goto(f"{site.url}/status")
    await expect(page.locator("#silent")).to_be_hidden()
    await expect(page.locator("ol")).to_contain_text("登录")
    await context.close()
