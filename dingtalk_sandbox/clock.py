"""An adjustable clock. Sleeping on it ends early when the clock is moved past the end."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))
"""The time zone in which DingTalk's days and months begin."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class SandboxClock:
    """A clock in aware UTC time. `advance` moves it and wakes the sleepers whose time has come."""

    def __init__(self, base: Callable[[], datetime] = utc_now) -> None:
        self._base = base
        self._offset = timedelta()
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        return self._base() + self._offset

    def ms(self) -> int:
        return int(self.now().timestamp() * 1000)

    def today(self) -> str:
        return self.now().astimezone(CHINA).date().isoformat()

    def month(self) -> str:
        return self.today()[:7]

    def advance(self, seconds: float) -> None:
        self._offset += timedelta(seconds=seconds)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def set(self, when: datetime) -> None:
        self.advance((when - self.now()).total_seconds())

    def reset(self) -> None:
        self.advance(-self._offset.total_seconds())

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of this clock: real time plus every move of the clock in between."""
        end = self._elapsed() + seconds
        while (left := end - self._elapsed()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), left)

    def _elapsed(self) -> float:
        return asyncio.get_running_loop().time() + self._offset.total_seconds()
