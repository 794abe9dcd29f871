"""Lanes are fed with what there is, as soon as it is there, and hold no more than they have places."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import pytest

from bot.jobs.pool import Pool, WorkerPool


@pytest.fixture(autouse=True)
def no_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.jobs.pool.POLL", 60.0)


class Bench:
    """Work that lies ready by kind; what was taken stays under way until it is let go."""

    def __init__(self, *, together: int = 1, **ready: int) -> None:
        self.ready = ready
        self.together = together  # so many must be under way before the first of them ends
        self.looks: list[str] = []  # a kind for each look that was taken
        self.under_way = self.most = 0
        self.given_back: list[str] = []
        self.go, self.asking, self.slow = asyncio.Event(), asyncio.Event(), False
        self.done, self.looked, self.kinds = asyncio.Semaphore(0), asyncio.Event(), set[str]()
        self.lanes = WorkerPool(self)

    async def claim(self, kinds: Collection[str]) -> str | None:
        (kind,) = kinds
        self.looks.append(kind)
        if set(self.looks) == self.kinds:
            self.looked.set()
        found = self.ready.get(kind, 0) > 0
        self.ready[kind] = self.ready.get(kind, 0) - found
        if self.slow:
            self.asking.set()
            await self.go.wait()
        return kind if found else None

    async def do(self, claimed: str) -> None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        if self.under_way >= self.together:
            self.go.set()
        await self.go.wait()
        self.under_way -= 1
        self.done.release()

    async def give_back(self, claimed: str) -> None:
        self.given_back.append(claimed)

    @asynccontextmanager
    async def running(self, **places: int) -> AsyncIterator[None]:
        self.kinds = set(places)
        lanes = [Pool(name=kind, kinds=(kind,), concurrency=number) for kind, number in places.items()]
        task = asyncio.create_task(self.lanes.run(lanes))
        try:
            async with asyncio.timeout(5):
                yield
        finally:
            task.cancel()
            self.go.set()
            await asyncio.gather(task, return_exceptions=True)

    async def is_done(self, number: int) -> None:
        for _ in range(number):
            await self.done.acquire()


async def test_a_burst_fills_all_places() -> None:
    bench = Bench(together=8, talk=100)
    async with bench.running(talk=8):
        await bench.is_done(100)
    assert bench.most == 8


async def test_a_lane_holds_no_more_than_its_places() -> None:
    bench = Bench(talk=20)
    async with bench.running(talk=1):
        await bench.is_done(20)
    assert bench.most == 1


async def test_what_is_added_wakes_its_own_lane_alone() -> None:
    bench = Bench(talk=1, push=1)
    async with bench.running(talk=2, push=2):
        await bench.is_done(2)
        looked = bench.looks.count("push")
        bench.ready["talk"] = 1
        bench.lanes.wake("talk")
        await bench.is_done(1)
    assert bench.looks.count("push") == looked


async def test_all_lanes_can_be_woken() -> None:
    bench = Bench()
    async with bench.running(talk=2, push=2):
        await bench.looked.wait()
        bench.ready |= {"talk": 1, "push": 1}
        bench.lanes.wake()
        await bench.is_done(2)


async def test_what_is_added_during_a_look_is_found_by_the_next() -> None:
    bench = Bench()
    bench.slow = True
    async with bench.running(talk=2):
        await bench.asking.wait()
        bench.ready["talk"] = 1
        bench.lanes.wake("talk")
        bench.go.set()
        await bench.is_done(1)


async def test_what_a_stop_finds_claimed_is_given_back() -> None:
    bench = Bench(talk=3)
    bench.slow = True
    async with bench.running(talk=2):
        await bench.asking.wait()
    assert (bench.given_back, bench.ready["talk"]) == (["talk"], 2)
