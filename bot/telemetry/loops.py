"""Error handling of background loops: a failed step is logged and counted, and the loop continues.

Adapters translate expected errors. This handles unexpected ones, such as bugs, which must not end the
service.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from bot.errors import ConfigError, DingRunError, TemporaryError

log = logging.getLogger(__name__)

PERIODIC_LOOPS = ("watcher", "scheduler", "lapses", "incidents")  # take a step each minute or more often
LAG_INTERVAL_SECONDS = 5.0
RESTART_SECONDS = 5.0  # before a loop is restarted after an exception

CountError = Callable[[str], None]


class LoopErrors:
    """Logger and counter of loop errors. The traceback of a repeated error is logged once."""

    def __init__(self, count: CountError | None = None) -> None:
        self._count = count
        self._last: dict[str, str] = {}  # last logged error, by loop
        self._beats = dict.fromkeys(PERIODIC_LOOPS, time.monotonic())  # ends of the last good steps

    def beat(self, loop: str) -> None:
        """Note that a step of a loop went well."""
        if loop in self._beats:
            self._beats[loop] = time.monotonic()

    def stalled(self, seconds: float) -> list[str]:
        """Return the periodic loops without a good step for so long."""
        return [loop for loop, at in self._beats.items() if time.monotonic() - at > seconds]

    def report(self, loop: str, error: Exception) -> None:
        if self._count:
            self._count(loop)
        if isinstance(error, DingRunError):
            log.warning("%s: a step failed: %s", loop, error)
            return
        fault = f"{type(error).__name__}: {error}"
        if self._last.get(loop) == fault:
            log.error("%s: a step failed again with the same bug: %s", loop, fault)
            return
        self._last[loop] = fault
        log.error("%s: a step failed because of a bug; the loop continues", loop, exc_info=error)


_errors: ContextVar[LoopErrors] = ContextVar("loop errors", default=LoopErrors())  # noqa: B039 - logs only


@contextmanager
def counting_errors(count: CountError) -> Iterator[LoopErrors]:
    """Count failed steps of all loops started inside, by loop."""
    token = _errors.set(errors := LoopErrors(count))
    try:
        yield errors
    finally:
        _errors.reset(token)


def report_error(loop: str, error: Exception) -> None:
    """Log and count an error of a loop."""
    _errors.get().report(loop, error)


@contextmanager
def loop_step(loop: str) -> Iterator[None]:
    """Run one step of a loop. Exceptions are reported and not raised."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - edge of a loop: one failed step must not end the service
        report_error(loop, error)
    else:
        _errors.get().beat(loop)


@contextmanager
def loop_item(loop: str) -> Iterator[None]:
    """Handle one of several items of a step. Exceptions are reported, so that the other items continue.

    `TemporaryError` is raised: while the store or the engine is unavailable, the other items would fail too.
    """
    try:
        yield
    except TemporaryError:
        raise
    except Exception as error:  # noqa: BLE001 - edge of an item: the others continue
        report_error(loop, error)


async def keep_alive(loop: str, run: Callable[[], Awaitable[object]]) -> None:
    """Run a background loop and restart it after an exception. Only `ConfigError` ends it."""
    while True:
        try:
            await run()
        except ConfigError:
            raise
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            report_error(loop, RuntimeError("cancelled without a request"))
        except Exception as error:  # noqa: BLE001 - edge of a whole loop
            report_error(loop, error)
        else:
            return
        await asyncio.sleep(RESTART_SECONDS)


async def measure_lag(record: Callable[[float], None]) -> None:
    """Record, every few seconds until cancelled, by how many seconds the event loop is late."""
    now = asyncio.get_running_loop().time
    while True:
        due = now() + LAG_INTERVAL_SECONDS
        await asyncio.sleep(LAG_INTERVAL_SECONDS)
        record(max(now() - due, 0.0))
