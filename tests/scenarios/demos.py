"""`python -m bot demo` in a process of its own, as a newcomer starts it."""

import asyncio
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

ROOT = Path(__file__).parent.parent.parent
STARTS_WITHIN = 30.0  # seconds, on a busy machine
ENDS_WITHIN = 5.0  # seconds after SIGTERM


@dataclass(frozen=True, kw_only=True)
class Demo:
    """A running demo."""

    process: asyncio.subprocess.Process
    url: str
    log: Path

    def login_url(self) -> str:
        """The link to the web pages that it printed."""
        found = re.search(r"http://\S+/status/login/\w+", self.log.read_text(encoding="utf-8"))
        assert found is not None
        return found[0]

    async def terminated(self) -> int:
        """Its exit code after SIGTERM. Raises `TimeoutError` when it takes too long."""
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), ENDS_WITHIN)


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


@asynccontextmanager
async def started(folder: Path, *more: str) -> AsyncIterator[Demo]:
    """A demo that has just been started; it is killed at the end if it has not ended by itself."""
    port = free_port()
    words = ["-m", "bot", "demo", "--no-browser", "--port", str(port), "--data", str(folder), *more]
    with (folder / "log").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, cwd=ROOT, stdout=output, stderr=output, env=os.environ | {"NO_PROXY": "*"}
        )
    try:
        yield Demo(process=process, url=f"http://127.0.0.1:{port}", log=folder / "log")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def running(folder: Path, *more: str) -> AsyncIterator[Demo]:
    """A demo whose page answers."""
    async with started(folder, *more) as demo:
        async with asyncio.timeout(STARTS_WITHIN):
            await _answers(demo)
        yield demo


async def _answers(demo: Demo) -> None:
    async with aiohttp.ClientSession() as http:
        while demo.process.returncode is None:
            try:
                await (await http.get(demo.url)).read()
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)  # it is a process: there is nothing to wait on
            else:
                return
    raise AssertionError(f"the demo ended at once with {demo.process.returncode}")
