"""Two bots, each with its own connection to one store: whatever one does, the other knows."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from bot.delivery.plan import card_id
from bot.models import CardTap, Person, RunStatus
from bot.runs.scheduler import SchedulePolicy, Scheduler
from bot.stores.sqlite.quota import SqliteQuotaStore
from bot.stores.sqlite.store import SqliteStore
from tests.conftest import GROUP, ZONE, CoreHarness
from tests.factories import make_message
from tests.fakes import FakeClock


@dataclass
class Bots:
    """Two bots that share engine and messenger with the world, and nothing but the store with each other."""

    one: CoreHarness
    other: CoreHarness

    async def do_jobs(self) -> None:
        await asyncio.gather(self.one.do_jobs(), self.other.do_jobs())

    def sent(self) -> list[str]:
        return self.one.messenger.verbs()


@pytest.fixture
async def bots(core: CoreHarness, tmp_path: Path) -> AsyncIterator[Bots]:
    store = SqliteStore(tmp_path / "dingrun.db")
    await store.open()
    other = CoreHarness(
        store=store, clock=core.clock, folder=core.folder, engine=core.engine, messenger=core.messenger
    )
    other.engine.known.pop()  # each core brings the same schedule
    yield Bots(one=core, other=other)
    await store.close()


async def test_a_message_that_lands_on_both_is_answered_once(bots: Bots) -> None:
    message = make_message("帮助")
    await asyncio.gather(*(core.intake.receive_message(message) for core in (bots.one, bots.other)))
    await bots.do_jobs()
    assert bots.sent() == ["reply"]


async def test_a_message_of_one_is_done_by_the_other(bots: Bots) -> None:
    await bots.one.intake.receive_message(make_message("重跑"))
    await bots.other.do_jobs()
    assert len(await bots.one.store.find_runs()) == 1


async def test_a_press_that_lands_on_both_is_done_once(bots: Bots) -> None:
    run = await bots.one.finished_run()
    place = card_id(run.id, GROUP)
    tap = CardTap(card_id=place, action="rerun", user=Person(id="user01"), conversation_id=GROUP.id)
    answers = await asyncio.gather(*(core.intake.receive_tap(tap) for core in (bots.one, bots.other)))
    await bots.do_jobs()
    assert answers[0] != answers[1]
    assert len(await bots.one.store.find_runs()) == 2


async def test_a_run_of_one_is_told_once_by_both(bots: Bots) -> None:
    run = await bots.one.trigger()
    bots.one.engine.end_all()
    assert sum(await asyncio.gather(bots.one.watcher.tick(), bots.other.watcher.tick())) >= 1
    await bots.do_jobs()
    bots.one.clock.turn(seconds=60)
    await bots.do_jobs()
    assert sorted(bots.sent()) == ["card", "file", "upload"]
    assert (await bots.other.run(run.id)).status is RunStatus.FINISHED


async def test_a_due_schedule_fires_once(bots: Bots, clock: FakeClock) -> None:
    timetable = SchedulePolicy(zone=ZONE)
    schedulers = [
        Scheduler(each.store, each.engine, each.runs, policy=timetable) for each in (bots.one, bots.other)
    ]
    for _ in range(3):
        await asyncio.gather(*(scheduler.tick(clock()) for scheduler in schedulers))
        clock.turn(seconds=86_400)
    assert len(await bots.one.store.find_runs()) == 2


async def test_places_and_bookings_are_shared(bots: Bots, clock: FakeClock) -> None:
    ledgers = [SqliteQuotaStore(bots.one.store), SqliteQuotaStore(bots.other.store)]
    asked = [
        ledger.acquire("robot", 20, clock(), timedelta(minutes=1)) for _ in range(20) for ledger in ledgers
    ]
    passed = (await asyncio.gather(*asked)).count(None)
    await asyncio.gather(*(ledger.add_usage("2026-11", "api", 1) for _ in range(10) for ledger in ledgers))
    assert passed == 20
    assert await ledgers[0].usage("2026-11") == {"api": 20}
