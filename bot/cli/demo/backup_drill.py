"""A wrapped shell script: it fails, a runner runs it again from its card, and it recovers."""

import asyncio
import os
import secrets
import shlex
import sys
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.exec import dingrun_exec

SLUG, NAME = "backup-drill", "备份演练"
RUNNER = "demo"
END_SECONDS = 3.0
SCRIPT = """#!/bin/sh
# A backup that finds its disk full, once. It tidies up, so the next one is fine.
echo "备份 3 个数据库：orders users assets"
if [ ! -e tidied ]; then
    touch tidied
    echo "磁盘已满：/backup 只剩 12 MB（disk full）" >&2
    exit 28
fi
sleep 1
echo "备份完成：3 个数据库，412 MB"
"""
COMMAND = ("--count", r"数据库=备份完成：(\d+)", "--", "sh", "backup.sh")


@dataclass(frozen=True, kw_only=True)
class BackupDrill:
    """The host of the script: its folder, and how it reaches the API."""

    folder: Path
    url: str
    key: str = field(default_factory=lambda: f"drt_{secrets.token_hex(16)}", repr=False)

    def settings(self, group: str) -> Mapping[str, Any]:
        """Return the settings that let this host, and nobody else, report its script."""
        told = [{"to": f"group:{group}", "notify_on": "always"}]
        return {
            "api": {
                "keys": {"demo": {"kind": "token", "key": self.key, "slugs": [SLUG]}},
                "schedules": {SLUG: {"name": NAME, "rerun": {"runner": RUNNER}}},
            },
            "notify": {"routes": {NAME: told}},
        }

    @asynccontextmanager
    async def running(self, ready: Awaitable[object]) -> AsyncIterator[None]:
        """Run the script once `ready` is over, wrapped, beside a runner that waits for the chat."""
        living = asyncio.create_task(self._live(ready), name="the host of the backup drill")
        try:
            yield
        finally:
            living.cancel()
            with suppress(asyncio.CancelledError):
                await living

    async def _live(self, ready: Awaitable[object]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "tidied").unlink(missing_ok=True)
        (self.folder / "backup.sh").write_text(SCRIPT, encoding="utf-8")
        await ready
        started = []
        try:
            started.append(await self._start(["-s", SLUG, *COMMAND]))
            started.append(
                await self._start(["--runner", RUNNER, "--allow", f"{SLUG}={shlex.join(COMMAND)}"])
            )
            await started[-1].wait()
        finally:
            for process in started:
                await _end(process)

    async def _start(self, words: Sequence[str]) -> asyncio.subprocess.Process:
        own = {
            "DINGRUN_URL": self.url,
            "DINGRUN_KEY": self.key,
            "DINGRUN_SPOOL": str(self.folder.resolve() / "spool"),
        }
        return await asyncio.create_subprocess_exec(
            *(sys.executable, dingrun_exec.__file__, *words),
            cwd=self.folder,
            env={**os.environ, **own},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the demo, which ends its host last
        )


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), END_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
