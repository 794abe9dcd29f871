"""What every Engine promises; ARL's joins by another parameter."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.engines.embedded import EmbeddedEngine
from bot.engines.probes import ProbeLimits
from bot.errors import Permanent
from bot.findings import KINDS
from bot.models import TaskStatus
from bot.ports import Engine
from bot.stores.sqlite import SqliteStore
from bot.stores.sqlite_tasks import SqliteTaskStore
from tests.factories import make_run, make_schedule
from tests.fakes import FakeClock, FakeEngine

SCHEDULES = (make_schedule(id="s1", name="一"), make_schedule(id="s2", name="二"))
RUN = make_run(schedule=make_schedule(targets=("a.example", "b.example")))


@pytest.fixture(params=["embedded", "fake"])
async def engine(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Engine]:
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
    assert [tasks[id_].target for id_ in ids] == ["a.example", "b.example"]
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
    await engine.stop(ids)
    await engine.stop(ids)
    assert {task.status for task in (await engine.tasks(ids)).values()} == {TaskStatus.STOP}


@pytest.mark.parametrize("kind", [*KINDS, "unheard of"])
async def test_tasks_without_finds_have_no_assets(engine: Engine, kind: str) -> None:
    ids = await engine.submit(RUN)
    assert [asset async for asset in engine.assets(ids, kind)] == []


async def test_a_run_without_targets_is_refused_for_good(tmp_path: Path, clock: FakeClock) -> None:
    tasks = SqliteTaskStore(SqliteStore(tmp_path / "x.db"))
    engine = EmbeddedEngine((), tasks, limits=ProbeLimits(), clock=clock, owner="me")
    with pytest.raises(Permanent, match="没有目标"):
        await engine.submit(make_run(schedule=make_schedule(targets=())))
