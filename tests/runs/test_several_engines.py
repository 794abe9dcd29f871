"""Runs on several engines: one that does not answer stops nobody else."""

import pytest

from bot.engines.router import EngineRouter
from bot.errors import TemporaryError
from bot.models import Run, RunStatus, Schedule, Trigger
from bot.runs.lifecycle import TriggerRequest
from tests.conftest import CoreHarness
from tests.engines.test_router import FAR, LOCAL, SilentEngine
from tests.fakes import FakeEngine


def everything(schedule: Schedule) -> bool:
    return True


class Two:
    """A core on a local engine and a far one."""

    def __init__(self, core: CoreHarness) -> None:
        self.core, self.local, self.far = core, FakeEngine(LOCAL), SilentEngine(FAR)
        self.far.away = False
        core.engine = EngineRouter({"local": self.local, "far": self.far})  # type: ignore[assignment]
        core.build()

    async def trigger(self, name: str) -> Run:
        schedule = await self.core.context.schedules.find_by_name(name, everything)
        request = TriggerRequest(idempotency_key=f"test:{name}", trigger=Trigger.CHAT)
        run = await self.core.runs.trigger(schedule, request)
        await self.core.do_jobs()
        return run


@pytest.fixture
def two(core: CoreHarness) -> Two:
    return Two(core)


async def test_runs_on_both_engines_end_with_a_report_each(two: Two) -> None:
    runs = [await two.trigger("本地"), await two.trigger("远程")]
    two.local.end_all()
    two.far.end_all()
    assert await two.core.watcher.tick() == 2
    await two.core.do_jobs()
    assert [run.export_status for run in [await two.core.run(each.id) for each in runs]] == ["success"] * 2


async def test_a_tick_asks_each_engine_once(two: Two) -> None:
    await two.trigger("本地")
    await two.trigger("远程")
    two.local.questions = two.far.questions = 0
    await two.core.watcher.tick()
    assert (two.local.questions, two.far.questions) == (1, 1)


async def test_an_engine_that_is_away_leaves_only_its_own_runs_open(two: Two) -> None:
    far, local = await two.trigger("远程"), await two.trigger("本地")
    two.far.away = True
    two.local.end_all()
    await two.core.watcher.tick()
    assert (await two.core.run(local.id)).status is RunStatus.FINISHED
    assert (await two.core.run(far.id)).status is RunStatus.RUNNING


async def test_the_status_shows_what_answers_and_names_what_does_not(two: Two) -> None:
    await two.trigger("远程")
    await two.trigger("本地")
    two.far.away = True
    answer = await two.core.say("状态")
    assert "the far engine is away" in answer
    assert "本地" in answer


async def test_schedules_of_the_engines_that_answer_can_be_named(two: Two) -> None:
    two.far.away = True
    assert (await two.core.context.schedules.find_by_name("本地", everything)).engine == "local"
    assert [each.name for each in await two.core.context.schedules.all()] == ["本地"]


async def test_a_name_that_a_silent_engine_may_know_is_asked_again_later(two: Two) -> None:
    two.far.away = True
    with pytest.raises(TemporaryError, match="away"):
        await two.core.context.schedules.find_by_name("远程", everything)


async def test_with_no_engine_that_answers_the_error_is_told(two: Two) -> None:
    two.far.away = True
    two.local.known.clear()
    with pytest.raises(TemporaryError, match="away"):
        await two.core.context.schedules.all()
