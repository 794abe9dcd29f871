"""Operators hear once of an engine that cannot be asked, and once that it is back."""

import pytest

from bot.delivery.lapses.engine_outages import EngineOutages
from bot.errors import TemporaryError
from bot.models import Destination
from tests.conftest import CoreHarness
from tests.fakes import FakeEngine

BOSS = Destination.parse("user:boss")


async def down() -> object:
    raise TemporaryError("ARL does not answer")


class Watched:
    """A core with an operator, whose bots check the engine every minute."""

    def __init__(self, core: CoreHarness) -> None:
        self.core = core
        core.operators = (BOSS,)
        core.build()
        self.bots = [EngineOutages(core.engine, core.notices, core.store, clock=core.clock) for _ in range(2)]

    async def wait(self, minutes: int) -> None:
        for _ in range(minutes):
            self.core.clock.turn(seconds=60)
            for bot in self.bots:
                await bot.check()
            await self.core.do_jobs()

    def told(self) -> list[str]:
        return [what[:9] for verb, where, what in self.core.messenger.sent if where == str(BOSS)]


@pytest.fixture
def watched(core: CoreHarness) -> Watched:
    return Watched(core)


async def test_an_outage_and_its_end_are_told_once_each(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(watched.core.engine, "schedules", down)
        await watched.wait(10)
        assert watched.told() == []
        await watched.wait(60)
    await watched.wait(5)
    assert watched.told() == ["**扫描引擎连不上", "**扫描引擎恢复了"]


async def test_each_outage_is_told(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(watched.core.engine, "schedules", down)
            await watched.wait(15)
        await watched.wait(5)
    assert len(watched.told()) == 4


async def test_a_short_outage_is_not_told(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        with monkeypatch.context() as patch:
            patch.setattr(watched.core.engine, "schedules", down)
            await watched.wait(8)
        await watched.wait(1)
    assert watched.told() == []


async def test_a_bot_that_alone_cannot_reach_the_engine_tells_it_once(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    core, unreachable = watched.core, FakeEngine()
    monkeypatch.setattr(unreachable, "schedules", down)
    watched.bots[0] = EngineOutages(unreachable, core.notices, core.store, clock=core.clock)
    await watched.wait(60)
    assert len(watched.told()) == 2
