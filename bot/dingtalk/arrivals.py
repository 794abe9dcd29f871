"""What comes in, counted: all that comes while one booking is under way is booked by the next, as one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from bot.errors import DingRunError

log = logging.getLogger(__name__)

Booked = asyncio.Future[None]


class Arrivals:
    """Counts; `book` writes a number down."""

    def __init__(self, book: Callable[[int], Awaitable[object]]) -> None:
        self._book = book
        self._waiting: list[Booked] = []
        self._booking: asyncio.Task[None] | None = None

    def add(self) -> Booked:
        """Count one; done once it is booked, or could not be, whether anybody waits for it or not."""
        booked: Booked = asyncio.get_running_loop().create_future()
        self._waiting.append(booked)
        if self._booking is None:
            self._booking = asyncio.create_task(self._book_all(), name="arrivals")
        return booked

    async def _book_all(self) -> None:
        together: Sequence[Booked] = ()
        try:
            while self._waiting:
                together, self._waiting = self._waiting, []
                await self._book_together(together)
        finally:
            self._booking = None
            for each in [*together, *self._waiting]:  # when this was cancelled: nobody waits for ever
                each.cancel()

    async def _book_together(self, arrived: Sequence[Booked]) -> None:
        try:
            await self._book(len(arrived))
        except DingRunError as error:
            log.warning("%d that came in were not counted: %s", len(arrived), error)
        for each in arrived:
            if not each.done():  # who waited may have given up; it is booked all the same
                each.set_result(None)
