"""What comes in, counted: all that comes in one turn of the loop is booked as one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bot.errors import DingRunError
from bot.telemetry.loops import report_error

log = logging.getLogger(__name__)

WITHIN = 0.5  # seconds; what takes longer is booked all the same, but nobody waits for it


@dataclass
class _Batch:
    number: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Arrivals:
    """Counts; `book` writes a number down."""

    def __init__(self, book: Callable[[int], Awaitable[object]]) -> None:
        self._book = book
        self._filling: _Batch | None = None
        self._booking: set[asyncio.Task[None]] = set()

    def add(self) -> asyncio.Event:
        """Count one; set once it is booked, could not be, or takes too long."""
        if self._filling is None:
            self._filling = _Batch()
            task = asyncio.create_task(self._book_all(self._filling), name="arrivals")
            self._booking.add(task)
            task.add_done_callback(self._booking.discard)
        self._filling.number += 1
        return self._filling.over

    async def _book_all(self, batch: _Batch) -> None:
        self._filling = None
        alarm = asyncio.get_running_loop().call_later(WITHIN, batch.over.set)
        try:
            await self._book(batch.number)
        except DingRunError as error:
            log.warning("%d that came in were not counted: %s", batch.number, error)
        except Exception as error:  # noqa: BLE001 - the answer to what came in does not depend on it
            report_error("count of what comes in", error)
        finally:
            alarm.cancel()
            batch.over.set()
