"""How long `python -m bot` takes to be connected, what it weighs then, and what each import costs.

`python -m benchmarks.startup`: times and sizes as ratios to a bare `import aiohttp` in a process of its own.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from dingtalk_sandbox import Sandbox

REFERENCE = "aiohttp"
IMPORTS = (
    REFERENCE,
    "dingtalk_stream",
    "alibabacloud_dingtalk.card_1_0.models",
    "alibabacloud_dingtalk.robot_1_0.models",
    "alibabacloud_dingtalk.oauth2_1_0.models",
    "alibabacloud_dingtalk.card_1_0.client",
    "bot.app",
)
SAMPLES = 5
PROBE = """
import importlib, json, time
started = time.perf_counter()
importlib.import_module({name!r})
took = time.perf_counter() - started
status = open("/proc/self/status").read()
print(json.dumps([took, int(status.partition("VmRSS:")[2].split()[0]) / 1024]))
"""


async def import_cost(name: str) -> tuple[float, float]:
    """Seconds (the fastest of five) and MiB of a process that imports one module."""
    best, size = float("inf"), 0.0
    for _ in range(SAMPLES):
        code = PROBE.format(name=name)
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await child.communicate()
        took, size = json.loads(out)
        best = min(best, took)
    return best, size


def resident(pid: int) -> float:
    """MiB that a process holds in memory now."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


async def service() -> tuple[float, float]:
    """Seconds from the start of `python -m bot` to its Stream, and its MiB two seconds later."""
    with tempfile.TemporaryDirectory() as folder:
        async with Sandbox() as sandbox:
            ding = {"APP_KEY": "dingsandboxapp", "APP_SECRET": "sandbox-app-secret"}
            ding |= {"OPENAPI_BASE": sandbox.url, "OAPI_BASE": sandbox.url}
            config = Path(folder) / "config.yaml"
            values = {"DINGDING": ding, "store": {"url": f"sqlite:///{folder}/d.db"}}
            await asyncio.to_thread(config.write_text, yaml.safe_dump(values), encoding="utf-8")
            started = time.perf_counter()
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "--config", str(config), stderr=asyncio.subprocess.DEVNULL
            )
            while not sandbox.hub.connections:  # noqa: ASYNC110 - another process connects
                await asyncio.sleep(0.005)
            took = time.perf_counter() - started
            await asyncio.sleep(2)
            size = resident(child.pid)
            child.terminate()
            await child.wait()
            return took, size


async def main() -> None:
    table = Table("what", "time / aiohttp", "memory / aiohttp", "seconds", "MiB")
    costs = {f"import {name}": await import_cost(name) for name in IMPORTS}
    costs["python -m bot, connected"] = await service()
    reference = costs[f"import {REFERENCE}"]
    for what, (took, size) in costs.items():
        ratios = (f"{took / reference[0]:.2f}", f"{size / reference[1]:.2f}")
        table.add_row(what, *ratios, f"{took:.3f}", f"{size:.0f}")
    Console().print(table)


if __name__ == "__main__":
    os.environ.setdefault("COLUMNS", "120")
    asyncio.run(main())
