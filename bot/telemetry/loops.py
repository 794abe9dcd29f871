"""The last resort of endless loops: a step that fails is logged and counted, and the loop goes on. Pure.

An adapter translates what it expects to go wrong. This is for all the rest: an answer nobody thought of, a
mistake of ours. Neither may end a loop, because with the loop the service would end.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from bot.errors import ConfigError, DingRunError, TemporaryError

log = logging.getLogger(__name__)

RESTART_SECONDS = 5.0  # before a loop that ended by an exception is started again

CountError = Callable[[str], None]


class LoopErrors:
    """Logs and counts; a fault that stays the same has its traceback written once, not every second."""

    def __init__(self, count: CountError | None = None) -> None:
        self._count = count
        self._last: dict[str, str] = {}  # the fault that was written last, by loop

    def report(self, loop: str, error: Exception) -> None:
        if self._count:
            self._count(loop)
        if isinstance(error, DingRunError):
            log.warning("%s: a step failed: %s", loop, error)
            return
        fault = f"{type(error).__name__}: {error}"
        if self._last.get(loop) == fault:
            log.error("%s: a step failed again, by the same mistake of ours: %s", loop, fault)
            return
        self._last[loop] = fault
        log.error("%s: a step failed by a mistake of ours; the loop goes on", loop, exc_info=error)


_errors: ContextVar[LoopErrors] = ContextVar("loop errors", default=LoopErrors())  # noqa: B039 - logs only


@contextmanager
def counting_errors(count: CountError) -> Iterator[None]:
    """Count the failed steps of all loops that are started inside, by loop."""
    token = _errors.set(LoopErrors(count))
    try:
        yield
    finally:
        _errors.reset(token)


def report_error(loop: str, error: Exception) -> None:
    """Log and count an error that a loop survives."""
    _errors.get().report(loop, error)


@contextmanager
def loop_step(loop: str) -> Iterator[None]:
    """Do one step of a loop: whatever it raises is reported and goes no further."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the edge of a loop: one bad step must not end the service
        report_error(loop, error)


@contextmanager
def loop_item(loop: str) -> Iterator[None]:
    """Do one of several things in a step: what is wrong with it alone does not hold up the others.

    `TemporaryError` passes: while the store or the engine is away, each of the others would fail as well.
    """
    try:
        yield
    except TemporaryError:
        raise
    except Exception as error:  # noqa: BLE001 - the edge of an item: the others are done all the same
        report_error(loop, error)


async def keep_alive(loop: str, run: Callable[[], Awaitable[object]]) -> None:
    """Run an endless loop, and start it again when it dies; only a wrong setting ends it."""
    while True:
        try:
            await run()
        except ConfigError:
            raise
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            report_error(loop, RuntimeError("cancelled, and nobody asked for it"))
        except Exception as error:  # noqa: BLE001 - the last resort of a whole loop
            report_error(loop, error)
        else:
            return
        await asyncio.sleep(RESTART_SECONDS)
