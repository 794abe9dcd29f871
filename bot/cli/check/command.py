"""The command `dingrun check`: its output and its exit code."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from bot.cli.check import SendRequest, collect_results, examine
from bot.cli.check.report import all_passed, as_json, as_lines
from bot.cli.check.runner import NamedResult
from bot.config.loader import collect_secrets, describe_source, load
from bot.config.types import parse_destination
from bot.errors import ConfigError
from bot.ports import CheckResult, CheckStatus
from bot.telemetry.logging import configure

PASSED, FAILED, INVALID = 0, 1, 2  # exit codes
SETTINGS = "设置 / settings"

Say = Callable[[str], object]


def run_check(config: Path | None, request: SendRequest | None, say: Say, *, json: bool) -> int:
    """Run all checks, print the results and return the exit code.

    Raises `ConfigError` for invalid settings, unless JSON is wanted: then each problem is a result.
    """
    try:
        settings = load(config)
    except ConfigError as error:
        if not json:
            raise
        say(as_json([_result(CheckStatus.FAIL, line) for line in str(error).splitlines()], "zh-CN"))
        return INVALID
    configure("WARNING", secrets=collect_secrets(settings))
    read = _result(CheckStatus.OK, describe_source(config))
    if json:
        results = [read, *asyncio.run(collect_results(settings, request))]
        say(as_json(results, settings.lang))
        return PASSED if all_passed(results) else FAILED
    for line in as_lines(read, settings.lang):
        say(line)
    return PASSED if asyncio.run(examine(settings, say, request)) else FAILED


def _result(status: CheckStatus, detail: str) -> NamedResult:
    cause = "settings_invalid" if status is CheckStatus.FAIL else ""
    return NamedResult(name=SETTINGS, result=CheckResult(status=status, detail=detail, cause=cause))


def parse_person(staff_id: str) -> str:
    """Return the staffId of one person. Raises `ConfigError` for a name or a list."""
    try:
        parse_destination(f"user:{staff_id}")
    except ValueError as error:
        raise ConfigError(f"--send {error}") from None
    if "," in staff_id:
        raise ConfigError(f"--send takes one staffId, got {staff_id!r}")
    return staff_id
