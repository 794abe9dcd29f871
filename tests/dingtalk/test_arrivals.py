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


def arrive(arrivals: Arrivals, number: int) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(arrivals.add()) for _ in range(number)]


async def test_one_is_booked_by_itself(book: Book) -> None:
    book.go.set()
    await Arrivals(book).add()
    assert book.written == [1]


async def test_those_that_come_during_a_booking_share_the_next(book: Book) -> None:
    arrivals = Arrivals(book)
    first = arrive(arrivals, 1)
    await book.asked.acquire()
    others = arrive(arrivals, 3)
    await asyncio.sleep(0)
    book.go.set()
    await asyncio.gather(*first, *others)
    assert book.written == [1, 3]


async def test_nobody_is_told_before_the_booking(book: Book) -> None:
    coming = arrive(Arrivals(book), 2)
    await book.asked.acquire()
    assert not any(each.done() for each in coming)
    book.go.set()
    await asyncio.gather(*coming)


async def test_trouble_is_told_to_those_it_concerns(book: Book) -> None:
    arrivals = Arrivals(book)
    book.troubles = [Temporary("away")]
    book.go.set()
    told = await asyncio.gather(*arrive(arrivals, 2), return_exceptions=True)
    await arrivals.add()
    assert ([type(each) for each in told], book.written) == ([Temporary] * 2, [1])


async def test_who_gives_up_is_booked_all_the_same(book: Book) -> None:
    gone, stays = arrive(Arrivals(book), 2)
    await book.asked.acquire()
    gone.cancel()
    await asyncio.sleep(0)
    book.go.set()
    await stays
    assert book.written == [2]


async def test_nobody_waits_for_ever(book: Book) -> None:
    arrivals = Arrivals(book)
    coming = arrive(arrivals, 2)
    await book.asked.acquire()
    assert arrivals._booking is not None
    arrivals._booking.cancel()
    told = await asyncio.gather(*coming, return_exceptions=True)
    assert [type(each) for each in told] == [asyncio.CancelledError] * 2
