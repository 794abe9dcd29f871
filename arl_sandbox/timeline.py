"""A simulation of processes on one clock."""

from collections.abc import Awaitable, Callable, Iterator
from heapq import heappop, heappush
from itertools import count

from arl_sandbox.database import ArlDatabase

Process = Iterator[float]  # yields the seconds until its next write


class Timeline:
    """Runs processes in the order of their writes, and flushes the mirror after each write.

    `sleep` waits in real time or advances a fake clock.
    """

    def __init__(self, database: ArlDatabase, sleep: Callable[[float], Awaitable[object]]) -> None:
        self._database = database
        self._sleep = sleep
        self._sequence = count()
        self._pending: list[tuple[float, int, Process]] = []

    def add(self, *processes: Process) -> None:
        for process in processes:
            heappush(self._pending, (self._now(), next(self._sequence), process))

    async def step(self) -> None:
        """Advance to the next write."""
        due, _, process = heappop(self._pending)
        await self._sleep(max(0.0, due - self._now()))
        pause = next(process, None)
        await self._database.flush()
        if pause is not None:
            heappush(self._pending, (self._now() + pause, next(self._sequence), process))

    async def run(self, seconds: float) -> None:
        """Run all writes of the next `seconds`, and let that time pass."""
        end = self._now() + seconds
        while self._pending and self._pending[0][0] <= end:
            await self.step()
        await self._sleep(max(0.0, end - self._now()))

    async def run_to_end(self) -> None:
        """Run until every process has ended."""
        while self._pending:
            await self.step()

    def _now(self) -> float:
        return self._database.clock().timestamp()
