"""What every Engine promises: the one in the box, ARL with its database and by its API alone, the fake."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.engines.embedded.engine import EmbeddedEngine
from bot.engines.embedded.probes import ProbeLimits
from bot.errors import PermanentError
from bot.models import TaskStatus
from bot.ports import Engine
from bot.stores.sqlite.store import SqliteStore
from bot.stores.sqlite.tasks import SqliteTaskStore
from bot.workbook.finding_sheets import KIND_SHEETS
from tests.arl_sandbox.arl_fixture import open_arl_fixture
from tests.factories import NOW, make_run, make_schedule
from tests.fakes import FakeClock, FakeEngine

SCHEDULES = (make_schedule(id="s1", name="一"), make_schedule(id="s2", name="二"))
RUN = make_run(schedule=make_schedule(targets=("a.example.com", "b.example.com")))


@pytest.fixture(params=["embedded", "fake", "arl", "arl by its API"])
async def engine(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Engine]:
    if request.param.startswith("arl"):
        async with open_arl_fixture(clock, request.config if request.param == "arl" else None) as beside:
            for schedule in SCHEDULES:
                beside.database.add_schedule(schedule.name, "a.example.com b.example.com", id_=schedule.id)
            await beside.database.flush()
            yield beside.engine
        return
    store = SqliteStore(tmp_path / "engine.db")
    await store.open()
    tasks = SqliteTaskStore(store)
    embedded = EmbeddedEngine(SCHEDULES, tasks, limits=ProbeLimits(), clock=clock, owner="me")
    yield embedded if request.param == "embedded" else FakeEngine(*SCHEDULES)
    await store.close()


async def test_schedules_come_in_their_order(engine: Engine) -> None:
    assert [schedule.name for schedule in await engine.schedules()] == ["一", "二"]


async def test_a_run_becomes_tasks_that_carry_it(engine: Engine) -> None:
    ids = await engine.submit(RUN)
    tasks = await engine.tasks(ids)
    assert [tasks[id_].target for id_ in ids] == ["a.example.com", "b.example.com"]
    assert {task.run_id for task in tasks.values()} == {RUN.id}
    assert {task.status for task in tasks.values()} == {TaskStatus.WAITING}


async def test_submitting_again_submits_only_what_is_missing(engine: Engine) -> None:
    ids = await engine.submit(RUN)
    await engine.stop(ids[:1])
    assert await engine.submit(RUN) == ids
    tasks = await engine.tasks(ids)
    assert [tasks[id_].status for id_ in ids] == [TaskStatus.STOP, TaskStatus.WAITING]


async def test_unknown_tasks_are_left_out(engine: Engine) -> None:
    ids = await engine.submit(RUN)
    assert list(await engine.tasks(["nobody", ids[0]])) == [ids[0]]


async def test_open_tasks_are_those_that_have_not_ended(engine: Engine) -> None:
    ids = await engine.submit(RUN)
    await engine.stop(ids[:1])
    assert set(await engine.open_tasks([*ids, "nobody"])) == {ids[1]}


async def test_stop_leaves_what_has_ended(engine: Engine) -> None:
    ids = await engine.submit(RUN)
    stopped = await engine.stop(ids)
    assert await engine.stop(ids) == stopped
    assert {task.status for task in stopped.values()} == {TaskStatus.STOP}


async def test_what_has_ended_begins_again_once_as_another_run(engine: Engine, clock: FakeClock) -> None:
    ids = await engine.submit(RUN)
    await engine.stop(ids)
    clock.turn(seconds=60)
    again = make_run(schedule=RUN.schedule, start_time=clock())
    fresh = await engine.restart(again, ids[1:])
    assert await engine.restart(again, ids[1:]) == fresh
    assert not {*fresh} & {*ids}
    assert [task.target for task in (await engine.tasks(fresh)).values()] == ["b.example.com"]


async def test_what_was_submitted_is_not_begun_by_the_engine_itself(engine: Engine) -> None:
    await engine.submit(RUN)
    assert list(await engine.external_runs(NOW)) == []


@pytest.mark.parametrize("kind", [*KIND_SHEETS, "unheard of"])
async def test_tasks_without_finds_have_no_assets(engine: Engine, kind: str) -> None:
    ids = await engine.submit(RUN)
    assert [asset async for asset in engine.iter_assets(ids, kind)] == []


async def test_a_run_without_targets_is_refused_for_good(tmp_path: Path, clock: FakeClock) -> None:
    tasks = SqliteTaskStore(SqliteStore(tmp_path / "x.db"))
    engine = EmbeddedEngine((), tasks, limits=ProbeLimits(), clock=clock, owner="me")
    with pytest.raises(PermanentError, match="没有目标"):
        await engine.submit(make_run(schedule=make_schedule(targets=())))
