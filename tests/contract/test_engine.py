"""The contract of the Engine port, for every adapter and the fake. A new engine adds a line to `ENGINES`."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from bot.engines.embedded.engine import EmbeddedEngine
from bot.engines.embedded.probes import ProbeLimits
from bot.engines.external.engine import ExternalEngine
from bot.engines.router import EngineRouter
from bot.errors import PermanentError
from bot.external.models import ExternalSchedule, RerunTarget
from bot.models import TaskStatus
from bot.ports import Engine
from bot.stores.sqlite.store import SqliteStore
from bot.stores.sqlite.tasks import SqliteTaskStore
from bot.wiring.stores import sqlite_stores
from bot.workbook.finding_sheets import KIND_SHEETS
from tests.arl_sandbox.arl_fixture import open_arl_fixture
from tests.external.harness import FakeSender, records_in
from tests.factories import NOW, make_run, make_schedule
from tests.fakes import FakeClock, FakeEngine

SCHEDULES = (make_schedule(id="s1", name="一"), make_schedule(id="s2", name="二"))
RUN = make_run(schedule=make_schedule(targets=("a.example.com", "b.example.com")))


@asynccontextmanager
async def open_embedded(request: pytest.FixtureRequest, clock: FakeClock) -> AsyncIterator[Engine]:
    store = SqliteStore(request.getfixturevalue("tmp_path") / "engine.db")
    await store.open()
    yield EmbeddedEngine(SCHEDULES, SqliteTaskStore(store), limits=ProbeLimits(), clock=clock, owner="me")
    await store.close()


@asynccontextmanager
async def open_fake(request: pytest.FixtureRequest, clock: FakeClock) -> AsyncIterator[Engine]:
    yield FakeEngine(*SCHEDULES)


@asynccontextmanager
async def open_arl(
    request: pytest.FixtureRequest, clock: FakeClock, *, by_api: bool = False
) -> AsyncIterator[Engine]:
    async with open_arl_fixture(clock, None if by_api else request.config) as beside:
        for schedule in SCHEDULES:
            beside.database.add_schedule(schedule.name, "a.example.com b.example.com", id_=schedule.id)
        await beside.database.flush()
        yield beside.engine


@asynccontextmanager
async def open_external(request: pytest.FixtureRequest, clock: FakeClock) -> AsyncIterator[Engine]:
    store = SqliteStore(request.getfixturevalue("tmp_path") / "engine.db")
    await store.open()
    stores, runner = sqlite_stores(store), RerunTarget(runner="host")
    known = [ExternalSchedule(slug=each.id, name=each.name, rerun=runner) for each in SCHEDULES]
    yield ExternalEngine(records_in(stores, *known), stores.tasks, FakeSender(), clock=clock)
    await store.close()


@asynccontextmanager
async def open_two(request: pytest.FixtureRequest, clock: FakeClock) -> AsyncIterator[Engine]:
    yield EngineRouter({"first": FakeEngine(*SCHEDULES), "other": FakeEngine()})


ENGINES: Mapping[str, Callable[..., AbstractAsyncContextManager[Engine]]] = {
    "embedded": open_embedded,
    "fake": open_fake,
    "external": open_external,
    "two engines": open_two,
    "arl": open_arl,
    "arl by its API": partial(open_arl, by_api=True),
}


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, clock: FakeClock) -> AsyncIterator[Engine]:
    async with ENGINES[request.param](request, clock) as opened:
        yield opened


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


async def test_stop_leaves_ended_tasks_as_they_are(engine: Engine) -> None:
    ids = await engine.submit(RUN)
    stopped = await engine.stop(ids)
    assert await engine.stop(ids) == stopped
    assert {task.status for task in stopped.values()} == {TaskStatus.STOP}


async def test_an_ended_task_is_restarted_once_in_another_run(engine: Engine, clock: FakeClock) -> None:
    ids = await engine.submit(RUN)
    await engine.stop(ids)
    clock.turn(seconds=60)
    again = make_run(schedule=RUN.schedule, start_time=clock())
    fresh = await engine.restart(again, ids[1:])
    assert await engine.restart(again, ids[1:]) == fresh
    assert not {*fresh} & {*ids}
    assert [task.target for task in (await engine.tasks(fresh)).values()] == ["b.example.com"]


async def test_tasks_that_no_longer_exist_are_not_restarted_as_all_others(engine: Engine) -> None:
    await engine.submit(RUN)
    for gone in ([], ["nobody"]):
        with pytest.raises(PermanentError):
            await engine.restart(make_run(schedule=RUN.schedule), gone)


async def test_a_submitted_run_is_not_an_external_run(engine: Engine) -> None:
    await engine.submit(RUN)
    assert list(await engine.external_runs(NOW)) == []


@pytest.mark.parametrize("kind", [*KIND_SHEETS, "unheard of"])
async def test_tasks_that_found_nothing_have_no_assets(engine: Engine, kind: str) -> None:
    ids = await engine.submit(RUN)
    assert [asset async for asset in engine.iter_assets(ids, kind)] == []


async def test_a_run_without_targets_is_refused_permanently(tmp_path: Path, clock: FakeClock) -> None:
    tasks = SqliteTaskStore(SqliteStore(tmp_path / "x.db"))
    engine = EmbeddedEngine((), tasks, limits=ProbeLimits(), clock=clock, owner="me")
    with pytest.raises(PermanentError, match="no_target"):
        await engine.submit(make_run(schedule=make_schedule(targets=())))


async def test_no_check_of_a_sound_engine_fails_and_it_warns_of_nothing(engine: Engine) -> None:
    assert all([await check() for check in engine.checks().values()])
    assert list(await engine.warnings()) == []
