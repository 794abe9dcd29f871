"""What is told of lapses on every kind of store, by two bots, and after a kill at any write."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest

from bot.models import Expectation, JobState, Trigger
from bot.runs.lifecycle import TriggerRequest
from bot.stores.sqlite.store import SqliteStore
from bot.wiring.stores import StoreSet
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_schedule
from tests.fakes import FakeClock, FakeEngine, FakeMessenger

WRITES = ("add_", "change_", "save_", "set_", "record_", "watch", "claim_")
LEASE_SECONDS = 80
MIN_WRITES = 15  # of the story
MISSED, STARTED = "**🔴 没有按", "**✅ 又开始"


class Killed(BaseException):
    """The process was killed."""


class Mortal:
    """Stands for a store; the process is killed right after, or right before, its n-th write."""

    def __init__(self, inner: object, dies: Callable[[], bool], *, before: bool) -> None:
        self._inner, self._dies, self._before = inner, dies, before

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if not name.startswith(WRITES):
            return method

        async def write(*args: object, **keys: object) -> object:
            dies = self._dies()
            if dies and self._before:
                raise Killed
            result = await method(*args, **keys)
            if dies:
                raise Killed
            return result

        return write


class Story:
    """A schedule that misses its time and starts five minutes later, told by bots on one store."""

    def __init__(self, stores: StoreSet, folder: Path, schedule_id: str = "s1") -> None:
        self.clock, self.engine, self.messenger = FakeClock(), FakeEngine(), FakeMessenger()
        self.stores, self.folder = stores, folder
        self.writes_left = 0  # until the process is killed; 0 = it lives on
        self.schedule = make_schedule(
            id=schedule_id,
            cron="*/5 * * * *",
            expect=Expectation(grace=timedelta(minutes=1)),
            **{"notify_enable": True, "send_to": (GROUP,), "export": False},
        )

    def bot(self, stores: StoreSet | None = None, *, before: bool = False) -> CoreHarness:
        """Start a bot, which is killed at a write to the store."""
        stores = stores or self.stores
        mortal = replace(
            stores,
            store=cast(Any, Mortal(stores.store, self._dies, before=before)),
            lapses=cast(Any, Mortal(stores.lapses, self._dies, before=before)),
        )
        core = CoreHarness(
            store=cast(SqliteStore, mortal.store),
            clock=self.clock,
            folder=self.folder,
            engine=self.engine,
            messenger=self.messenger,
            stores=mortal,
        )
        self.engine.known[:] = [self.schedule]
        return core

    def _dies(self) -> bool:
        self.writes_left -= 1
        return self.writes_left == 0

    async def step(self, core: CoreHarness, minute: int) -> None:
        """Do what a bot does in a minute of the story."""
        if minute == START_MINUTE:
            request = TriggerRequest(idempotency_key=f"cron:{self.schedule.id}", trigger=Trigger.CRON)
            await core.runs.trigger(self.schedule, request)
        await core.lapses.check(self.clock())
        await core.do_jobs()

    def told(self) -> list[str]:
        return [what[:7] for verb, _, what in self.messenger.sent if verb == "note"]


START_MINUTE, LAST_MINUTE = 9, 11


async def test_two_bots_tell_each_lapse_and_its_end_once(
    both: tuple[StoreSet, StoreSet], tmp_path: Path
) -> None:
    story = Story(both[0], tmp_path)
    bots = [story.bot(stores) for stores in both]
    for minute in range(LAST_MINUTE):
        for core in bots:
            await story.step(core, minute)
            story.clock.turn(seconds=30)
    assert story.told() == [MISSED, STARTED]


async def tell(story: Story, *, before: bool) -> bool:
    """Go through the story. After the kill, another bot repeats the step. Returns False without a kill."""
    core, killed = story.bot(before=before), False
    for minute in range(LAST_MINUTE):
        try:
            await story.step(core, minute)
        except Killed:
            core, killed = story.bot(before=before), True
            story.clock.turn(seconds=LEASE_SECONDS)
            await story.step(core, minute)
        story.clock.turn(seconds=60)
    return killed


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
async def test_a_kill_at_any_write_loses_nothing_and_tells_nothing_twice(
    both: tuple[StoreSet, StoreSet], tmp_path: Path, before: bool
) -> None:
    for number in count(1):
        story = Story(both[0], tmp_path, f"s{number}")
        story.writes_left = number
        if not await tell(story, before=before):
            break
        jobs = [job for kind in ("lapse", "recovery") for job in await both[0].store.find_jobs(kind=kind)]
        unconfirmed = [job for job in jobs if job.state is JobState.UNCONFIRMED and f":s{number}:" in job.id]
        assert sorted(set(story.told())) == sorted(story.told())
        assert len(story.told()) + len(unconfirmed) >= len([MISSED, STARTED])
    assert number > MIN_WRITES
