"""The official Node client, unmodified. Its environment leads it to the sandbox.

Its packages are installed once, from the lock file beside its program, into the user's cache.
"""

import asyncio
import hashlib
import os
import shutil
from pathlib import Path

import pytest

from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.intercept.interceptor import Interceptor
from tests.dingtalk_sandbox.harness import KEY, SECRET, Client, card

SOURCE = Path(__file__).with_name("node")
NEEDED = "Need node and npm on the PATH (Debian: apt-get install nodejs npm) to run the official Node client"


async def run(*command: str, cwd: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


@pytest.fixture
async def program() -> Path:
    """Return the program with its packages installed."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip(NEEDED)
    files = ("package.json", "package-lock.json", "bot.mjs")
    texts = {name: (SOURCE / name).read_bytes() for name in files}
    key = hashlib.sha256(b"".join(texts.values())).hexdigest()[:16]
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "dingrun" / f"node-{key}"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, text in texts.items():
            (folder / name).write_bytes(text)
        await run("npm", "ci", "--omit=dev", "--no-audit", "--no-fund", cwd=folder)
        (folder / "done").touch()
    return folder / "bot.mjs"


async def test_the_official_node_client_hears_acks_and_answers_a_tap(
    client: Client, sandbox: Sandbox, interceptor: Interceptor, program: Path
) -> None:
    node = await asyncio.create_subprocess_exec(
        *("node", str(program), KEY, SECRET),
        env={**os.environ, **interceptor.environment()},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert node.stdout is not None
    try:
        async with asyncio.timeout(30):
            while not sandbox.hub.connections:  # noqa: ASYNC110 - another process connects
                await asyncio.sleep(0.02)
            said = await client.say("@DingRun 重跑")
            heard = await read_line(node.stdout, "message")
            assert heard == f'message {said["id"]} " 重跑" user01'
            await client.api("/v1.0/card/instances/createAndDeliver", card())
            tapped = await client.tap(user="user02")
            assert (tapped["ok"], tapped["private"]) == (True, {"tips": "taken: rerun"})
            assert await read_line(node.stdout, "tap") == "tap run-1 rerun user02"
    finally:
        node.kill()
        await node.wait()
    assert (await client.messages())[0]["wire"]["response"]["code"] == 200


async def read_line(out: asyncio.StreamReader, word: str) -> str:
    """Return the next line that begins with `word`. The client logs other lines as well."""
    while line := (await out.readline()).decode().rstrip("\n"):
        if line.startswith(word + " "):
            return line
    raise AssertionError(f"the client ended before it said {word}")
