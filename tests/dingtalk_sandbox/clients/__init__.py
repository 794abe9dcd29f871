"""Clients of DingTalk, unmodified, and programs around them. `scripts/sandbox-clients` installs them."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dingtalk_sandbox.intercept.interceptor import Interceptor
from tests.dingtalk_sandbox.harness import Client

PROGRAMS = Path(__file__).parent
PYTHON = sys.executable
MAX_SECONDS = 60.0
"""Longest time of one program. Under load, Java needs some seconds to start."""


@pytest.fixture
def clients() -> Path:
    """Return the folder of the installed clients."""
    folder = os.environ.get("SANDBOX_CLIENTS", "")
    if not folder:
        pytest.skip("Need SANDBOX_CLIENTS=FOLDER, and before: scripts/sandbox-clients FOLDER")
    return Path(folder).absolute()


async def finished(*command: str, interceptor: Interceptor) -> tuple[int | None, str]:
    """Run a program in the environment that the interceptor tells. Returns its exit code and output."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **interceptor.environment()},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(MAX_SECONDS):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, said.decode()


class Program:
    """A running program, of which a test reads lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._skipped: list[str] = []

    async def line(self, word: str) -> str:
        """Return the next line that begins with `word`. Clients log other lines as well."""
        out = self._process.stdout
        while out and (line := (await out.readline()).decode().rstrip("\n")):
            if line.startswith(word + " "):
                return line
            self._skipped.append(line)
        raise AssertionError(f"the client ended before it said {word}: {self._skipped}")


@asynccontextmanager
async def running(
    *command: str, environment: Mapping[str, str], cwd: Path | None = None
) -> AsyncIterator[Program]:
    """Run a program until the end of the block. It is killed with its children."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(MAX_SECONDS):
            yield Program(process)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def connected(client: Client) -> None:
    """Wait for a Stream connection."""
    async with client.http.get(client.sandbox.url + "/_sandbox/events") as events:
        while not client.sandbox.hub.connections:
            await events.content.readline()
