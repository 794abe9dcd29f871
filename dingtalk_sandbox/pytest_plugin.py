"""A pytest plugin with the fixtures `ding` and `dingtalk`, a running sandbox for one test.

It registers itself where the package `dingtalk-sandbox` is installed. Elsewhere, enable it with
`pytest_plugins = ["dingtalk_sandbox.pytest_plugin"]` in the top-level conftest.py, or with
`-p dingtalk_sandbox.pytest_plugin`. `dingtalk` requires pytest-asyncio in auto mode. See docs/sandbox.md.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import aiohttp
import pytest

from dingtalk_sandbox import Sandbox, driver


class DingTalk:
    """Drives a sandbox through its control API. `url` replaces both of DingTalk's hosts."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self._session = session

    @property
    def url(self) -> str:
        return self.sandbox.url

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the control API. Raises `AssertionError` with the response if it is not 200."""
        url = f"{self.url}/_sandbox/{path}"
        async with self._session.request(method, url, json=body) as answer:
            said = await answer.json()
            if answer.status != 200:  # noqa: PLR2004 - HTTP OK
                raise AssertionError(f"{method} {path}: {answer.status} {said}")
            return said

    async def say(self, text: str = "", *, user: str = "user01", conversation: str = "", **more: Any) -> Any:
        """Send a message as a user. The conversation defaults to the first group.

        `more` are fields of the control call: `msgtype`, `fileName`, `content` in base64, `quote`.
        """
        place = conversation or self.sandbox.state.scenario.groups[0].id
        return await self.call("POST", "say", {"conversation": place, "user": user, "text": text, **more})

    async def tap(
        self, card: str, action: str, *, user: str = "user01", params: Mapping[str, Any] | None = None
    ) -> Any:
        """Press a button of a card. Returns what the user saw.

        `params` are the values of a form, the value of a field, or what tells buttons of a table apart.
        """
        body = {"card": card, "user": user, "action": action, "params": dict(params or {})}
        return await self.call("POST", "tap", body)

    async def expect(self, *, conversation: str = "", **wanted: Any) -> list[Any]:
        """Wait for messages that match `kind`, `contains`, `count` and `within`, and return them.

        Raises `AssertionError` if they do not arrive in time. The conversation defaults to the first group.
        """
        place = conversation or self.sandbox.state.scenario.groups[0].id
        answer = await self.call("POST", "expect", {"conversation": place, **wanted})
        return list(answer["messages"])

    async def set_faults(self, *rules: Mapping[str, Any]) -> None:
        """Replace the injected faults. Without rules, clear them."""
        await self.call("POST", "faults", list(rules))

    async def advance(self, seconds: float) -> None:
        """Advance the sandbox's clock."""
        await self.call("POST", "clock", {"advance": seconds})

    async def counters(self) -> Any:
        return await self.call("GET", "counters")


@pytest.fixture
def ding() -> Iterator[driver.Ding]:
    """Run a sandbox with the default scene in a thread, for one test without asyncio."""
    with driver.running() as people:
        yield people


@pytest.fixture
async def dingtalk() -> AsyncIterator[DingTalk]:
    """Run a sandbox with the default scenario on a free port, for one test."""
    async with Sandbox() as sandbox, aiohttp.ClientSession() as session:
        yield DingTalk(sandbox, session)
