"""`dingrun demo`: run a fake DingTalk, sites to scan, and the service, in one process on loopback."""

import asyncio
import logging
import secrets
import socket
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from arl_sandbox import API_KEY
from bot.app import App
from bot.cli.demo.arl import run_arl, settings_for
from bot.cli.demo.backup_drill import BackupDrill
from bot.cli.demo.sample_sites import SampleSites
from bot.cli.sandbox import sandbox_on
from bot.config.loader import Settings
from bot.errors import ConfigError
from bot.models import Person, PushStatus, Run, Trigger
from bot.runs.lifecycle import TriggerRequest
from bot.runtime import stop_on_signals
from bot.telemetry.logging import configure
from bot.telemetry.redaction import find_secrets
from cards.platform.export import FILE
from dingtalk_sandbox.scenario import Scenario, default_scenario
from dingtalk_sandbox.templates.document import parse_template

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_SECONDS = 20.0
GROUP = "cidSandboxGroupOps=="
FIRST = "每日巡检"
OWN_TEMPLATE = "d1e9a000-0000-4000-8000-000000000001.schema"  # as if it was imported into the card builder
LOOK_SECONDS = 0.3
ADMIN_NAME = "王敏"
ACCESS = {"admins": ["manager01"], "operators": ["user01"], "viewers": ["user02"]}
TITLES = {
    "manager01": "管理员 / admin",
    "user01": "可操作 / operator",
    "user02": "只查看 / viewer",
    "outsider01": "外部 / guest",
}
"""Roles of the people of the demo. The page speaks as the first one, who may do everything."""

WELCOME = """
  钉钉沙箱 / chat page   {url}
  网页 / web pages       {login}
  数据 / data            {data}{about}
  在群里试试 / try       @DingRun 帮助 · {words}
  停止 / stop            Ctrl-C
"""
WELCOME_ARL = """
  假灯塔 / fake ARL      {url}/api/  Token: {key}
  怎么读 / read by       {reads}"""


@dataclass(frozen=True, kw_only=True)
class DemoTargets:
    """The targets of the demo, with their settings, the commands to try, and lines for the welcome."""

    settings: Mapping[str, Any]
    words: str
    about: str = ""


@dataclass(frozen=True, kw_only=True)
class Demo:
    """The options of the command. Without `data`, the data is deleted at the end."""

    port: int
    data: Path | None = None
    engine: str = "embedded"
    arl_mongo: str = ""
    card_template: str = "dingrun"

    @property
    def uses_arl(self) -> bool:
        return self.engine == "arl"

    @property
    def template_id(self) -> str:
        """Return the card template as the settings name it."""
        return OWN_TEMPLATE if self.card_template == "dingrun" else self.card_template


async def run(demo: Demo, when_ready: Callable[[str], object] | None) -> None:
    """Run the demo until SIGINT or SIGTERM."""
    if demo.arl_mongo and not demo.uses_arl:
        raise ConfigError("--arl-mongo belongs to --engine arl")
    configure("INFO", secrets=find_secrets(demo.arl_mongo))
    stop = stop_on_signals()
    async with AsyncExitStack() as stack:
        folder = demo.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dingrun-demo-")))
        sandbox = await stack.enter_async_context(sandbox_on("127.0.0.1", demo.port, demo_scenario(demo)))
        targets = await (_arl if demo.uses_arl else _sample_sites)(demo, stack, stop)
        pages = page_settings()
        drill = BackupDrill(folder=folder / "backup-host", url=pages["public_url"])
        more = {"web": pages, **({} if demo.uses_arl else drill.settings(GROUP)), **targets.settings}
        app = await stack.enter_async_context(App(demo_settings(sandbox.url, folder, demo, more)))
        service = asyncio.create_task(app.run(stop), name="service")
        service.add_done_callback(lambda _: stop.set())
        await _connected(app, stop)
        if not demo.uses_arl:
            await stack.enter_async_context(drill.running(_first_run(app)))
        login = await _login(app)
        welcome = WELCOME.format(
            url=sandbox.url, login=login, data=folder, about=targets.about, words=targets.words
        )
        click.echo(welcome)
        for url in (sandbox.url, login):
            if when_ready:
                when_ready(url)
        await service


async def _sample_sites(_demo: Demo, stack: AsyncExitStack, _stop: asyncio.Event) -> DemoTargets:
    sites = await stack.enter_async_context(SampleSites())
    return DemoTargets(settings=demo_schedules(sites), words="重跑 · 最近报告 · 状态 · 计划")


async def _arl(demo: Demo, stack: AsyncExitStack, stop: asyncio.Event) -> DemoTargets:
    arl = await stack.enter_async_context(run_arl(demo.arl_mongo, stop))
    reads = "它的数据库 / its database" if demo.arl_mongo else "只用接口 / its API alone"
    return DemoTargets(
        settings=settings_for(arl, demo.arl_mongo, GROUP),
        words="重跑 · 重跑失败 · 停止 · 最近报告 · 计划",
        about=WELCOME_ARL.format(url=arl.url, key=API_KEY, reads=reads),
    )


async def _connected(app: App, stop: asyncio.Event) -> None:
    """Wait for the Stream, so that the first message is received."""
    stream = app.streams.get("")
    if stream is None:
        raise ConfigError("DINGDING.APP_KEY is missing: the demo needs the Stream")
    connected = asyncio.create_task(stream.connected.wait())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait(
        [connected, stopped], timeout=CONNECT_TIMEOUT_SECONDS, return_when=asyncio.FIRST_COMPLETED
    )
    for waiting in (connected, stopped):
        waiting.cancel()


async def _login(app: App) -> str:
    """Return a link that logs in the admin of the demo. `登录` in the one-to-one chat gives another one."""
    (admin,) = ACCESS["admins"]
    person = await app.services.context.people.users.with_name(Person(id=admin, name=ADMIN_NAME))
    link = await app.services.context.people.logins.issue_link(person, f"demo:{secrets.token_hex(8)}")
    return link.url


async def _first_run(app: App) -> None:
    """Trigger the first run, so that nobody has to wait for the cron, and wait until it is told."""
    schedules = {each.name: each for each in await app.engine.schedules()}
    request = TriggerRequest(idempotency_key=f"demo:{app.started.isoformat()}", trigger=Trigger.CRON)
    run: Run | None = await app.services.runs.trigger(schedules[FIRST], request)
    while run and run.push_status is PushStatus.PENDING:
        await asyncio.sleep(LOOK_SECONDS)
        run = await app.stores.store.find_run(run.id)


def page_settings() -> Mapping[str, Any]:
    """Build the settings of the web pages, on a free port."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    return {
        "port": port,
        "public_url": f"http://127.0.0.1:{port}",
        "status_token": secrets.token_hex(16),
    }


def demo_scenario(demo: Demo) -> Scenario:
    """Return the default scenario, with the role of each person beside the name, and our card template."""
    scenario = default_scenario()
    people = (replace(person, title=TITLES.get(person.id, "")) for person in scenario.people)
    scenario = replace(scenario, people=tuple(people))
    if demo.template_id != OWN_TEMPLATE:
        return scenario
    return scenario.with_designs({OWN_TEMPLATE: parse_template(FILE.read_bytes())})


def demo_settings(url: str, folder: Path, demo: Demo, more: Mapping[str, Any]) -> Settings:
    """Build the settings, with the addresses of this demo."""
    return Settings.model_validate({
        "DINGDING": {
            "APP_KEY": "dingsandboxapp",
            "APP_SECRET": "sandbox-app-secret",
            "AGENT_ID": 3001,
            "DEFAULT_CHAT_ID": GROUP,
            "CARD_TEMPLATE_ID": demo.template_id,
            "OPENAPI_BASE": url,
            "OAPI_BASE": url,
        },
        "access": ACCESS,
        "store": {"url": f"sqlite:///{folder.resolve()}/dingrun.db"},
        "reports": {"dir": str(folder.resolve() / "reports")},
        **more,
    })


def demo_schedules(sites: SampleSites) -> Mapping[str, Any]:
    """Build schedules of the embedded engine for the sample sites."""
    return {
        "schedules": [
            {
                "name": FIRST,
                "cron": "*/30 * * * *",  # seldom, so that a card stays the newest while somebody looks at it
                "targets": sites.targets,
                "notify_enable": True,
                "notify_on": "always",
            },
            {
                "name": "故障演练",
                "cron": "0 9 * * 1",
                "targets": [*sites.targets[:1], sites.closed],
                "notify_enable": True,
                "notify_on": "always",
            },
        ],
    }
