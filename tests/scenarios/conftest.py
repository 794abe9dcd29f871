"""The whole program against the sandbox: `python -m bot` in a process of its own, over real sockets."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import pytest
import yaml

from bot.cli.demo.sample_sites import SampleSites
from dingtalk_sandbox import Sandbox

GROUP = "cidSandboxGroupOps=="
ROOT = Path(__file__).parent.parent.parent
PATIENCE = 90  # seconds; a busy machine, not the speed to expect

Json = dict[str, Any]


class Service:
    """`python -m bot` on a settings file, as a person would start it; `words` name another command."""

    program: tuple[str, ...] = ("-m", "bot")

    def __init__(self, config: Path, log: Path, *words: str) -> None:
        self._config, self.log, self._words = config, log, words
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, *self.program, "--config", str(self._config), *self._words]
            self.process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stderr=log, stdout=log)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await self.process.wait()

    async def command(self, *words: str) -> str:
        """Run another command on the same settings; what it said."""
        command = [sys.executable, "-m", "bot", "--config", str(self._config), *words]
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said
        return said.decode()

    async def kill(self) -> None:
        await self.end(signal.SIGKILL)


class Reached(Protocol):
    """A sandbox, here or in another process."""

    @property
    def url(self) -> str:
        """Where it is."""


class Chat:
    """What a person, or a test, does in the sandbox."""

    def __init__(self, sandbox: Reached, session: aiohttp.ClientSession) -> None:
        self.sandbox, self._session = sandbox, session

    async def get(self, path: str, **query: str) -> Any:
        async with self._session.get(f"{self.sandbox.url}/_sandbox/{path}", params=query) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def post(self, path: str, body: Any) -> Any:
        async with self._session.post(f"{self.sandbox.url}/_sandbox/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def messages(self, kind: str = "", conversation: str = GROUP) -> list[Json]:
        found = await self.get("messages", conversation=conversation)
        rows: list[Json] = found["messages"] if isinstance(found, dict) else found
        return [row for row in rows if kind in {"", row["kind"]}]

    async def say(self, text: str, user: str = "user01") -> str:
        """Say something in the group, wait for the robot's answer and return it."""
        before = len(await self.messages("markdown"))
        said = await self.post("say", {"conversation": GROUP, "user": user, "text": text})
        assert said["delivered"], said
        answers = await self.wait("markdown", before + 1)
        return str(answers[-1]["content"])

    async def tap(self, card: Json, action: str, user: str = "user01") -> Json:
        shown: Json = await self.post("tap", {"card": card["outTrackId"], "user": user, "action": action})
        return shown

    async def wait(self, kind: str, number: int) -> list[Json]:
        """Wait until the group has so many messages of a kind."""
        await until(lambda: self.has(kind, number))
        return await self.messages(kind)

    async def has(self, kind: str, number: int) -> bool:
        return len(await self.messages(kind)) >= number

    async def calls(self, endpoint: str) -> int:
        """How often an endpoint was called."""
        counters = await self.get("counters")
        return sum(number for name, number in counters["calls"].items() if endpoint in name)

    async def connected(self) -> bool:
        scene = await self.get("scene")
        return bool(scene["connections"])

    async def opened(self, number: int) -> bool:
        """Whether so many Stream connections have been opened since the start."""
        counters = await self.get("counters")
        return int(counters["stream"].get("opened", 0)) >= number

    async def download(self, file: Json) -> bytes:
        async with self._session.get(file["downloadUrl"]) as answer:
            assert answer.status == 200
            return await answer.read()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that another process does."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - the other side is another process
            await asyncio.sleep(0.05)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
async def chat(sandbox: Sandbox) -> AsyncIterator[Chat]:
    async with aiohttp.ClientSession() as session:
        yield Chat(sandbox, session)


@pytest.fixture
async def neighbours() -> AsyncIterator[SampleSites]:
    async with SampleSites() as neighbours:
        yield neighbours


def settings(sandbox: Sandbox, targets: list[str]) -> Json:
    """A settings file as a person would write it."""
    return {
        "DINGDING": {
            "APP_KEY": "dingsandboxapp",
            "APP_SECRET": "sandbox-app-secret",
            "DEFAULT_CHAT_ID": GROUP,
            "OPENAPI_BASE": sandbox.url,
            "OAPI_BASE": sandbox.url,
        },
        "access": {"operators": ["user01", "user02"]},
        "schedules": [
            {
                "name": "每日巡检",
                "cron": "0 3 1 1 *",
                "targets": targets,
                "notify_enable": True,
                "notify_on": "always",
            }
        ],
    }


def service_on(values: Json, folder: Path) -> Service:
    """A service with these settings, whose data lies in the folder."""
    config = folder / "config.yaml"
    values["store"] = {"url": f"sqlite:///{folder}/data/dingrun.db"}
    values["reports"] = {"dir": str(folder / "reports")}
    config.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    return Service(config, folder / "log.txt")


@pytest.fixture
async def service(
    sandbox: Sandbox, chat: Chat, neighbours: SampleSites, tmp_path: Path
) -> AsyncIterator[Service]:
    """The service, connected."""
    service = service_on(settings(sandbox, [*neighbours.targets, neighbours.closed]), tmp_path)
    await service.start()
    await until(chat.connected)
    yield service
    await service.end()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that nobody waits for it in the end."""
    items.sort(key=lambda item: item.path.name != "test_topology.py")
