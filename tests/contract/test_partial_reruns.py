"""The buttons of our own card template on every kind of store, pressed at two bots at once."""

import asyncio
from pathlib import Path
from typing import cast

import pytest

from bot.chat.users import UserDirectory
from bot.models import Person
from bot.stores.sqlite.store import SqliteStore
from bot.wiring.stores import StoreSet
from tests.conftest import CoreHarness
from tests.fakes import FakeClock, FakeEngine, FakeMessenger
from tests.handlers.reruns.test_rerun_part import failed_twice, scanned, tap


@pytest.fixture
async def bots(both: tuple[StoreSet, StoreSet], tmp_path: Path) -> list[CoreHarness]:
    """Return two bots with one store, engine and messenger, and a person who has spoken before."""
    engine, messenger, clock = FakeEngine(), FakeMessenger(), FakeClock()
    await UserDirectory(both[0].store).record(Person(id="user01"))
    return [
        CoreHarness(
            store=cast(SqliteStore, stores.store),
            stores=stores,
            engine=engine,
            messenger=messenger,
            clock=clock,
            folder=tmp_path,
        )
        for stores in both
    ]


@pytest.mark.parametrize(
    ("first", "second", "targets"),
    [
        (("rerun_task", "3"), ("rerun_task", "3"), [["c.example"]]),
        (("rerun_task", "2"), ("rerun_task", "3"), [["b.example"], ["c.example"]]),
        (("rerun_task", "3"), ("rerun_targets", "a.example"), [["a.example"], ["c.example"]]),
    ],
)
async def test_of_two_taps_at_two_bots_one_starts_a_run(
    bots: list[CoreHarness], first: tuple[str, str], second: tuple[str, str], targets: list[list[str]]
) -> None:
    run = await failed_twice(bots[0])
    taps = zip(bots, (tap(run, *first), tap(run, *second)), strict=True)
    await asyncio.gather(*(bot.intake.receive_tap(each) for bot, each in taps))
    await asyncio.gather(*(bot.do_jobs() for bot in bots))
    assert len(await bots[0].store.find_runs()) == 2
    assert await scanned(bots[0], run) in targets
