"""The whole program beside systems that report to it: keys, and what such a system does on its host."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from dingtalk_sandbox import Sandbox
from tests.scenarios.conftest import GROUP, PATIENCE, ROOT, Chat, Json, Service, service_on, settings, until
from tests.scenarios.demos import free_port

PING_KEY = "drp_ping-key-of-the-recipes"
TOKEN = "drt_token-of-the-recipes"  # noqa: S105 - of a test
WATCHER = "drt_token-of-those-who-watch"  # another key: each may send five requests a second
PROGRAM = ROOT / "bot" / "exec" / "dingrun_exec.py"


@dataclass(frozen=True, kw_only=True)
class Done:
    """A program that has ended."""

    code: int
    output: str


@dataclass
class Host:
    """A host whose programs report to DingRun, and the group that reads of it."""

    url: str
    chat: Chat
    service: Service
    folder: Path
    session: aiohttp.ClientSession
    started: list[asyncio.subprocess.Process] = field(default_factory=list)

    @property
    def log(self) -> Path:
        """Return the file to which the next program writes."""
        return self.folder / f"output-{len(self.started)}.txt"

    @property
    def environment(self) -> Mapping[str, str]:
        own = {"DINGRUN_URL": self.url, "DINGRUN_KEY": TOKEN, "DINGRUN_SPOOL": str(self.folder / "spool")}
        path = f"{self.folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {**os.environ, "PYTHONUNBUFFERED": "", **own, "PATH": path, "HOME": str(self.folder)}

    async def start(self, *argv: str, **more: str) -> asyncio.subprocess.Process:
        """Start a program on the host."""
        with self.log.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *argv,
                cwd=self.folder,
                env={**self.environment, **more},
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        self.started.append(process)
        return process

    async def run(self, *argv: str, **more: str) -> Done:
        """Run a program on the host to its end."""
        log = self.log
        process = await self.start(*argv, **more)
        await asyncio.wait_for(process.communicate(), PATIENCE)
        assert process.returncode is not None
        return Done(code=process.returncode, output=log.read_text(errors="replace"))

    async def wrap(self, *words: str, **more: str) -> Done:
        """Run `dingrun-exec`."""
        return await self.run(sys.executable, str(PROGRAM), *words, **more)

    async def cards(self, name: str) -> Sequence[Json]:
        """Return what the cards of a schedule show, in the order of its runs."""
        cards = [card["variables"] for card in await self.chat.messages("card")]
        return [card for card in cards if name in card["title"].replace("＿", "_")]  # it is no Markdown there

    async def card(self, name: str, number: int = 1) -> str:
        """Wait for a card of a schedule, and return its text, title first."""

        async def is_there() -> bool:
            return len(await self.cards(name)) >= number

        await until(is_there)
        card = (await self.cards(name))[number - 1]
        return f"{card['title']}\n{card['markdown']}"

    async def runs(self, slug: str) -> Sequence[Json]:
        """Return the runs of a schedule as the API tells them, newest first."""
        found = await self.call("GET", f"/v1/runs?schedule={slug}")
        runs: Sequence[Json] = found["runs"]
        return runs

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API until it is not too busy."""
        headers = {"Authorization": f"Bearer {WATCHER}"}
        while True:
            async with self.session.request(method, self.url + path, json=body, headers=headers) as answer:
                if answer.status != 429:
                    assert answer.ok, (answer.status, await answer.text())
                    return await answer.json(content_type=None) if answer.status != 204 else None
            await asyncio.sleep(0.3)  # as `Retry-After` says: five requests a second

    async def is_ready(self) -> bool:
        try:
            async with self.session.get(f"{self.url}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def close(self) -> None:
        """End what still runs."""
        for process in self.started:
            if process.returncode is None:
                process.kill()
            await process.wait()


def host_settings(sandbox: Sandbox, port: int, schedules: Mapping[str, Json]) -> Json:
    """Return the settings of a service that takes reports about any schedule, and tells the group of all."""
    own = {
        "web": {"port": port},
        "api": {
            "create": True,
            "keys": {
                "pings": {"kind": "ping", "key": PING_KEY},
                "hosts": {"key": TOKEN, "scopes": ["report", "read"]},
                "watcher": {"key": WATCHER, "scopes": ["read", "act"]},
            },
            "schedules": dict(schedules),
        },
        "notify": {
            "routes": {"*": [{"to": f"group:{GROUP}", "notify_on": "always"}]},
            "cards_per_minute": 20,  # a card for each run, no digest
        },
        "schedules": [],
    }
    return settings(sandbox, ["127.0.0.1"]) | own


@asynccontextmanager
async def reporting(folder: Path, schedules: Mapping[str, Json] | None = None) -> AsyncIterator[Host]:
    """Start the sandbox and the service, and wait until it takes reports."""
    port = free_port()
    async with Sandbox() as sandbox, aiohttp.ClientSession() as session:
        service = service_on(host_settings(sandbox, port, schedules or {}), folder)
        await service.start()
        chat = Chat(sandbox, session)
        host = Host(f"http://127.0.0.1:{port}", chat, service, folder, session)
        try:
            await until(host.is_ready)
            await until(chat.connected)
            yield host
        finally:
            await host.close()
            await service.end()
