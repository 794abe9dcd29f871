"""What comes in at the same time is booked as one, and each knows when."""

import asyncio

import pytest

from bot.errors import TemporaryError
from bot.messengers.dingtalk.inbound_counter import Arrivals


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
    await Arrivals(book).add().wait()
    assert book.written == [1]


async def test_those_that_come_in_one_turn_are_booked_as_one(book: Book) -> None:
    arrivals = Arrivals(book)
    coming = [arrivals.add() for _ in range(3)]
    await book.asked.acquire()
    coming.append(arrivals.add())
    book.go.set()
    await asyncio.gather(*(each.wait() for each in coming))
    assert sorted(book.written) == [1, 3]


async def test_none_is_over_before_its_booking(book: Book) -> None:
    arrivals = Arrivals(book)
    coming = [arrivals.add(), arrivals.add()]
    await book.asked.acquire()
    assert not any(each.is_set() for each in coming)
    book.go.set()
    await asyncio.gather(*(each.wait() for each in coming))


async def test_trouble_is_told_once_and_holds_up_nobody(book: Book, caplog: pytest.LogCaptureFixture) -> None:
    arrivals = Arrivals(book)
    book.troubles = [TemporaryError("away")]
    book.go.set()
    coming = [arrivals.add(), arrivals.add()]
    await asyncio.gather(*(each.wait() for each in coming))
    await arrivals.add().wait()
    assert (book.written, caplog.messages) == ([1], ["2 that came in were not counted: away"])


async def test_what_takes_too_long_is_booked_all_the_same(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.messengers.dingtalk.inbound_counter.WITHIN", 0.001)
    arrivals = Arrivals(book)
    await arrivals.add().wait()
    assert book.written == []
    book.go.set()
    await asyncio.gather(*arrivals._booking)
    assert book.written == [1]


async def test_nobody_waits_for_ever(book: Book) -> None:
    arrivals = Arrivals(book)
    coming = arrivals.add()
    await book.asked.acquire()
    (booking,) = arrivals._booking
    booking.cancel()
    await coming.wait()
