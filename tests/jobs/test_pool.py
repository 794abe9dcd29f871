"""Pools: concurrency, wake-ups and stopping."""

import asyncio
import gc
import math
import weakref
from collections import deque
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import pytest

from bot.jobs.pool import Pool, WorkerPool


@pytest.fixture(autouse=True)
def no_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.jobs.pool.POLL_INTERVAL_SECONDS", 60.0)
    monkeypatch.setattr("bot.jobs.pool.BUSY_INTERVAL_SECONDS", 60.0)


class FakeWork:
    """Work that is ready, by kind. What was claimed runs until `go` is set."""

    def __init__(self, *, together: int = 1, **ready: int) -> None:
        self.ready = ready
        self.together = together  # so many must run before the first of them ends
        self.claims: list[str] = []  # the kind of each claim that was tried
        self.active = self.most = 0
        self.tasks: list[weakref.ref[asyncio.Task[None] | None]] = []
        self.given_back: list[str] = []
        self.broken = 0  # the next so many fail
        self.go, self.asking, self.slow = asyncio.Event(), asyncio.Event(), False
        self.started = asyncio.Semaphore(0)
        self.done, self.tried, self.kinds = asyncio.Semaphore(0), asyncio.Event(), set[str]()
        self.due = deque[float]()  # what the next questions are answered, in seconds
        self.asked = asyncio.Semaphore(0)
        self.pools = WorkerPool(self)

    async def seconds_until_due(self, kinds: Collection[str]) -> float:
        assert set(kinds) == self.kinds
        self.asked.release()
        return self.due.popleft() if self.due else math.inf

    async def claim(self, kinds: Collection[str]) -> str | None:
        (kind,) = kinds
        self.claims.append(kind)
        if set(self.claims) == self.kinds:
            self.tried.set()
        found = self.ready.get(kind, 0) > 0
        self.ready[kind] = self.ready.get(kind, 0) - found
        if self.slow:
            self.asking.set()
            await self.go.wait()
        return kind if found else None

    async def do(self, claimed: str) -> None:
        if self.broken:
            self.broken -= 1
            raise RuntimeError("a mistake of ours")
        self.tasks.append(weakref.ref(asyncio.current_task()))
        self.active += 1
        self.started.release()
        self.most = max(self.most, self.active)
        if self.active >= self.together:
            self.go.set()
        await self.go.wait()
        self.active -= 1
        self.done.release()

    async def give_back(self, claimed: str) -> None:
        self.given_back.append(claimed)

    @asynccontextmanager
    async def running(self, **concurrency: int) -> AsyncIterator[None]:
        self.kinds = set(concurrency)
        pools = [Pool(name=kind, kinds=(kind,), concurrency=number) for kind, number in concurrency.items()]
        task = asyncio.create_task(self.pools.run(pools))
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


async def test_a_burst_uses_the_whole_concurrency() -> None:
    work = FakeWork(together=8, talk=100)
    async with work.running(talk=8):
        await work.is_done(100)
    assert work.most == 8


async def test_a_pool_never_exceeds_its_concurrency() -> None:
    work = FakeWork(talk=20)
    async with work.running(talk=1):
        await work.is_done(20)
    assert work.most == 1


async def test_work_that_has_ended_is_forgotten() -> None:
    work = FakeWork(talk=20)
    async with work.running(talk=1):
        await work.is_done(20)
        gc.collect()
        assert sum(task() is not None for task in work.tasks) <= 2


async def test_new_work_wakes_its_own_pool_only() -> None:
    work = FakeWork(talk=1, push=1)
    async with work.running(talk=2, push=2):
        await work.is_done(2)
        tried = work.claims.count("push")
        work.ready["talk"] = 1
        work.pools.wake("talk")
        await work.is_done(1)
    assert work.claims.count("push") == tried


async def test_idle_pools_do_not_ask_for_work_before_some_is_due() -> None:
    work = FakeWork()
    work.due.extend([0.001, 0.001, 0.001])
    async with work.running(talk=2, push=2):
        for _ in range(4):
            await work.asked.acquire()
    assert sorted(work.claims) == ["push", "talk"]


async def test_pools_claim_when_work_is_due_that_nobody_here_has_added() -> None:
    work = FakeWork()
    work.due.extend([0.001, 0.0])
    async with work.running(talk=2):
        await work.asked.acquire()
        work.ready["talk"] = 1
        await work.is_done(1)


async def test_work_with_another_time_is_claimed_at_that_time() -> None:
    work = FakeWork()
    async with work.running(talk=2):
        await work.asked.acquire()
        work.ready["talk"] = 1
        work.due.append(0.0)
        work.pools.reschedule()
        await work.is_done(1)


async def turns() -> None:
    """Let everything happen that needs no waiting."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_pool_that_is_woken_in_vain_asks_once() -> None:
    work = FakeWork()
    async with work.running(talk=2):
        await work.tried.wait()
        work.pools.wake("talk")
        await turns()
    assert work.claims == ["talk", "talk"]


async def test_work_that_no_pool_is_free_for_is_not_asked_about_all_the_time() -> None:
    work = FakeWork(talk=1)
    work.due.extend([0.0, 0.0])
    async with work.running(talk=1):
        await work.asked.acquire()
        await turns()
        assert work.asked.locked()


async def test_due_work_is_asked_about_at_each_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.jobs.pool.POLL_INTERVAL_SECONDS", 0.001)
    work = FakeWork()
    async with work.running(talk=1):
        for _ in range(3):
            await work.asked.acquire()


async def test_all_pools_can_be_woken() -> None:
    work = FakeWork()
    async with work.running(talk=2, push=2):
        await work.tried.wait()
        work.ready |= {"talk": 1, "push": 1}
        work.pools.wake()
        await work.is_done(2)


async def test_work_added_during_a_claim_is_found_by_the_next() -> None:
    work = FakeWork()
    work.slow = True
    async with work.running(talk=2):
        await work.asking.wait()
        work.ready["talk"] = 1
        work.pools.wake("talk")
        work.go.set()
        await work.is_done(1)


async def test_work_claimed_during_a_stop_is_given_back() -> None:
    work = FakeWork(talk=3)
    work.slow = True
    async with work.running(talk=2):
        await work.asking.wait()
    assert (work.given_back, work.ready["talk"]) == (["talk"], 2)


async def test_work_that_fails_frees_its_slot_and_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    work = FakeWork(talk=2)
    work.broken = 1
    async with work.running(talk=1):
        await work.is_done(1)
    assert "pool talk: a step failed" in caplog.text


async def test_a_claim_that_fails_is_reported_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    work = FakeWork(talk=1)
    faults, claim = [RuntimeError("a mistake of ours")], work.claim

    async def sometimes(kinds: Collection[str]) -> str | None:
        if faults:
            work.pools.wake()
            raise faults.pop()
        return await claim(kinds)

    work.claim = sometimes  # type: ignore[method-assign]
    async with work.running(talk=1):
        await work.is_done(1)
    assert "pool talk: a step failed" in caplog.text


async def test_a_question_for_due_work_that_fails_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bot.jobs.pool.POLL_INTERVAL_SECONDS", 0.001)
    work, twice = FakeWork(), asyncio.Semaphore(0)

    async def fail(kinds: Collection[str]) -> float:
        twice.release()
        raise RuntimeError("a mistake of ours")

    work.seconds_until_due = fail  # type: ignore[method-assign]
    async with work.running(talk=1):
        for _ in range(2):
            await twice.acquire()
    assert "due work: a step failed" in caplog.text


async def test_the_tasks_of_pools_are_named() -> None:
    work = FakeWork(together=3, talk=2)
    async with work.running(talk=2):
        await work.asked.acquire()
        for _ in range(2):
            await work.started.acquire()
        names = sorted(task.get_name() for task in asyncio.all_tasks())
    assert [name for name in names if "Task-" not in name and not name.startswith("test_")] == [
        "due work",
        "pool talk",
        "work in pool talk",
        "work in pool talk",
    ]


async def test_a_stop_waits_until_all_work_that_is_late_has_ended(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bot.jobs.pool.STOP_TIMEOUT_SECONDS", 0.01)
    work, ended = FakeWork(talk=3), list[int]()

    async def slow_to_end(claimed: str) -> None:
        number = work.active = work.active + 1
        work.started.release()
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(10 * number):
                await asyncio.sleep(0)
            ended.append(number)

    work.do = slow_to_end  # type: ignore[method-assign]
    task = asyncio.create_task(work.pools.run([Pool(name="t", kinds=("talk",), concurrency=3)]))
    work.kinds = {"talk"}
    async with asyncio.timeout(5):
        for _ in range(3):
            await work.started.acquire()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert (ended, caplog.text) == ([1, 2, 3], "")
