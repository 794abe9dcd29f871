"""`dingrun check`: test the settings, this machine and every connection, all at the same time.

Nothing is sent and nothing is created, unless `--send` names a person. Engines and messengers bring their own
checks (`checks()` of their ports). Causes and cures are in `cards/words/causes.yaml` and `cures.yaml`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial

from bot.cli.audited import counted_channels
from bot.cli.check.machine import check_descriptors, check_disk, check_secret_files, check_timezone
from bot.cli.check.report import all_passed, as_lines
from bot.cli.check.runner import NamedCheck, NamedResult, run_checks, with_cause
from bot.cli.check.sending import SendChecks, SendRequest
from bot.cli.check.services import (
    check_card,
    check_exporter,
    check_operators,
    check_reports,
    check_store,
    engine_checks,
)
from bot.cli.check.web import WebChecks
from bot.config.loader import Settings
from bot.config.loader.secret_files import find_secret_files
from bot.config.validation import settings_warnings
from bot.delivery.channels import Channels
from bot.errors import DingRunError
from bot.ports import Check, CheckResult, CheckStatus
from bot.runtime import utc_now
from bot.wiring.engines import open_engine
from bot.wiring.messengers import channel_checks, open_channels
from bot.wiring.stores import open_stores, probe_store

__all__ = ["SendRequest", "collect_results", "examine"]


async def examine(
    settings: Settings, say: Callable[[str], object], request: SendRequest | None = None
) -> bool:
    """Print the result of each check, and the warnings. Returns True if no check fails."""
    results = await collect_results(settings, request)
    for each in results:
        for line in as_lines(each, settings.lang):
            say(line)
    return all_passed(results)


async def collect_results(settings: Settings, request: SendRequest | None = None) -> Sequence[NamedResult]:
    """Run every check and return the results in order, the warnings about the settings last.

    Nothing is sent while the store cannot be used, because no call could be counted.
    """
    if request and not await _store_works(settings):
        request = None
    async with _open_channels(settings, request) as channels:
        sending = SendChecks(settings=settings, channels=channels, request=request)
        of_dingtalk = {**channel_checks(channels, settings), **sending.checks()}
        checks = [*_local_checks(settings), *with_cause(of_dingtalk, "dingtalk_fails")]
        results = await _with_engine(settings, checks)
    warnings = settings_warnings(settings, utc_now())
    return [*results, *(_warning(each) for each in warnings)]


def _local_checks(settings: Settings) -> Sequence[NamedCheck]:
    """Return the checks that need neither DingTalk nor an engine."""
    web = WebChecks(settings)
    checks: Sequence[tuple[str, Check, str]] = [
        ("存储 / store", partial(check_store, settings), "store_unusable"),
        ("报告 / reports", partial(check_reports, settings), "reports_unwritable"),
        ("导出 / exporter", partial(check_exporter, settings), "broker_unreachable"),
        ("运维通知 / operators", partial(check_operators, settings), "operators_invalid"),
        ("卡片模板 / card template", partial(check_card, settings), "template_invalid"),
        ("网页 / web", web.check_port, "port_taken"),
        ("公开地址 / public address", web.check_public_url, "public_url_unreachable"),
        ("磁盘 / disk", partial(check_disk, settings), "disk_low"),
        ("文件描述符 / file descriptors", partial(check_descriptors, settings), "few_descriptors"),
        ("时区 / time zone", partial(check_timezone, settings), "time_zone_differs"),
    ]
    if find_secret_files():
        checks = [*checks, ("密钥文件 / secret files", check_secret_files, "secrets_readable")]
    return [NamedCheck(name=name, run=run, cause=cause) for name, run, cause in checks]


async def _with_engine(settings: Settings, checks: Sequence[NamedCheck]) -> Sequence[NamedResult]:
    """Run the checks, and those of the engine. An engine that cannot be opened is one more result."""
    stores = open_stores(settings.store.url)  # store.open() is not called: a check creates nothing
    try:
        async with open_engine(settings, stores, clock=utc_now, owner="check") as engine:
            own = with_cause(engine_checks(settings, engine), "engine_unusable")
            return await run_checks([*checks, *own])
    except DingRunError as error:
        broken = CheckResult(status=CheckStatus.FAIL, detail=str(error), cause="engine_unusable")
        return [*await run_checks(checks), NamedResult(name="引擎 / engine", result=broken)]
    finally:
        await stores.store.close()


async def _store_works(settings: Settings) -> bool:
    try:
        await probe_store(settings.store.url)
    except DingRunError:
        return False
    return True


def _open_channels(settings: Settings, request: SendRequest | None) -> AbstractAsyncContextManager[Channels]:
    """Open the channels. Without a request nothing is sent, so that the store is left alone."""
    if request is None:
        return open_channels(settings, utc_now)
    return counted_channels(settings, "check", "--send", request.person)


def _warning(text: str) -> NamedResult:
    found = CheckResult(status=CheckStatus.WARN, detail=text, cause="settings_doubtful")
    return NamedResult(name="设置 / settings", result=found)
