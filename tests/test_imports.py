"""What a command need not pay for, it does not import."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BROKERS = ["celery", "kombu", "redis", "amqp"]
CLIENTS = ["alibabacloud_dingtalk.card_1_0.client", "alibabacloud_tea_openapi"]
PROGRAM = "import sys, {modules}; print([name for name in {unwanted!r} if name in sys.modules])"


@pytest.mark.parametrize(
    ("modules", "unwanted"),
    [
        ("bot.__main__", ["dingtalk_stream", "aiohttp", "pydantic", "dingtalk_sandbox"]),
        ("bot.cli.sandbox", ["dingtalk_stream", "alibabacloud_dingtalk", "aiosqlite", "openpyxl", "bot.app"]),
        ("bot.app", [*CLIENTS, "openpyxl", "dingtalk_sandbox", "motor", "pymongo", *BROKERS]),
        ("bot.cli.worker", ["dingtalk_stream", *CLIENTS, "openpyxl", "bot.app", *BROKERS]),
        ("bot.exporters.local.child", ["aiohttp", "dingtalk_stream", "alibabacloud_dingtalk", "aiosqlite"]),
    ],
)
def test_a_command_imports_only_what_it_needs(modules: str, unwanted: list[str]) -> None:
    program = PROGRAM.format(modules=modules, unwanted=unwanted)
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


SERVICE = """
import asyncio, sys
from bot.app import App
from bot.config.settings import Settings

async def start_and_stop():
    stop = asyncio.Event()
    stop.set()
    async with App(Settings.model_validate({values!r})) as app:
        await app.run(stop)

asyncio.run(start_and_stop())
print([name for name in {unwanted!r} if name in sys.modules])
"""


def test_a_service_that_exports_by_itself_imports_nothing_of_celery(tmp_path: Path) -> None:
    store, reports = {"url": f"sqlite:///{tmp_path}/d.db"}, {"dir": str(tmp_path / "reports")}
    values = {"store": store, "reports": reports, "exporter": {"kind": "local"}}
    program = SERVICE.format(values=values, unwanted=BROKERS)
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
