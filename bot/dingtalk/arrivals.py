"""What comes in, counted: all that comes while one booking is under way is booked by the next, as one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from bot.errors import DingRunError


class Arrivals:
    """Counts; `book` writes a number down."""

    def __init__(self, book: Callable[[int], Awaitable[object]]) -> None:
        self._book = book
        self._waiting: list[asyncio.Future[None]] = []
        self._booking: asyncio.Task[None] | None = None

    async def add(self) -> None:
        """Count one; returns once it is booked, and raises what its booking raised."""
        booked = asyncio.get_running_loop().create_future()
        self._waiting.append(booked)
        if self._booking is None:
            self._booking = asyncio.create_task(self._book_all(), name="arrivals")
        await booked

    async def _book_all(self) -> None:
        together: Sequence[asyncio.Future[None]] = ()
        try:
            while self._waiting:
                together, self._waiting = self._waiting, []
                _tell(together, await self._booked(len(together)))
        finally:
            self._booking = None
            for each in [*together, *self._waiting]:  # when this was cancelled: nobody waits for ever
                each.cancel()

    async def _booked(self, number: int) -> DingRunError | None:
        try:
            await self._book(number)
        except DingRunError as error:
            return error
        return None


def _tell(waiting: Sequence[asyncio.Future[None]], error: DingRunError | None) -> None:
    for each in waiting:
        if each.done():  # who waited has given up; it is booked all the same
            continue
        if error:
            each.set_exception(error)
        else:
            each.set_result(None)
