"""`dingrun demo`: a fake DingTalk, something to scan, and the service, in one process, on loopback."""

import asyncio
import logging
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from arl_sandbox import API_KEY
from bot.app import App
from bot.cli.demo.arl import run_arl, settings_for
from bot.cli.demo.sample_sites import SampleSites
from bot.cli.sandbox import sandbox_on
from bot.config.loader import Settings
from bot.errors import ConfigError
from bot.models import Trigger
from bot.runs.lifecycle import TriggerRequest
from bot.signals import stop_on_signals
from bot.telemetry.logging import configure
from bot.telemetry.redaction import find_secrets
from dingtalk_sandbox.scenario import default_scenario

log = logging.getLogger(__name__)

CONNECT_WITHIN = 20.0  # seconds
GROUP = "cidSandboxGroupOps=="

WELCOME = """
  钉钉沙箱 / chat page   {url}
  数据 / data            {data}{about}
  在群里试试 / try       @DingRun 帮助 · {words}
  停止 / stop            Ctrl-C
"""
WELCOME_ARL = """
  假灯塔 / fake ARL      {url}/api/  Token: {key}
  怎么读 / read by       {reads}"""


@dataclass(frozen=True, kw_only=True)
class DemoTargets:
    """What is scanned: what it adds to the settings, what one can say, what the welcome tells of it."""

    settings: Mapping[str, Any]
    words: str
    about: str = ""


@dataclass(frozen=True, kw_only=True)
class Demo:
    """What the command line asks for. Its data is thrown away at the end unless `data` is given."""

    port: int
    data: Path | None = None
    engine: str = "embedded"
    arl_mongo: str = ""

    @property
    def beside_arl(self) -> bool:
        return self.engine == "arl"


async def run(demo: Demo, when_ready: Callable[[str], object] | None) -> None:
    """Run the demo until SIGINT or SIGTERM."""
    if demo.arl_mongo and not demo.beside_arl:
        raise ConfigError("--arl-mongo belongs to --engine arl")
    configure("INFO", secrets=find_secrets(demo.arl_mongo))
    stop = stop_on_signals()
    async with AsyncExitStack() as stack:
        folder = demo.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dingrun-demo-")))
        sandbox = await stack.enter_async_context(sandbox_on("127.0.0.1", demo.port))
        around = await (_arl if demo.beside_arl else _neighbours)(demo, stack, stop)
        app = await stack.enter_async_context(App(demo_settings(sandbox.url, folder, around.settings)))
        service = asyncio.create_task(app.run(stop), name="service")
        service.add_done_callback(lambda _: stop.set())
        await _connected(app, stop)
        if not demo.beside_arl:
            await _first_run(app)
        click.echo(WELCOME.format(url=sandbox.url, data=folder, about=around.about, words=around.words))
        if when_ready:
            when_ready(sandbox.url)
        await service


async def _neighbours(_demo: Demo, stack: AsyncExitStack, _stop: asyncio.Event) -> DemoTargets:
    neighbours = await stack.enter_async_context(SampleSites())
    return DemoTargets(settings=demo_schedules(neighbours), words="重跑 · 最近报告 · 状态 · 计划")


async def _arl(demo: Demo, stack: AsyncExitStack, stop: asyncio.Event) -> DemoTargets:
    arl = await stack.enter_async_context(run_arl(demo.arl_mongo, stop))
    reads = "它的数据库 / its database" if demo.arl_mongo else "只用接口 / its API alone"
    return DemoTargets(
        settings=settings_for(arl, demo.arl_mongo, GROUP),
        words="重跑 · 重跑失败 · 停止 · 最近报告 · 计划",
        about=WELCOME_ARL.format(url=arl.url, key=API_KEY, reads=reads),
    )


async def _connected(app: App, stop: asyncio.Event) -> None:
    """Wait for the Stream, so that what is said is heard."""
    stream = app.streams.get("")
    if stream is None:
        raise ConfigError("DINGDING.APP_KEY is missing: the demo needs the Stream")
    connected = asyncio.create_task(stream.connected.wait())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([connected, stopped], timeout=CONNECT_WITHIN, return_when=asyncio.FIRST_COMPLETED)
    for waiting in (connected, stopped):
        waiting.cancel()


async def _first_run(app: App) -> None:
    """The demo asks for its first run itself, so that nobody waits for the cron; the next ones come by it."""
    schedules = await app.engine.schedules()
    await app.services.runs.trigger(
        schedules[0], TriggerRequest(idempotency_key=f"demo:{app.started.isoformat()}", trigger=Trigger.CRON)
    )


def demo_settings(url: str, folder: Path, more: Mapping[str, Any]) -> Settings:
    """Settings as a person would write them, with the addresses of this demo."""
    return Settings.model_validate({
        "DINGDING": {
            "APP_KEY": "dingsandboxapp",
            "APP_SECRET": "sandbox-app-secret",
            "AGENT_ID": 3001,
            "DEFAULT_CHAT_ID": GROUP,
            "OPENAPI_BASE": url,
            "OAPI_BASE": url,
        },
        "access": {"viewers": [person.id for person in default_scenario().people if person.is_internal]},
        "store": {"url": f"sqlite:///{folder.resolve()}/dingrun.db"},
        "reports": {"dir": str(folder.resolve() / "reports")},
        **more,
    })


def demo_schedules(neighbours: SampleSites) -> Mapping[str, Any]:
    """Schedules of the engine in the box, over the web servers of this demo."""
    return {
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
    }
