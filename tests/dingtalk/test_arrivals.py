"""What comes in at the same time is booked as one, and each knows when."""

import asyncio

import pytest

from bot.dingtalk.arrivals import Arrivals
from bot.errors import Temporary


class Book:
    """Writes numbers down, one after another, each when it may."""

    def __init__(self) -> None:
        self.written: list[int] = []
        self.troubles: list[Exception] = []
        self.asked, self.go = asyncio.Semaphore(0), asyncio.Event()

    async def __call__(self, number: int) -> None:
        self.asked.release()
        await self.go.wait()
        if self.troubles:
            raise self.troubles.pop()
        self.written.append(number)


@pytest.fixture
def book() -> Book:
    return Book()


async def test_one_is_booked_by_itself(book: Book) -> None:
    book.go.set()
    await Arrivals(book).add()
    assert book.written == [1]


async def test_those_that_come_during_a_booking_share_the_next(book: Book) -> None:
    arrivals = Arrivals(book)
    first = arrivals.add()
    await book.asked.acquire()
    others = [arrivals.add() for _ in range(3)]
    book.go.set()
    await asyncio.gather(first, *others)
    assert book.written == [1, 3]


async def test_none_is_done_before_its_booking(book: Book) -> None:
    arrivals = Arrivals(book)
    coming = [arrivals.add(), arrivals.add()]
    await book.asked.acquire()
    assert not any(each.done() for each in coming)
    book.go.set()
    await asyncio.gather(*coming)


async def test_trouble_is_told_once_and_holds_up_nobody(book: Book, caplog: pytest.LogCaptureFixture) -> None:
    arrivals = Arrivals(book)
    book.troubles = [Temporary("away")]
    book.go.set()
    await asyncio.gather(arrivals.add(), arrivals.add())
    await arrivals.add()
    assert (book.written, caplog.messages) == ([1], ["2 that came in were not counted: away"])


async def test_who_gives_up_is_booked_all_the_same(book: Book) -> None:
    arrivals = Arrivals(book)
    gone, stays = arrivals.add(), arrivals.add()
    await book.asked.acquire()
    gone.cancel()
    book.go.set()
    await stays
    assert book.written == [2]


async def test_nobody_waits_for_ever(book: Book) -> None:
    arrivals = Arrivals(book)
    coming = [arrivals.add(), arrivals.add()]
    await book.asked.acquire()
    assert arrivals._booking is not None
    arrivals._booking.cancel()
    told = await asyncio.gather(*coming, return_exceptions=True)
    assert [type(each) for each in told] == [asyncio.CancelledError] * 2
