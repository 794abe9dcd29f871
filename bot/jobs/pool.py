"""Run claimed work in pools: groups of kinds that share a concurrency limit."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from bot.runtime import wait_at_most
from bot.telemetry.loops import loop_step, report_error

POLL_INTERVAL_SECONDS = 5.0  # for work that other processes have added
BUSY_INTERVAL_SECONDS = 1.0  # while work is due that is not claimed, because its pool is full
STOP_TIMEOUT_SECONDS = 3.0  # for running work to end

Claimed = TypeVar("Claimed")


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Kinds that share a concurrency limit."""

    name: str
    kinds: Collection[str]
    concurrency: int


class Work(Protocol[Claimed]):
    """The source of work for pools."""

    async def claim(self, kinds: Collection[str]) -> Claimed | None:
        """Claim one that is due."""

    async def seconds_until_due(self, kinds: Collection[str]) -> float:
        """Return when the next one is due. Zero or less if one is, infinity if there is none."""

    async def do(self, claimed: Claimed) -> None:
        """Do it, and store the outcome."""

    async def give_back(self, claimed: Claimed) -> None:
        """Release it when the process stops, so that any process may claim it."""


class WorkerPool(Generic[Claimed]):
    """Runs several pools concurrently.

    An idle pool does not ask the store. One question for all pools finds out when the next work is due: at
    that time, they are woken. It is repeated every `POLL_INTERVAL_SECONDS`, for other processes.
    """

    def __init__(self, work: Work[Claimed]) -> None:
        self._work = work
        self._wakeups: dict[str, asyncio.Event] = {}  # by kind
        self._rescheduled = asyncio.Event()

    def wake(self, kind: str = "") -> None:
        """Claim work of this kind, or of any, at once instead of at the next poll."""
        for known, wakeup in self._wakeups.items():
            if kind in {"", known}:
                wakeup.set()

    def reschedule(self) -> None:
        """Find out anew when the next work is due, because some has got another time."""
        self._rescheduled.set()

    async def run(self, pools: Sequence[Pool]) -> None:
        """Run until cancelled. Then wait `STOP_TIMEOUT_SECONDS` for running work, and cancel the rest."""
        runners = [_PoolRunner(pool, self._work) for pool in pools]
        self._wakeups = {kind: runner.wakeup for runner in runners for kind in runner.pool.kinds}
        try:
            async with asyncio.TaskGroup() as group:
                for runner in runners:
                    group.create_task(runner.run(), name=f"pool {runner.pool.name}")
                group.create_task(self._wake_when_due(list(self._wakeups)), name="due work")
        finally:
            await _stop([task for runner in runners for task in runner.running])

    async def _wake_when_due(self, kinds: Collection[str]) -> None:
        while True:
            self._rescheduled.clear()
            wait = POLL_INTERVAL_SECONDS
            with loop_step("due work"):
                wait = min(wait, await self._work.seconds_until_due(kinds))
            if wait > 0:
                await wait_at_most(self._rescheduled, wait)
            else:
                self.wake()
                await asyncio.sleep(BUSY_INTERVAL_SECONDS)


class _PoolRunner(Generic[Claimed]):
    """Runs one pool."""

    def __init__(self, pool: Pool, work: Work[Claimed]) -> None:
        self.pool = pool
        self.wakeup = asyncio.Event()
        self.running: set[asyncio.Task[None]] = set()
        self._work = work
        self._slots = asyncio.Semaphore(pool.concurrency)

    async def run(self) -> None:
        """Claim one by one as long as a slot is free, and start what was claimed."""
        while True:
            await self._slots.acquire()
            claimed = await self._claim()
            if claimed is None:
                self._slots.release()
                await self.wakeup.wait()
            else:
                self._start(claimed)

    async def _claim(self) -> Claimed | None:
        """Claim one. If cancelled meanwhile, give back what the store returns."""
        self.wakeup.clear()
        claiming = asyncio.ensure_future(self._try_claim())
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            claimed = await claiming
            if claimed is not None:
                await self._work.give_back(claimed)
            raise

    async def _try_claim(self) -> Claimed | None:
        with loop_step(f"pool {self.pool.name}"):
            return await self._work.claim(self.pool.kinds)
        return None

    def _start(self, claimed: Claimed) -> None:
        task = asyncio.create_task(self._work.do(claimed), name=f"work in pool {self.pool.name}")
        self.running.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self.running.discard(task)
        self._slots.release()
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            report_error(f"pool {self.pool.name}", error)


async def _stop(running: Collection[asyncio.Task[None]]) -> None:
    if not running:
        return
    _, late = await asyncio.wait(running, timeout=STOP_TIMEOUT_SECONDS)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
