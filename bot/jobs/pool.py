"""Lanes: kinds of work that share a number of places, each fed with what can be claimed as soon as it can."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from bot.telemetry.loops import loop_step, report_error

POLL = 1.0  # seconds between looks at the store for what other processes added
PATIENCE = 3.0  # seconds that a stop gives running work to end

Claimed = TypeVar("Claimed")


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Kinds that share a number of places."""

    name: str
    kinds: Collection[str]
    concurrency: int


class Work(Protocol[Claimed]):
    """What lanes are fed with."""

    async def claim(self, kinds: Collection[str]) -> Claimed | None:
        """Take one that is due."""

    async def do(self, claimed: Claimed) -> None:
        """Do it, and keep what came of it."""

    async def give_back(self, claimed: Claimed) -> None:
        """A stop came: whoever claims it next may do it."""


class WorkerPool(Generic[Claimed]):
    """Does work while `run` does."""

    def __init__(self, work: Work[Claimed]) -> None:
        self._work = work
        self._bells: dict[str, asyncio.Event] = {}  # by kind

    def wake(self, kind: str = "") -> None:
        """Look for work of this kind, or of any, at once instead of at the next poll."""
        for each, bell in self._bells.items():
            if kind in {"", each}:
                bell.set()

    async def run(self, lanes: Sequence[Pool]) -> None:
        """Run until cancelled; then give what runs a little time, and give back the rest."""
        feeds = [_PoolRunner(lane, self._work) for lane in lanes]
        self._bells = {kind: feed.bell for feed in feeds for kind in feed.lane.kinds}
        try:
            async with asyncio.TaskGroup() as group:
                for feed in feeds:
                    group.create_task(feed.run(), name=f"lane {feed.lane.name}")
        finally:
            await _wind_down([task for feed in feeds for task in feed.running])


class _PoolRunner(Generic[Claimed]):
    """One lane and what runs in it."""

    def __init__(self, lane: Pool, work: Work[Claimed]) -> None:
        self.lane = lane
        self.bell = asyncio.Event()
        self.running: set[asyncio.Task[None]] = set()
        self._work = work
        self._places = asyncio.Semaphore(lane.concurrency)

    async def run(self) -> None:
        """As long as all that is asked for is there, twice as much is asked for at once."""
        wanted = 1
        while True:
            asked = await self._take_places(wanted)
            claimed = await self._claim(asked)
            for each in claimed:
                self._start(each)
            for _ in range(asked - len(claimed)):
                self._places.release()
            wanted = min(2 * asked, self.lane.concurrency) if len(claimed) == asked else 1
            if not claimed:
                await self._wait()

    async def _take_places(self, most: int) -> int:
        """Wait for a place, and take more that are free; how many."""
        await self._places.acquire()
        taken = 1
        while taken < most and not self._places.locked():
            await self._places.acquire()
            taken += 1
        return taken

    async def _claim(self, most: int) -> Sequence[Claimed]:
        """A stop may come while the store answers: what it gives then is not left to its lease."""
        self.bell.clear()
        looks = [self._look() for _ in range(most)]
        claiming = asyncio.gather(*looks)
        try:
            return [each for each in await asyncio.shield(claiming) if each is not None]
        except asyncio.CancelledError:
            for each in await claiming:
                if each is not None:
                    await self._work.give_back(each)
            raise

    async def _look(self) -> Claimed | None:
        """Claim one; a failed claim finds nothing and loses none of those made beside it."""
        with loop_step(f"lane {self.lane.name}"):
            return await self._work.claim(self.lane.kinds)
        return None

    def _start(self, claimed: Claimed) -> None:
        task = asyncio.create_task(self._work.do(claimed), name=f"work in lane {self.lane.name}")
        self.running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.running.discard(task)
        self._places.release()
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            report_error(f"lane {self.lane.name}", error)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(POLL):
                await self.bell.wait()
        except TimeoutError:
            return


async def _wind_down(running: Collection[asyncio.Task[None]]) -> None:
    if not running:
        return
    _, late = await asyncio.wait(running, timeout=PATIENCE)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
