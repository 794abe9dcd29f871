"""`python -m bot demo`: a fake DingTalk, three web servers and the service, in one process, on loopback."""

import asyncio
import logging
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import click

from bot.app import App
from bot.config import Settings
from bot.errors import ConfigError
from bot.log import configure
from bot.models import Trigger
from bot.neighbours import Neighbours
from bot.runs import Cause
from bot.signals import stop_on_signals
from bot.standalone import sandbox_on

log = logging.getLogger(__name__)

CONNECT_WITHIN = 20.0  # seconds

WELCOME = """
  钉钉沙箱 / chat page   {url}
  数据 / data            {data}
  在群里试试 / try       @DingRun 帮助 · 重跑 · 最近报告 · 状态 · 计划
  停止 / stop            Ctrl-C
"""


async def run(*, port: int, data: Path | None, when_ready: Callable[[str], object] | None) -> None:
    """Run the demo until SIGINT or SIGTERM; its data is thrown away at the end unless `data` is given."""
    configure("INFO")
    stop = stop_on_signals()
    async with AsyncExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dingrun-demo-")))
        sandbox = await stack.enter_async_context(sandbox_on("127.0.0.1", port))
        neighbours = await stack.enter_async_context(Neighbours())
        app = await stack.enter_async_context(App(demo_settings(sandbox.url, folder, neighbours)))
        service = asyncio.create_task(app.run(stop), name="service")
        service.add_done_callback(lambda _: stop.set())
        await _first_run(app, stop)
        click.echo(WELCOME.format(url=sandbox.url, data=folder))
        if when_ready:
            when_ready(sandbox.url)
        await service


async def _first_run(app: App, stop: asyncio.Event) -> None:
    """The demo asks for its first run itself, so that nobody waits for the cron; the next ones come by it."""
    stream = app.parts.streams.get("")
    if stream is None:
        raise ConfigError("DINGDING.APP_KEY is missing: the demo needs the Stream")
    connected = asyncio.create_task(stream.connected.wait())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([connected, stopped], timeout=CONNECT_WITHIN, return_when=asyncio.FIRST_COMPLETED)
    for waiting in (connected, stopped):
        waiting.cancel()
    schedules = await app.engine.schedules()
    await app.parts.runs.trigger(
        schedules[0], Cause(id=f"demo:{app.started.isoformat()}", trigger=Trigger.CRON)
    )


def demo_settings(url: str, folder: Path, neighbours: Neighbours) -> Settings:
    """Settings as a person would write them, with the addresses of this demo."""
    return Settings.model_validate({
        "DINGDING": {
            "APP_KEY": "dingsandboxapp",
            "APP_SECRET": "sandbox-app-secret",
            "AGENT_ID": 3001,
            "DEFAULT_CHAT_ID": "cidSandboxGroupOps==",
            "OPENAPI_BASE": url,
            "OAPI_BASE": url,
        },
        "store": {"url": f"sqlite:///{folder.resolve()}/dingrun.db"},
        "reports": {"dir": str(folder.resolve() / "reports")},
        "schedules": [
            {
                "name": "每日巡检",
                "cron": "*/5 * * * *",
                "targets": neighbours.targets,
                "notify_enable": True,
                "notify_on": "always",
            },
            {
                "name": "故障演练",
                "cron": "0 9 * * 1",
                "targets": [*neighbours.targets[:1], neighbours.closed],
                "notify_enable": True,
                "notify_on": "always",
            },
        ],
    })
