"""Real brokers for the tests, from Debian's packages: each test has its own, on a port of its own."""

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

HOW = "Need real brokers: apt-get install redis-server rabbitmq-server (.ci/run does)"
PASSWORD = "password-of-the-broker"  # noqa: S105 - of a broker that lives for one test
PATIENCE = 60  # seconds; a busy machine, not the speed to expect


class BrokerServer:
    """A broker that a test can end and start again; what it had is gone then."""

    program: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "broker"
        self.folder.mkdir()
        if not shutil.which(self.program):
            pytest.skip(HOW)
        self._held: socket.socket | None = socket.socket()  # nobody else gets the port meanwhile
        self._held.bind(("127.0.0.1", 0))
        self.port: int = self._held.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        raise NotImplementedError

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _variables(self) -> dict[str, str]:
        return {}

    async def start(self) -> None:
        """Ports that it needs besides its own may be taken by others just then: it has three tries."""
        for _ in range(3):
            if await self._started():
                return
        raise AssertionError((self.folder / "broker.log").read_text()[-3000:])

    async def _started(self) -> bool:
        if self._held:
            self._held.close()
        with (self.folder / "broker.log").open("ab") as said:
            self._process = subprocess.Popen(  # noqa: S603, ASYNC220 - a program from Debian's packages
                self._command(), stdout=said, stderr=said, env=os.environ | self._variables()
            )
        async with asyncio.timeout(PATIENCE):
            while not await asyncio.to_thread(is_open, self.port):
                if self._process.poll() is not None:
                    return False
                await asyncio.sleep(0.05)
        return True

    async def end(self) -> None:
        if self._held:
            self._held.close()
        if self._process:
            self._process.terminate()
            await asyncio.to_thread(self._process.wait)


class RedisServer(BrokerServer):
    program = "redis-server"

    @property
    def url(self) -> str:
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    def _command(self) -> list[str]:
        where = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        return [self.program, *where, "--save", "", "--appendonly", "no", "--requirepass", PASSWORD]


class RabbitMqServer(BrokerServer):
    _epmd = ""
    program = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # the one in the path wants to be a user of its own

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def _command(self) -> list[str]:
        return [self.program]

    def _variables(self) -> dict[str, str]:
        (self.folder / "plugins").write_text("[].")
        self._epmd = str(free_port())
        return {
            "HOME": str(self.folder),  # where Erlang keeps its cookie
            "RABBITMQ_NODENAME": f"dingrun{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "ERL_CRASH_DUMP": str(self.folder / "crash.dump"),  # not where the tests are started
            "ERL_EPMD_PORT": self._epmd,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    async def end(self) -> None:
        await super().end()
        names = ["epmd", "-port", self._epmd, "-kill"]
        if self._epmd:
            await asyncio.to_thread(subprocess.run, names, check=False, capture_output=True)


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


def is_open(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[BrokerServer]:
    broker = RedisServer(tmp_path)
    await broker.start()
    yield broker
    await broker.end()


@pytest.fixture
async def rabbitmq(tmp_path: Path) -> AsyncIterator[BrokerServer]:
    """Not started yet: that takes seconds."""
    broker = RabbitMqServer(tmp_path)
    yield broker
    await broker.end()
