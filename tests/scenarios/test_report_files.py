"""Links, parts and new attempts at reports while the process dies at every write: never twice, never lost."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pytest

from bot.errors import PermanentError
from bot.models import ExportStatus, JobState, Run
from bot.reports.link_tokens import LinkPolicy
from bot.stores.sqlite.store import SqliteStore
from tests.conftest import CoreHarness
from tests.fakes import FakeClock
from tests.scenarios.faults import WRITES, Fault, Faulty, Killed

MOST_POINTS = 300
STEP = 1 if os.environ.get("CAMPAIGN") == "full" else 3
"""Each n-th point is tried. Three parts of this file begin at different ones."""
POINTS = (*WRITES, "rows", "change")  # the last two are what links and bookings go by
Wish = Callable[[CoreHarness, Run], Awaitable[None]]


async def end(core: CoreHarness, run: Run) -> None:
    """The run's end: summary, report, delivery."""
    await core.watcher.tick()


async def ask_again(core: CoreHarness, run: Run) -> None:
    """A report that failed is asked for once more, as a message that comes back after a death does."""
    await core.context.reports.exports.retry(run, by="user01", cause="message1")
    await core.delivery.send_report(run, core.schedule.send_to[0], "message1")


async def died_at(point: int, core: CoreHarness, run: Run, wish: Wish) -> bool:
    """Do what a wish leads to on a store that kills the process at a point, then start again."""
    calm, fault = core.store, Fault(at=point)
    core.store = cast(SqliteStore, Faulty(calm, POINTS, fault))
    core.build()
    with suppress(Killed):
        await wish(core, run)
        await core.do_jobs()
    core.store = calm
    core.build()
    await wish(core, run)
    for _ in range(12):
        core.clock.turn(seconds=60)
        await core.do_jobs()
    return bool(fault.deaths)


@asynccontextmanager
async def ended_run(path: Path, **changes: Any) -> AsyncIterator[tuple[CoreHarness, Run]]:
    """A run whose tasks have ended, which nobody has seen yet."""
    store = SqliteStore(path / "store.db")
    await store.open()
    try:
        core = CoreHarness(store=store, clock=FakeClock(), folder=path / "reports", **changes)
        run = await core.trigger()
        core.engine.end_all()
        yield core, run
    finally:
        await store.close()


async def came(core: CoreHarness, what: str) -> tuple[int, int]:
    """How often something certainly came, and how often at most: one of which nobody knows may have come."""
    sent = core.messenger.verbs().count(what)
    return sent, sent + len(await core.store.find_jobs(kind="file", states={JobState.UNCONFIRMED}))


@pytest.mark.parametrize(
    ("first", "public_url", "what", "times"), [(0, "https://run.example.com", "note", 1), (1, "", "file", 3)]
)
async def test_a_report_too_big_comes_once_wherever_the_process_dies(
    tmp_path: Path, first: int, public_url: str, what: str, times: int
) -> None:
    for point in range(first % STEP, MOST_POINTS, STEP):
        terms = LinkPolicy(public_url=public_url)
        async with ended_run(tmp_path / str(point), max_bytes=10, terms=terms) as (core, run):
            died = await died_at(point, core, run, end)
            sure, perhaps = await came(core, what)
            assert sure <= times <= perhaps, point
            assert (await core.run(run.id)).export_status is ExportStatus.SUCCESS
        if not died:
            return
    pytest.fail("there are more points than this test goes through")


async def test_a_report_is_made_again_once_wherever_the_process_dies(tmp_path: Path) -> None:
    for point in range(2 % STEP, MOST_POINTS, STEP):
        async with ended_run(tmp_path / str(point)) as (core, run):
            core.exporter.trouble = [PermanentError("disk")]
            await end(core, run)
            await core.do_jobs()
            died = await died_at(point, core, await core.run(run.id), ask_again)
            sure, perhaps = await came(core, "file")
            assert sure <= 1 <= perhaps, point
            assert await core.reports.find(run_id=run.id), point
            assert await core.context.reports.exports.count(run) == 2, point
        if not died:
            return
    pytest.fail("there are more points than this test goes through")
