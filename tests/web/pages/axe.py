"""axe-core, which checks the accessibility of a page in a browser. npm fetches it once."""

import functools
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

VERSION = "4.14.1"
NPM_TIMEOUT_SECONDS = 120
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """rules => axe.run({runOnly: rules}).then(found => found.violations.map(
    each => `${each.id}: ${each.nodes.map(node => node.html.slice(0, 160)).join(" | ")}`))"""


@functools.cache
def axe_source() -> str:
    """Return the script. Skips the test if npm is missing."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = Path(home) / "dingrun" / f"axe-core-{VERSION}"
    script = cache / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("no npm found, which fetches axe-core: `apt-get install npm`")
        command = [npm, "install", "--silent", "--no-save", "--prefix", str(cache), f"axe-core@{VERSION}"]
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(command, check=True, timeout=NPM_TIMEOUT_SECONDS)  # noqa: S603 - a command of ours
    return script.read_text(encoding="utf-8")


async def problems(page: Page) -> Any:
    """Return what axe finds, a line for each rule that is broken."""
    await page.evaluate(axe_source())
    return await page.evaluate(RUN, RULES)
