"""The sandbox's time: the clock it was given, moved by whoever plays, and sleeps that notice the moving."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))
"""DingTalk's days and months begin at midnight in China."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class SandboxClock:
    """Tells an aware UTC time. `advance` moves it, and ends every sleep that has now lasted long enough."""

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
        """Wait that long, in the event loop's time plus whatever the clock is moved meanwhile."""
        end = self._elapsed() + seconds
        while (left := end - self._elapsed()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), left)

    def _elapsed(self) -> float:
        return asyncio.get_running_loop().time() + self._offset.total_seconds()
