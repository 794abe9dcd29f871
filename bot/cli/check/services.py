"""Checks of what the settings name: store, reports, exporter, card template, schedules, routes, engine."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from bot.cli.check.runner import in_thread
from bot.cli.worker import living_workers
from bot.config.loader import Settings
from bot.config.resolve import resolve_operators, resolve_schedules
from bot.config.types import did_you_mean
from bot.config.validation import own_schedules_of
from bot.errors import ConfigError
from bot.files import folder_problem, nearest_existing
from bot.messengers.dingtalk.checks.diagnosis import LINKS
from bot.ports import Check, CheckResult, Checks, CheckStatus, Engine
from bot.runs.scheduler import next_due
from bot.runtime import utc_now
from bot.telemetry.redaction import redact_url
from bot.wiring.exporters import build_broker
from bot.wiring.messengers import app_from
from bot.wiring.monitoring.operators import build_last_resort
from bot.wiring.stores import probe_store
from cards.card_template import CardTemplate

NOT_CREATED_YET = "，还没有，首次启动时创建 / created at the first start"
MAX_NAMES = 5  # schedules in one line
NEEDED_VARIABLES = ("title", "markdown", "buttons")  # without them a card says nothing or does nothing
NOT_CONFIGURED = "没有配置，只写日志 / not configured, log only"


async def check_store(settings: Settings) -> str:
    """Test that the store can be read and written. A missing file is not created."""
    there = await probe_store(settings.store.url)
    return redact_url(settings.store.url) + ("" if there else NOT_CREATED_YET)


async def check_reports(settings: Settings) -> str:
    """Test that the folder of the reports is writable. A missing folder is not created."""
    folder, store = Path(settings.reports.dir), settings.reports.store
    if problem := await in_thread(lambda: folder_problem(folder)):
        raise ConfigError(f"reports.dir: {folder} cannot be written: {problem}")
    there = await in_thread(lambda: nearest_existing(folder) == folder.absolute())
    return f"{folder}{f', {store}' if store != 'folder' else ''}{'' if there else NOT_CREATED_YET}"


async def check_exporter(settings: Settings) -> CheckResult:
    """Test the broker, and that a worker has sent a heartbeat recently. Only with Celery."""
    if settings.exporter.kind == "local":
        return CheckResult(detail="local")
    broker = build_broker(settings)
    await in_thread(broker.check)
    there = await probe_store(settings.store.url)  # a store that is missing would be created
    workers = len(await living_workers(settings)) if there else 0
    if not workers:
        detail = f"{broker.display_url}: no worker is alive; start one: dingrun worker"
        return CheckResult(status=CheckStatus.FAIL, detail=detail, cause="no_worker")
    return CheckResult(detail=f"{broker.display_url}, {workers} worker{'s' * (workers > 1)}")


async def check_operators(settings: Settings) -> CheckResult:
    """Name who is told of the service's own troubles, and test that Apprise knows its URLs."""
    build_last_resort(settings)
    urls = len(settings.notify.operator_urls)
    told = [str(each) for each in resolve_operators(settings)] + ([f"Apprise ×{urls}"] if urls else [])
    if not told:
        return CheckResult(status=CheckStatus.SKIPPED, detail=NOT_CONFIGURED)
    return CheckResult(detail=", ".join(told))


async def check_card(settings: Settings) -> CheckResult:
    """Test the card template of the settings. Only a card that is sent shows if DingTalk has it."""
    if app_from(settings) is None:
        return CheckResult(status=CheckStatus.SKIPPED, detail=NOT_CONFIGURED)
    ding = settings.dingding
    template = CardTemplate.chosen(ding.card_template_id, ding.card_variables)
    lacking = [name for name in NEEDED_VARIABLES if name not in template.mapping]
    if lacking and not template.rich:
        return CheckResult(
            status=CheckStatus.WARN,
            detail=f"{template.id}: DINGDING.CARD_VARIABLES has no {', '.join(lacking)}",
            cause="template_lacks_variables",
            link=LINKS["template_lacks_variables"],
        )
    return CheckResult(detail=template.id)


async def check_schedules(settings: Settings) -> str:
    """Count the schedules and tell when the next one fires."""
    schedules = resolve_schedules(settings)
    times = [time for schedule in schedules if (time := next_due(schedule, utc_now(), settings.zone))]
    if not times:
        return f"{len(schedules)}"
    return f"{len(schedules)}, 下次 / next {min(times).astimezone(settings.zone):%Y-%m-%d %H:%M %Z}"


async def check_routes(settings: Settings, engine: Engine) -> str | CheckResult:
    """Find a route without a schedule of the engine, and schedules that notify nobody."""
    schedules = [each for part in _with_own_schedules(settings, engine) for each in await part.schedules()]
    names = [*(each.name for each in settings.schedules)]
    names += [name for schedule in schedules for name in (schedule.name, schedule.id)]
    for route in settings.notify.routes:
        if route not in names and not _is_reported(settings, route):
            return _wrong_routes(
                f"notify.routes.{route}: {own_schedules_of(settings)} has no schedule of this name or id"
                f"{did_you_mean(route, names)}"
            )
    unreachable = [each.name for each in schedules if each.notify_enable and not each.send_to]
    if unreachable and settings.configured:
        return _wrong_routes(
            f"notify.routes: nobody is notified of {', '.join(unreachable[:MAX_NAMES])}; name a destination"
            " there, or set DINGDING.DEFAULT_CHAT_ID"
        )
    return f"{len(settings.notify.routes)} 条路由 / routes"


def _wrong_routes(detail: str) -> CheckResult:
    return CheckResult(status=CheckStatus.FAIL, detail=detail, cause="routes_wrong")


def _is_reported(settings: Settings, route: str) -> bool:
    """Tell if a route is for what other systems report: a slug, a name or a pattern."""
    slugs = settings.api.schedules
    names = [*slugs, *(each.name for each in slugs.values())]
    return any(fnmatchcase(name, route) for name in names) or settings.api.create


def engine_checks(settings: Settings, engine: Engine) -> Checks:
    """Return the checks of the schedules, and those of the engine itself."""
    checks: dict[str, Check] = {}
    if settings.schedules or not own_schedules_of(settings):
        checks["计划 / schedules"] = partial(check_schedules, settings)
    if own_schedules_of(settings):
        checks["通知路由 / routes"] = partial(check_routes, settings, engine)
    return {**checks, **engine.checks()}


def _with_own_schedules(settings: Settings, engine: Engine) -> Sequence[Engine]:
    sections = settings.engine_sections
    return [
        part for name, part in engine.parts.items() if name in sections and sections[name].has_own_schedules
    ]
