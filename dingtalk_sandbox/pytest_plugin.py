"""A pytest plugin: `pytest_plugins = ["dingtalk_sandbox.pytest_plugin"]` in the top conftest, or `-p` it.

The fixture `dingtalk` is a running sandbox with the verbs of a script; it needs pytest-asyncio (or another
plugin that runs asynchronous fixtures) in its automatic mode. See docs/sandbox.md.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest

from dingtalk_sandbox import Sandbox


class DingTalk:
    """A sandbox as a script drives it, over its control API. `url` is the base of both of DingTalk's
    hosts."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self._session = session

    @property
    def url(self) -> str:
        return self.sandbox.url

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Any control call. Raises `AssertionError` with the sandbox's words when it is refused."""
        url = f"{self.url}/_sandbox/{path}"
        async with self._session.request(method, url, json=body) as answer:
            said = await answer.json()
            if answer.status != 200:  # noqa: PLR2004 - HTTP's own success
                raise AssertionError(f"{method} {path}: {answer.status} {said}")
            return said

    async def say(self, text: str, *, user: str = "user01", conversation: str = "") -> Any:
        """Speak as somebody, in the first group unless told otherwise."""
        place = conversation or self.sandbox.state.scenario.groups[0].id
        return await self.call("POST", "say", {"conversation": place, "user": user, "text": text})

    async def tap(self, card: str, action: str, *, user: str = "user01") -> Any:
        """Press a button; what the presser saw."""
        return await self.call("POST", "tap", {"card": card, "user": user, "action": action})

    async def expect(self, *, conversation: str = "", **wanted: Any) -> list[Any]:
        """Wait for messages (`kind`, `contains`, `count`, `within`) and return them."""
        place = conversation or self.sandbox.state.scenario.groups[0].id
        answer = await self.call("POST", "expect", {"conversation": place, **wanted})
        return list(answer["messages"])

    async def set_faults(self, *rules: Mapping[str, Any]) -> None:
        """Order trouble in place of what was ordered before; without rules, none."""
        await self.call("POST", "faults", list(rules))

    async def advance(self, seconds: float) -> None:
        """Turn the sandbox's clock."""
        await self.call("POST", "clock", {"advance": seconds})

    async def counters(self) -> Any:
        return await self.call("GET", "counters")


@pytest.fixture
async def dingtalk() -> AsyncIterator[DingTalk]:
    """A sandbox of the default scene, on a free port, for one test."""
    async with Sandbox() as sandbox, aiohttp.ClientSession() as session:
        yield DingTalk(sandbox, session)
