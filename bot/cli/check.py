"""`dingrun check`: test the settings and every connection. Nothing is sent and nothing is created.

Engines and messengers bring their own checks (`checks()` of their ports).
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

import aiohttp
from yarl import URL

from bot.cli.worker import living_workers
from bot.config.loader import Settings
from bot.config.resolve import resolve_operators, resolve_schedules
from bot.config.types import did_you_mean
from bot.config.validation import own_schedules_of, settings_warnings
from bot.errors import ConfigError, DingRunError, TemporaryError
from bot.files import folder_problem
from bot.ports import Checks, Engine
from bot.runs.scheduler import next_due
from bot.runtime import utc_now
from bot.telemetry.redaction import redact_url
from bot.wiring.engines import open_engine
from bot.wiring.exporters import build_broker
from bot.wiring.messengers import app_from, channel_checks, open_channels
from bot.wiring.monitoring.operators import build_last_resort
from bot.wiring.stores import open_stores, probe_store
from cards.card_template import CardTemplate

Check = Callable[[Settings], Awaitable[str]]

NOT_CREATED_YET = "，还没有，首次启动时创建 / created at the first start"
MAX_NAMES = 5  # schedules in one line
HEALTHY, HEALTHY_BYTES = b"ok\n", 16  # what /healthz answers
WEB_TIMEOUT_SECONDS = 3.0
NOT_CONFIGURED = "没有配置，只写日志 / not configured, log only"


async def check_store(settings: Settings) -> str:
    """Test that the store can be read and written. A missing file is not created."""
    there = await probe_store(settings.store.url)
    return redact_url(settings.store.url) + ("" if there else NOT_CREATED_YET)


async def check_reports(settings: Settings) -> str:
    """Test that the folder of the reports is writable. A missing folder is not created."""
    folder, store = Path(settings.reports.dir), settings.reports.store
    if problem := await asyncio.to_thread(folder_problem, folder):
        raise ConfigError(f"reports.dir: {folder} cannot be written: {problem}")
    there = await asyncio.to_thread(folder.exists)
    return f"{folder}{f', {store}' if store != 'folder' else ''}{'' if there else NOT_CREATED_YET}"


async def check_exporter(settings: Settings) -> str:
    """Test the broker, and that a worker has sent a heartbeat recently. Only with Celery."""
    if settings.exporter.kind == "local":
        return "local"
    broker = build_broker(settings)
    await asyncio.to_thread(broker.check)
    workers = len(await living_workers(settings))
    if not workers:
        raise TemporaryError(f"{broker.display_url}: no worker is alive; start one: dingrun worker")
    return f"{broker.display_url}, {workers} worker{'s' * (workers > 1)}"


async def check_operators(settings: Settings) -> str:
    """Name who is told of the service's own troubles, and test that Apprise knows its URLs."""
    build_last_resort(settings)
    urls = len(settings.notify.operator_urls)
    told = [str(each) for each in resolve_operators(settings)] + ([f"Apprise ×{urls}"] if urls else [])
    return ", ".join(told) or NOT_CONFIGURED


async def check_card(settings: Settings) -> str:
    """Test the card template of the settings. Only sending a card shows if DingTalk has it."""
    if app_from(settings) is None:
        return NOT_CONFIGURED
    ding = settings.dingding
    return CardTemplate.chosen(ding.card_template_id, ding.card_variables).id


async def check_web(settings: Settings) -> str:
    """Test that the web port is free, or that DingRun itself listens there."""
    host, port = settings.web.host, settings.web.port
    if not port:
        return "没有开 / off"
    try:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port)
    except OSError as error:
        if await _answers_as_dingrun(host, port):
            return f"{host}:{port}, DingRun 正在那里运行 / DingRun is running there"
        why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise ConfigError(f"web.port: {host}:{port} cannot be served: {why}") from None
    server.close()
    await server.wait_closed()
    return f"{host}:{port}"


async def _answers_as_dingrun(host: str, port: int) -> bool:
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not listened at
    url = URL.build(scheme="http", host=here, port=port, path="/healthz")
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WEB_TIMEOUT_SECONDS)) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            return await answer.content.read(HEALTHY_BYTES) == HEALTHY
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False


async def check_schedules(settings: Settings) -> str:
    """Count the schedules and tell when the next one fires."""
    schedules = resolve_schedules(settings)
    times = [time for schedule in schedules if (time := next_due(schedule, utc_now(), settings.zone))]
    if not times:
        return f"{len(schedules)}"
    return f"{len(schedules)}, 下次 / next {min(times).astimezone(settings.zone):%Y-%m-%d %H:%M %Z}"


async def check_routes(settings: Settings, engine: Engine) -> str:
    """Compare the routes with the engine's schedules.

    Raises `ConfigError` for a route without a schedule, and for a schedule that notifies nobody.
    """
    schedules = [each for part in _with_own_schedules(settings, engine) for each in await part.schedules()]
    names = [*(each.name for each in settings.schedules)]
    names += [name for schedule in schedules for name in (schedule.name, schedule.id)]
    for route in settings.notify.routes:
        if route not in names and not _is_reported(settings, route):
            raise ConfigError(
                f"notify.routes.{route}: {own_schedules_of(settings)} has no schedule of this name or id"
                f"{did_you_mean(route, names)}"
            )
    unreachable = [each.name for each in schedules if each.notify_enable and not each.send_to]
    if unreachable and settings.configured:
        raise ConfigError(
            f"notify.routes: nobody is notified of {', '.join(unreachable[:MAX_NAMES])}; name a destination"
            " there, or set DINGDING.DEFAULT_CHAT_ID"
        )
    return f"{len(settings.notify.routes)} 条路由 / routes"


def _is_reported(settings: Settings, route: str) -> bool:
    """Tell if a route is for what other systems report: a slug, a name or a pattern."""
    slugs = settings.api.schedules
    names = [*slugs, *(each.name for each in slugs.values())]
    return any(fnmatchcase(name, route) for name in names) or settings.api.create


CHECKS: Mapping[str, Check] = {
    "存储 / store": check_store,
    "报告 / reports": check_reports,
    "导出 / exporter": check_exporter,
    "运维通知 / operators": check_operators,
    "卡片模板 / card template": check_card,
    "网页 / web": check_web,
}


def engine_checks(settings: Settings, engine: Engine) -> Checks:
    """Return the checks of the schedules, and those of the engine itself."""
    checks: dict[str, Callable[[], Awaitable[str]]] = {}
    if settings.schedules or not own_schedules_of(settings):
        checks["计划 / schedules"] = partial(check_schedules, settings)
    if own_schedules_of(settings):
        checks["通知路由 / routes"] = partial(check_routes, settings, engine)
    return {**checks, **engine.checks()}


def _with_own_schedules(settings: Settings, engine: Engine) -> Sequence[Engine]:
    sections = settings.engine_sections
    return [part for name, part in engine.parts.items() if name in sections and sections[name].label]


async def examine(settings: Settings, say: Callable[[str], object]) -> bool:
    """Print one line per check, and one per warning. Returns True if all checks pass."""
    checks = {name: partial(check, settings) for name, check in CHECKS.items()}
    passed = await _run(checks, say)
    async with open_channels(settings, utc_now) as channels:
        passed &= await _run(channel_checks(channels), say)
    try:
        passed &= await _run_engine_checks(settings, say)
    except DingRunError as error:
        say(f"✗ 引擎 / engine: {error}")
        passed = False
    for warning in settings_warnings(settings, utc_now()):
        say(f"! {warning}")
    return passed


async def _run_engine_checks(settings: Settings, say: Callable[[str], object]) -> bool:
    stores = open_stores(settings.store.url)  # store.open() is not called: a check creates nothing
    try:
        async with open_engine(settings, stores, clock=utc_now, owner="check") as engine:
            return await _run(engine_checks(settings, engine), say)
    finally:
        await stores.store.close()


async def _run(checks: Checks, say: Callable[[str], object]) -> bool:
    """Run checks one after the other. Returns True if all pass."""
    passed = True
    for name, check in checks.items():
        try:
            say(f"✓ {name}: {await check()}")
        except DingRunError as error:
            say(f"✗ {name}: {error}")
            passed = False
    return passed
