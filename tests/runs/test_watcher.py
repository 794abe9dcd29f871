"""How often the watcher looks. What it does is tested in `test_lifecycle.py`."""

import asyncio

import pytest

from tests.conftest import CoreHarness
from tests.factories import make_schedule


async def test_the_watcher_looks_seldom_until_a_run_starts(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.runs.watcher.IDLE_INTERVAL_SECONDS", 60.0)
    ticks, tick = asyncio.Semaphore(0), core.watcher.tick

    async def counted() -> int:
        ended = await tick()
        ticks.release()
        return ended

    monkeypatch.setattr(core.watcher, "tick", counted)
    watching = asyncio.create_task(core.watcher.run(0.0))
    async with asyncio.timeout(5):
        await ticks.acquire()
        for _ in range(20):
            await core.store.find_runs()
        assert ticks.locked()
        await core.trigger(make_schedule())
        for _ in range(3):
            await ticks.acquire()
    watching.cancel()
