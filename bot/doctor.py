"""`python -m bot check`: everything the service needs, tried once, nothing sent."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from bot.addresses import shown
from bot.arl_doctor import ARL_CHECKS
from bot.config import Settings
from bot.destinations import schedules_of, webhooks_of
from bot.dingtalk.http import dingtalk_session
from bot.dingtalk.stream import StreamConnection
from bot.dingtalk.token import Tokens
from bot.errors import ConfigError, DingRunError, Temporary
from bot.exporting import broker_of
from bot.models import CardTap, Message
from bot.opening import stores_at
from bot.process import utc_now
from bot.scheduler import next_due
from bot.wire import robot_of
from bot.worker import living_workers

Check = Callable[[Settings], Awaitable[str]]

NOT_CONFIGURED = "没有配置，只写日志 / not configured, log only"


async def check_store(settings: Settings) -> str:
    """The store opens, and can be written."""
    store = stores_at(settings.store.url).store
    await store.open()
    try:
        await store.remember("check", utc_now().isoformat())
        return shown(settings.store.url)
    finally:
        await store.close()


async def check_reports(settings: Settings) -> str:
    """The reports folder can be written."""
    folder = Path(settings.reports.dir)
    probe = folder / ".check"
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        await asyncio.to_thread(probe.write_bytes, b"")
        await asyncio.to_thread(probe.unlink)
    except OSError as error:
        raise ConfigError(f"reports.dir: {folder} cannot be written: {error.strerror}") from None
    return f"{folder}, {settings.reports.store}" if settings.reports.store != "folder" else str(folder)


async def check_exporter(settings: Settings) -> str:
    """With Celery, the broker answers, and a worker has sent a heartbeat lately."""
    if settings.exporter.kind == "inprocess":
        return "inprocess"
    broker = broker_of(settings)
    await asyncio.to_thread(broker.check)
    workers = len(await living_workers(settings))
    if not workers:
        raise Temporary(f"{broker.place}: no worker lives; start one: python -m bot worker")
    return f"{broker.place}, {workers} worker{'s' * (workers > 1)}"


async def check_token(settings: Settings) -> str:
    """DingTalk takes the app's keys."""
    robot = robot_of(settings)
    if robot is None:
        return NOT_CONFIGURED
    async with dingtalk_session() as session:
        await Tokens(session, robot, utc_now).get()
    return f"{robot.openapi_base}, APP_KEY {robot.app_key}"


async def check_stream(settings: Settings) -> str:
    """The Stream gateway gives a ticket; it is left unused, so that a running service keeps its messages."""
    robot = robot_of(settings)
    if robot is None:
        return NOT_CONFIGURED

    async def nothing(message: Message) -> None:
        """Nothing is received with an unused ticket."""

    async def silence(tap: CardTap) -> Mapping[str, str]:
        return {}

    async with dingtalk_session() as session:
        address = await StreamConnection(session, robot, nothing, silence).ticket()
    return address.partition("?")[0]


async def check_webhooks(settings: Settings) -> str:
    """The custom robots that are known; sending is the only way to try one, so none is tried."""
    return ", ".join(webhooks_of(settings)) or NOT_CONFIGURED


async def check_schedules(settings: Settings) -> str:
    """The schedules, and when the next one fires."""
    schedules = schedules_of(settings)
    times = [time for schedule in schedules if (time := next_due(schedule, utc_now(), settings.zone))]
    if not times:
        return f"{len(schedules)}"
    return f"{len(schedules)}, 下次 / next {min(times).astimezone(settings.zone):%Y-%m-%d %H:%M %Z}"


CHECKS: Mapping[str, Check] = {
    "存储 / store": check_store,
    "报告 / reports": check_reports,
    "导出 / exporter": check_exporter,
    "凭证 / keys": check_token,
    "Stream": check_stream,
    "群机器人 / webhooks": check_webhooks,
    "计划 / schedules": check_schedules,
}


def checks_of(settings: Settings) -> Mapping[str, Check]:
    """With ARL its own checks stand in for that of schedules."""
    if settings.engine.kind != "arl":
        return CHECKS
    kept = {name: check for name, check in CHECKS.items() if check is not check_schedules}
    return {**kept, **ARL_CHECKS}


async def examine(settings: Settings, say: Callable[[str], object]) -> bool:
    """Say one line per check; whether all went well."""
    well = True
    for name, check in checks_of(settings).items():
        try:
            say(f"✓ {name}: {await check(settings)}")
        except DingRunError as error:
            say(f"✗ {name}: {error}")
            well = False
    return well
