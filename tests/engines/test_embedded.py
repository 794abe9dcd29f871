"""The engine at work: tasks are done, stopped, taken over."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bot.engines import embedded
from bot.engines.embedded import EmbeddedEngine
from bot.engines.probes import Probe, ProbeLimits
from bot.errors import Temporary
from bot.models import Task, TaskStatus
from bot.stores.sqlite_tasks import SqliteTaskStore
from tests.engines.conftest import LIMITS, Street
from tests.engines.test_probes import page
from tests.factories import make_run, make_schedule
from tests.fakes import FakeClock


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110 - the engine works beside us
            await asyncio.sleep(0.01)


async def ended(engine: EmbeddedEngine, *targets: str) -> list[Task]:
    """Submit these targets and wait for the end of their tasks."""
    ids = await engine.submit(make_run(schedule=make_schedule(targets=targets)))

    async def all_ended() -> bool:
        return all(task.status.ended for task in (await engine.tasks(ids)).values())

    await until(all_ended)
    tasks = await engine.tasks(ids)
    return [tasks[id_] for id_ in ids]


async def test_tasks_end_with_what_they_found(working: EmbeddedEngine, street: Street) -> None:
    port = await street.web(page)
    good, bad = await ended(working, f"http://127.0.0.1:{port}/", "no-such-host.invalid")
    assert (good.status, good.found) == (TaskStatus.DONE, {"ip": 1, "site": 1})
    assert (bad.status, bad.reason.split(" ")[0]) == (TaskStatus.ERROR, "域名无法解析")
    sites = [asset["site"] async for asset in working.assets([good.id], "site")]
    assert sites == [f"http://127.0.0.1:{port}/"]


async def test_a_mistake_in_one_task_ends_that_one_alone(
    working: EmbeddedEngine, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Probe.look

    async def sometimes(self: Probe, task: Task) -> object:
        if task.target == "localhost":
            raise ZeroDivisionError
        return await look(self, task)

    monkeypatch.setattr(Probe, "look", sometimes)
    port = await street.web(page)
    bad, good = await ended(working, "localhost", f"127.0.0.1:{port}")
    assert (bad.status, good.status) == (TaskStatus.ERROR, TaskStatus.DONE)
    assert "日志" in bad.reason


async def hang(self: Probe, task: Task) -> object:
    await asyncio.Event().wait()
    return {}


async def test_a_task_that_takes_too_long_fails(
    tasks: SqliteTaskStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Probe, "look", hang)
    limits = ProbeLimits(task_timeout=0.05)
    engine = EmbeddedEngine([], tasks, limits=limits, clock=clock, owner="me")
    work = asyncio.create_task(engine.work())
    (task,) = await ended(engine, "127.0.0.1")
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    assert task.reason.startswith("超过时间上限")


async def test_a_stop_ends_a_task_under_way(working: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Probe, "look", hang)
    monkeypatch.setattr(embedded, "BEAT", 0.01)
    ids = await working.submit(make_run())

    async def runs() -> bool:
        return (await working.tasks(ids))[ids[0]].status is TaskStatus.RUNNING

    await until(runs)
    await working.stop(ids)

    async def nobody_works() -> bool:
        return not [task for task in asyncio.all_tasks() if task.get_name() == f"task {ids[0]}"]

    await until(nobody_works)
    assert (await working.tasks(ids))[ids[0]].status is TaskStatus.STOP


async def test_a_task_of_a_dead_process_is_taken_over(
    tasks: SqliteTaskStore, engine: EmbeddedEngine, clock: FakeClock, street: Street
) -> None:
    port = await street.web(page)
    run = make_run(schedule=make_schedule(targets=(f"127.0.0.1:{port}",)))
    (id_,) = await engine.submit(run)
    await tasks.claim_task("dead", clock(), clock() + LIMITS.lease)
    clock.turn(seconds=LIMITS.lease.total_seconds())
    work = asyncio.create_task(engine.work())

    async def done() -> bool:
        return (await engine.tasks([id_]))[id_].status is TaskStatus.DONE

    await until(done)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


async def test_a_store_that_is_away_for_a_moment_ends_nothing(
    working: EmbeddedEngine, tasks: SqliteTaskStore, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, troubles = tasks.claim_task, [Temporary("away"), Temporary("away")]

    async def sometimes(*args: object) -> object:
        if troubles:
            raise troubles.pop()
        return await claim(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(tasks, "claim_task", sometimes)
    monkeypatch.setattr(embedded, "POLL", 0.01)
    port = await street.web(page)
    (task,) = await ended(working, f"127.0.0.1:{port}")
    assert task.status is TaskStatus.DONE
