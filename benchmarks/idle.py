"""Cost of a bot that has nothing to do, and its time to a reply.

`python -m benchmarks.idle [--mongo mongodb://127.0.0.1:27017/] [--seconds 60]` runs `python -m bot` as a
process, connected to the sandbox, with a schedule that is not due, the web server and an API key. It prints
the CPU seconds a minute of the process and its children, and the time from a message in the group to its
reply. It exits with 1 if one of them is above its limit.
"""

import asyncio
import os
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click
import yaml
from rich.console import Console
from rich.table import Table

from bot.mongo import Mongo
from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.inbound.speech import Speech

GROUP, PERSON = "cidSandboxGroupOps==", "user01"
START_SECONDS = 60.0  # at most, until a bot is connected
REPLY_SECONDS = 30.0  # at most
WARM_UP_SECONDS = 15.0
QUESTIONS = 10
MAX_CPU_SECONDS = 0.1  # a minute
MAX_REPLY_SECONDS = 0.1
TICKS = os.sysconf("SC_CLK_TCK")
OWN_AND_CHILDREN = slice(11, 15)  # utime, stime, cutime, cstime in /proc/PID/stat, after the name


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and of its ended children."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, stat[OWN_AND_CHILDREN])) / TICKS


def settings(sandbox: Sandbox, store: str, folder: Path) -> dict[str, Any]:
    ding = {"APP_KEY": "dingsandboxapp", "APP_SECRET": "sandbox-app-secret", "DEFAULT_CHAT_ID": GROUP}
    return {
        "DINGDING": ding | {"OPENAPI_BASE": sandbox.url, "OAPI_BASE": sandbox.url},
        "store": {"url": store},
        "reports": {"dir": str(folder / "reports")},
        "schedules": [{"name": "每日巡检", "cron": "0 3 1 1 *", "targets": ["127.0.0.1"], "ports": [9]}],
        "access": {"operators": [PERSON]},
        "web": {"port": free_port()},
        "api": {"keys": {"backup": {"kind": "ping", "key": "sha256:" + "0" * 64, "slugs": ["backup-*"]}}},
    }


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@asynccontextmanager
async def running_bot(
    sandbox: Sandbox, store: str, folder: Path, extra: Mapping[str, Any] = MappingProxyType({})
) -> AsyncIterator[int]:
    """Run a bot until it is connected. `extra` are more settings. Yields its process id."""
    config = folder / "config.yaml"
    values = settings(sandbox, store, folder) | dict(extra)
    await asyncio.to_thread(config.write_text, yaml.safe_dump(values), encoding="utf-8")
    bot = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "--config", str(config)),
        stderr=asyncio.subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if not name.startswith("DINGRUN_")},
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            while not sandbox.hub.connections:  # noqa: ASYNC110 - another process connects
                await asyncio.sleep(0.05)
        yield bot.pid
    finally:
        if bot.returncode is None:
            bot.terminate()
        await bot.wait()


async def seconds_to_reply(sandbox: Sandbox) -> float:
    """Ask for help in the group, and wait for the answer."""
    conversations = sandbox.state.conversations
    before = len(conversations.messages(GROUP))
    started = time.perf_counter()
    await sandbox.actions.say(Speech(conversation=GROUP, user=PERSON, text="@DingRun 帮助"))
    async with asyncio.timeout(REPLY_SECONDS):
        while len(conversations.messages(GROUP)) < before + 2:  # noqa: ASYNC110 - another process answers
            await asyncio.sleep(0.002)
    return time.perf_counter() - started


async def measure(store: str, seconds: float) -> tuple[float, float]:
    """Return CPU seconds a minute, and the slowest of some replies, in seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with (
            Sandbox() as sandbox,
            running_bot(sandbox, store or f"sqlite:///{name}/d.db", folder) as pid,
        ):
            await asyncio.sleep(WARM_UP_SECONDS)
            before = cpu_seconds(pid)
            await asyncio.sleep(seconds)
            used = (cpu_seconds(pid) - before) * 60 / seconds
            replies = []
            for _ in range(QUESTIONS):
                replies.append(await seconds_to_reply(sandbox))
                await asyncio.sleep(1.1)
            return used, max(replies)


async def compare(mongo: str, seconds: float) -> dict[str, tuple[float, float]]:
    """Return what `measure` does, by store."""
    measured = {"SQLite": await measure("", seconds)}
    if mongo:
        address = f"{mongo.rstrip('/')}/idle_{secrets.token_hex(4)}"
        try:
            measured["MongoDB"] = await measure(address, seconds)
        finally:
            database = Mongo(address)
            await database.drop()
            await database.close()
    return measured


@click.command()
@click.option("--mongo", default="", metavar="URL", help="Server for a database that is dropped afterwards.")
@click.option("--seconds", default=60.0, show_default=True, help="Time to measure, per store.")
def main(mongo: str, seconds: float) -> None:
    """Measure an idle bot on SQLite, and on MongoDB if a server is named."""
    measured = asyncio.run(compare(mongo, seconds))
    table = Table("store", "CPU seconds a minute", "slowest reply (s)")
    for name, figures in measured.items():
        table.add_row(name, *(f"{each:.3f}" for each in figures))
    Console().print(table)
    if any(cpu > MAX_CPU_SECONDS or reply > MAX_REPLY_SECONDS for cpu, reply in measured.values()):
        raise click.ClickException(
            f"above {MAX_CPU_SECONDS} CPU seconds a minute, or {MAX_REPLY_SECONDS} s to a reply"
        )


if __name__ == "__main__":
    main()
