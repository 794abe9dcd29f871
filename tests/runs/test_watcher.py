"""When the watcher looks. What it does is tested in `test_lifecycle.py`."""

import asyncio

import pytest

from bot.models import RunStatus, TaskStatus
from bot.runs.watcher import pause_after
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


async def test_the_watcher_looks_at_once_when_a_task_has_ended(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.runs.watcher.MIN_PAUSE_SECONDS", 0.0)
    run = await core.trigger()
    looked, tick = asyncio.Semaphore(0), core.watcher.tick

    async def counted() -> int:
        ended = await tick()
        looked.release()
        return ended

    monkeypatch.setattr(core.watcher, "tick", counted)
    watching = asyncio.create_task(core.watcher.run(60.0))
    async with asyncio.timeout(5):
        await looked.acquire()  # for the run that was opened
        for _ in range(20):
            await core.store.find_runs()
        assert looked.locked()
        core.engine.end_all(TaskStatus.DONE)
        core.watcher.wake()
        await looked.acquire()
    watching.cancel()
    assert (await core.run(run.id)).status is RunStatus.FINISHED


@pytest.mark.parametrize(("tick", "pause"), [(0.0, 0.1), (0.01, 0.1), (0.1, 0.3), (5.0, 1.0)])
def test_however_many_tasks_end_ticks_take_a_small_part_of_the_time(tick: float, pause: float) -> None:
    assert pause_after(tick, 1.0) == pytest.approx(pause)


async def test_the_exporter_is_told_while_a_report_is_to_come(core: CoreHarness) -> None:
    await core.watcher.tick()
    assert not core.exporter.expected
    await core.trigger(make_schedule(export=True))
    await core.watcher.tick()
    assert core.exporter.expected
    core.engine.end_all(TaskStatus.DONE)
    await core.watcher.tick()
    await core.watcher.tick()
    assert not core.exporter.expected
