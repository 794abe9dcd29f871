"""A person who sets up DingRun: reads the terminal, scans with DingTalk, speaks in the group."""

import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from cards.catalogue import load_words
from dingtalk_sandbox import Sandbox
from tests import ROOT
from tests.cli.init.terminal import Terminal, in_terminal
from tests.dingtalk_sandbox.harness import GROUP

SCENE = {"settings": {"registration_interval": 0.5}}
DINGRUN = (sys.executable, "-c", "from bot.__main__ import main; import sys; sys.argv[0] = 'dingrun'; main()")


@dataclass(frozen=True, kw_only=True)
class Walk:
    """The terminal, the fake DingTalk, and what a person does in both."""

    terminal: Terminal
    sandbox: Sandbox
    http: aiohttp.ClientSession
    lang: str

    def words(self, key: str) -> str:
        """Return a text of the dialogue up to its first value."""
        return load_words("init", self.lang)[key].partition("{")[0].partition("\n")[0].strip()

    async def answer(self, question: str, line: str = "") -> None:
        """Wait for a question, by the key of its text, and for the prompt behind it. Type the answer."""
        await self.terminal.expect(self.words(question))
        await self.terminal.expect_prompt()
        self.terminal.type(line)

    async def control(self, path: str, **body: Any) -> Any:
        async with self.http.post(f"{self.sandbox.url}/_sandbox/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def scan(self, *, action: str = "confirm", **more: Any) -> str:
        """Decide on the app whose code the terminal shows. Returns its robot, which is in the group then."""
        await self.terminal.expect(self.words("qr_code"))
        code = (await self.terminal.expect("\r\n")).strip()
        await self.terminal.expect(self.words("qr_wait"))
        who = {"user": "manager01", "robot_name": "DingRun"} if action == "confirm" else {}
        decided = await self.control("registration", user_code=code, action=action, **who, **more)
        if decided["app"]:
            await self.control("robots", group=GROUP, robot=decided["app"], action="add")
        return str(decided["app"])

    async def shown_number(self) -> str:
        await self.terminal.expect(self.words("group_say"))
        shown = await self.terminal.expect(self.words("group_wait"))
        (number,) = re.findall(r"\d{4}", shown)
        return str(number)

    async def say(self, text: str, *, user: str = "manager01", conversation: str = GROUP) -> None:
        await self.control("say", conversation=conversation, user=user, text=text)

    async def say_the_number(self) -> None:
        await self.say(f"@DingRun {await self.shown_number()}")


@asynccontextmanager
async def walking(
    sandbox: Sandbox, folder: Path, *options: str, lang: str = "zh-CN", **environment: str
) -> AsyncIterator[Walk]:
    """Start `dingrun init` in a terminal, in an empty folder."""
    variables: Mapping[str, str] = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    command = (*DINGRUN, "init", "--sandbox", sandbox.url, "--lang", lang, *options)
    async with (
        aiohttp.ClientSession() as http,
        in_terminal(*command, cwd=folder, environment={**variables, **environment}) as terminal,
    ):
        yield Walk(terminal=terminal, sandbox=sandbox, http=http, lang=lang)


async def walk_the_whole_way(walk: Walk) -> None:
    """Create an app by the QR code, find the group, and scan two targets every day."""
    await walk.answer("app_way")
    await walk.scan()
    await walk.answer("group_way")
    await walk.say_the_number()
    await walk.answer("admin_confirm")
    await walk.answer("watch_way")
    await walk.answer("targets_which", "example.com, 192.0.2.0/28")
    await walk.answer("targets_name")
    await walk.answer("targets_cron")
    await walk.answer("watch_more")
    await walk.answer("secrets_way")
    await walk.terminal.expect(walk.words("done"))
