"""Run checks at the same time. None can hang, and each ends with a result."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from bot.errors import DingRunError
from bot.ports import Check, CheckResult, Checks, CheckStatus

CHECK_SECONDS = 30.0  # longer than the timeouts of any adapter

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class NamedCheck:
    """A check, the name that is shown (`存储 / store`), and the cause of errors that it does not explain."""

    name: str
    run: Check
    cause: str


@dataclass(frozen=True, kw_only=True)
class NamedResult:
    """The result of a check, with the name that is shown."""

    name: str
    result: CheckResult


def with_cause(checks: Checks, cause: str) -> Sequence[NamedCheck]:
    """Return checks whose unexplained errors have the same cause."""
    return [NamedCheck(name=name, run=run, cause=cause) for name, run in checks.items()]


async def run_checks(checks: Sequence[NamedCheck], seconds: float = CHECK_SECONDS) -> Sequence[NamedResult]:
    """Run all checks at the same time and return their results in order."""
    return await asyncio.gather(*(_run(check, seconds) for check in checks))


async def _run(check: NamedCheck, seconds: float) -> NamedResult:
    try:
        async with asyncio.timeout(seconds):
            found = await check.run()
    except TimeoutError:
        found = _failure(f"no result within {seconds:g} s", "timed_out")
    except DingRunError as error:
        found = _failure(str(error), check.cause)
    except Exception as error:  # noqa: BLE001 - edge of a check: the others are told all the same
        found = _failure(f"{type(error).__name__}: {error}", check.cause)
    if isinstance(found, str):
        found = CheckResult(detail=found)
    elif found.status is CheckStatus.FAIL and not found.cause:
        found = replace(found, cause=check.cause)
    return NamedResult(name=check.name, result=found)


def _failure(detail: str, cause: str) -> CheckResult:
    return CheckResult(status=CheckStatus.FAIL, detail=detail, cause=cause)


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
