"""Several engines as one: who gets a run, a task id, a question, and what a silent one may not do."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from bot.engines.router import EngineRouter, named_id, parse_id
from bot.errors import PermanentError, TemporaryError
from bot.models import UNSUBMITTED, Schedule, Task
from bot.ports import EngineRun, EngineWarning
from tests.factories import NOW, make_run, make_schedule
from tests.fakes import FakeEngine

LOCAL = make_schedule(id="s1", name="本地")
FAR = make_schedule(id="s2", name="远程")


class SilentEngine(FakeEngine):
    """An engine that does not answer while it is `away`."""

    away = True

    async def schedules(self) -> Sequence[Schedule]:
        self._ask()
        return await super().schedules()

    async def tasks(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        self._ask()
        return await super().tasks(task_ids)

    async def warnings(self) -> Sequence[EngineWarning]:
        self._ask()
        return await super().warnings()

    def _ask(self) -> None:
        if self.away:
            raise TemporaryError("the far engine is away")


@dataclass
class Two:
    local: FakeEngine
    far: SilentEngine

    @property
    def engine(self) -> EngineRouter:
        return EngineRouter({"local": self.local, "far": self.far})


@pytest.fixture
def two() -> Two:
    both = Two(FakeEngine(LOCAL), SilentEngine(FAR))
    both.far.away = False
    return both


@pytest.mark.parametrize("task_id", ["r1-001", f"{UNSUBMITTED}s1-2:https://a.example/b", "5f3c"])
def test_a_task_id_carries_its_engine_and_gives_it_back(task_id: str) -> None:
    assert parse_id(named_id("far", task_id)) == ("far", task_id)
    assert named_id("far", task_id).startswith(UNSUBMITTED) is task_id.startswith(UNSUBMITTED)


@pytest.mark.parametrize("task_id", ["r1-001", f"{UNSUBMITTED}s1-2:https://a.example/b", "5f3c"])
def test_a_task_id_without_a_name_is_left_as_it_is(task_id: str) -> None:
    assert parse_id(task_id) == ("", task_id)


async def test_schedules_say_which_engine_has_them(two: Two) -> None:
    found = {schedule.name: schedule.engine for schedule in await two.engine.schedules()}
    assert found == {"本地": "local", "远程": "far"}


async def test_a_run_goes_to_the_engine_of_its_schedule(two: Two) -> None:
    _, far = await two.engine.schedules()
    ids = await two.engine.submit(make_run(schedule=far))
    assert (len(two.far.all_tasks), len(two.local.all_tasks)) == (1, 0)
    assert list(await two.engine.open_tasks([*ids, "local/x"])) == ids


async def test_tasks_of_several_engines_are_one_answer_in_the_given_order(two: Two) -> None:
    local, far = await two.engine.schedules()
    first = await two.engine.submit(make_run(schedule=far))
    second = await two.engine.submit(make_run(schedule=local))
    assert list(await two.engine.tasks([*first, *second])) == [*first, *second]


async def test_ids_from_before_there_were_several_engines_belong_to_the_first(two: Two) -> None:
    (id_,) = await two.local.submit(make_run(schedule=LOCAL))
    assert list(await two.engine.tasks([id_])) == [id_]


async def test_a_run_of_an_engine_that_left_the_settings_waits(two: Two) -> None:
    with pytest.raises(TemporaryError, match=r"engines\.gone"):
        await two.engine.open_tasks(["gone/t1"])


async def test_runs_that_an_engine_started_carry_its_name(two: Two) -> None:
    begun = EngineRun(idempotency_key="arl:s2:1", schedule=FAR, task_ids=("t1",), start_time=NOW)
    two.far.begun.append(begun)
    (run,) = await two.engine.external_runs(NOW)
    assert (run.schedule.engine, run.task_ids) == ("far", ("far/t1",))


async def test_assets_come_from_the_engine_of_their_tasks(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    async def found(task_ids: Collection[str], kind: str) -> AsyncIterator[Mapping[str, Any]]:
        for id_ in task_ids:
            yield {"task": id_}

    monkeypatch.setattr(two.far, "iter_assets", found)
    assert [each async for each in two.engine.iter_assets(["far/t1"], "site")] == [{"task": "t1"}]
    with pytest.raises(PermanentError):
        [each async for each in two.engine.iter_assets(["far/t1", "local/t2"], "site")]


async def test_a_silent_engine_does_not_silence_the_warnings_of_others(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def warn() -> Sequence[EngineWarning]:
        return [EngineWarning(key="arl_pushes", values={})]

    two.far.away = True
    monkeypatch.setattr(two.local, "warnings", warn)
    assert [each.key for each in await two.engine.warnings()] == ["arl_pushes"]


async def test_the_checks_name_their_engine(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> str:
        return "fine"

    monkeypatch.setattr(two.far, "checks", lambda: {"ARL": check})
    assert list(two.engine.checks()) == ["ARL (far)"]


async def test_all_engines_run(two: Two) -> None:
    await two.engine.run()
    assert [part.has_own_scheduler for part in two.engine.parts.values()] == [False, False]
