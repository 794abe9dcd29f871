"""A real browser for tests: `from tests.browser import browser, page` makes the fixtures known to a file.

It is the system's Chromium, driven by playwright. Without one the tests are skipped with the reason.
The tests of a file share one browser and so one event loop: the file says `pytestmark = IN_BROWSER`, and
fixtures that live beside a page are made with `beside_page`.
"""

import os
import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

MISSING = "no Chromium found: `apt-get install chromium`, or name a Chromium or Chrome in CHROMIUM_PATH"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


IN_BROWSER = pytest.mark.asyncio(loop_scope="session")
beside_page = pytest_asyncio.fixture(loop_scope="session")


def chromium() -> str | None:
    """The path of a Chromium, or None."""
    named = os.environ.get("CHROMIUM_PATH")
    return named or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium without a window, for the tests of one file."""
    path = chromium()
    if path is None:
        pytest.skip(MISSING)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        await browser.close()


@beside_page
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A Chinese desktop page in which anything that asks for another host than loopback, or throws, fails."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN")
    page = await context.new_page()
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", lambda request: None if "//127.0.0.1:" in request.url else trouble.append(request.url))
    yield page
    await context.close()
    assert trouble == []
