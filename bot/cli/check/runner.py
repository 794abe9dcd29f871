"""Run checks at the same time. None can hang, and each ends with a result."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

from bot.errors import DingRunError
from bot.ports import CheckResult, Checks, CheckStatus

CHECK_SECONDS = 30.0  # longer than the timeouts of any adapter

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class NamedResult:
    """What a check found, with the name that is shown: `存储 / store`."""

    name: str
    result: CheckResult


@dataclass(frozen=True, kw_only=True)
class CheckGroup:
    """Checks whose unexplained errors have one cause."""

    checks: Checks
    cause: str = ""
    causes: Mapping[str, str] = field(default_factory=dict)  # by name, where it differs


async def run_checks(groups: Sequence[CheckGroup], seconds: float = CHECK_SECONDS) -> list[NamedResult]:
    """Run all checks at the same time and return their results in order."""
    running = [
        _run(name, check, group.causes.get(name, group.cause), seconds)
        for group in groups
        for name, check in group.checks.items()
    ]
    return list(await asyncio.gather(*running))


async def _run(
    name: str, check: Callable[[], Awaitable[str | CheckResult]], cause: str, seconds: float
) -> NamedResult:
    try:
        async with asyncio.timeout(seconds):
            found = await check()
    except TimeoutError:
        found = CheckResult(
            status=CheckStatus.FAIL, detail=f"no result within {seconds:g} s", cause="timed_out"
        )
    except DingRunError as error:
        found = CheckResult(status=CheckStatus.FAIL, detail=str(error), cause=cause)
    if isinstance(found, str):
        found = CheckResult(detail=found)
    elif found.status is CheckStatus.FAIL and not found.cause:
        found = replace(found, cause=cause)
    return NamedResult(name=name, result=found)


async def in_thread(act: Callable[[], T]) -> T:
    """Run a blocking function in a thread that nobody waits for at the end: a folder on the net may hang."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(result: concurrent.futures.Future[T]) -> None:
        if outcome.cancelled():
            return
        if error := result.exception():
            outcome.set_exception(error)
        else:
            outcome.set_result(result.result())

    def run() -> None:
        result: concurrent.futures.Future[T] = concurrent.futures.Future()
        try:
            result.set_result(act())
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            result.set_exception(error)
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(settle, result)

    threading.Thread(target=run, daemon=True, name="check").start()
    return await outcome
