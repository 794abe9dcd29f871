"""The engine at work: tasks are done, stopped, taken over."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from bot.engines.embedded import engine as embedded
from bot.engines.embedded.engine import EmbeddedEngine
from bot.engines.embedded.probes import Probe, ProbeLimits, ProbeResult
from bot.errors import PermanentError, TemporaryError
from bot.models import Task, TaskStatus
from bot.stores.sqlite.tasks import SqliteTaskStore
from bot.telemetry.rescues import Rescue
from bot.wiring.stores import open_stores
from tests.engines.conftest import LIMITS, Street
from tests.engines.embedded.test_hostile import answering
from tests.engines.embedded.test_probes import page
from tests.factories import make_run, make_schedule, make_task
from tests.fakes import FakeClock
from tests.mongo_server import database_for


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
    assert (bad.status, bad.reason) == (TaskStatus.ERROR, "name_unresolved")
    sites = [asset["site"] async for asset in working.iter_assets([good.id], "site")]
    assert sites == [f"http://127.0.0.1:{port}/"]


async def test_the_end_of_each_task_is_told_at_once(working: EmbeddedEngine) -> None:
    told = asyncio.Semaphore(0)
    working.on_task_end = told.release
    async with asyncio.timeout(10):
        (id_,) = await working.submit(make_run(schedule=make_schedule(targets=("no-such-host.invalid",))))
        await told.acquire()
        assert (await working.tasks([id_]))[id_].status is TaskStatus.ERROR
        await working.stop([id_])
        await told.acquire()


async def test_an_internal_error_in_one_task_ends_only_that_task(
    working: EmbeddedEngine, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Probe.run

    async def sometimes(self: Probe, task: Task, finds: ProbeResult) -> None:
        if task.target == "localhost":
            raise ZeroDivisionError
        await look(self, task, finds)

    monkeypatch.setattr(Probe, "run", sometimes)
    port = await street.web(page)
    bad, good = await ended(working, "localhost", f"127.0.0.1:{port}")
    assert (bad.status, good.status) == (TaskStatus.ERROR, TaskStatus.DONE)
    assert bad.reason == "internal_error"


async def hang(self: Probe, task: Task, finds: ProbeResult) -> None:
    await asyncio.Event().wait()


async def test_a_task_that_takes_too_long_fails(
    tasks: SqliteTaskStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Probe, "run", hang)
    limits = ProbeLimits(task_timeout=0.05)
    engine = EmbeddedEngine([], tasks, limits=limits, clock=clock, owner="me")
    work = asyncio.create_task(engine.run())
    (task,) = await ended(engine, "127.0.0.1")
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    assert task.reason.startswith("task_timeout")


async def test_slow_hosts_do_not_hide_what_others_showed(
    tasks: SqliteTaskStore, clock: FakeClock, street: Street
) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    ports = (await street.web(page), await street.raw(silent))
    limits = replace(LIMITS, task_timeout=3.0, http_timeout=30.0)
    engine = EmbeddedEngine([], tasks, limits=limits, clock=clock, owner="me")
    work = asyncio.create_task(engine.run())
    (id_,) = await engine.submit(make_run(schedule=make_schedule(targets=("127.0.0.1",), ports=ports)))

    async def over() -> bool:
        return (await engine.tasks([id_]))[id_].status.ended

    await until(over)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    task = (await engine.tasks([id_]))[id_]
    assert (task.status, task.found) == (TaskStatus.ERROR, {"ip": 1, "site": 1})
    assert task.reason.startswith("task_timeout")


async def test_a_stop_ends_a_task_under_way(working: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Probe, "run", hang)
    monkeypatch.setattr(embedded, "LEASE_RENEWAL_SECONDS", 0.01)
    ids = await working.submit(make_run())

    async def runs() -> bool:
        return (await working.tasks(ids))[ids[0]].status is TaskStatus.RUNNING

    await until(runs)
    await working.stop(ids)

    async def nobody_works() -> bool:
        return not [task for task in asyncio.all_tasks() if task.get_name() == f"task {ids[0]}"]

    await until(nobody_works)
    assert (await working.tasks(ids))[ids[0]].status is TaskStatus.STOP


@pytest.mark.rescue(Rescue.TASK_REPEATED)
async def test_a_task_of_a_dead_process_is_taken_over(
    tasks: SqliteTaskStore, engine: EmbeddedEngine, clock: FakeClock, street: Street
) -> None:
    port = await street.web(page)
    run = make_run(schedule=make_schedule(targets=(f"127.0.0.1:{port}",)))
    (id_,) = await engine.submit(run)
    await tasks.claim_task("dead", clock(), clock() + LIMITS.lease)
    clock.turn(seconds=LIMITS.lease.total_seconds())
    work = asyncio.create_task(engine.run())

    async def done() -> bool:
        return (await engine.tasks([id_]))[id_].status is TaskStatus.DONE

    await until(done)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


async def test_idle_workers_ask_the_store_once_for_all(
    engine: EmbeddedEngine, tasks: SqliteTaskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims, claim = asyncio.Semaphore(0), tasks.claim_task

    async def counted(owner: str, now: datetime, until: datetime) -> Task | None:
        claims.release()
        return await claim(owner, now, until)

    monkeypatch.setattr(tasks, "claim_task", counted)
    monkeypatch.setattr(embedded, "POLL_SECONDS", 60.0)
    assert LIMITS.tasks > 1
    work = asyncio.create_task(engine.run())
    await claims.acquire()
    for _ in range(20):
        await tasks.find_open(["unknown"])
    assert claims.locked()
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


async def test_idle_workers_do_what_another_process_has_added_when_the_watcher_sees_it(
    working: EmbeddedEngine, tasks: SqliteTaskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def empty(self: Probe, task: Task, finds: ProbeResult) -> None:
        return

    monkeypatch.setattr(Probe, "run", empty)
    monkeypatch.setattr(embedded, "POLL_SECONDS", 60.0)
    ended = asyncio.Event()
    working.on_task_end = ended.set
    await asyncio.sleep(0)
    await tasks.add_tasks([make_task(id="r9-001", run_id="r9")])
    async with asyncio.timeout(10):
        assert await working.open_tasks(["r9-001"]) == {"r9-001"}
        await ended.wait()


async def test_a_store_that_is_briefly_unreachable_ends_no_task(
    working: EmbeddedEngine, tasks: SqliteTaskStore, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, troubles = tasks.claim_task, [TemporaryError("away"), TemporaryError("away")]

    async def sometimes(*args: object) -> object:
        if troubles:
            raise troubles.pop()
        return await claim(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(tasks, "claim_task", sometimes)
    monkeypatch.setattr(embedded, "POLL_SECONDS", 0.01)
    port = await street.web(page)
    (task,) = await ended(working, f"127.0.0.1:{port}")
    assert task.status is TaskStatus.DONE


@pytest.mark.parametrize("verb", ["claim_task", "extend_task", "save_assets", "end_task"])
@pytest.mark.parametrize("trouble", [RuntimeError("odd"), PermanentError("odd")])
async def test_the_workers_survive_any_error_of_the_store(
    working: EmbeddedEngine, street: Street, monkeypatch: pytest.MonkeyPatch, verb: str, trouble: Exception
) -> None:
    port = await street.web(page)
    monkeypatch.setattr(embedded, "POLL_SECONDS", 0.01)
    with monkeypatch.context() as patched:
        raised = asyncio.Event()

        async def broken(*_: object) -> None:
            raised.set()
            raise trouble

        patched.setattr(SqliteTaskStore, verb, broken)
        await working.submit(make_run(schedule=make_schedule(targets=(f"127.0.0.1:{port}",) * 5)))
        await raised.wait()
    (good,) = await ended(working, f"127.0.0.1:{port}")
    assert good.status is TaskStatus.DONE


async def test_a_mistake_beside_the_look_ends_its_task(
    working: EmbeddedEngine, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> bool:
        raise RuntimeError

    monkeypatch.setattr(SqliteTaskStore, "extend_task", broken)
    port = await street.web(page)
    (task,) = await ended(working, f"127.0.0.1:{port}")
    assert (task.status, task.reason == "internal_error") == (TaskStatus.ERROR, True)


async def test_findings_that_cannot_be_stored_end_their_task(
    working: EmbeddedEngine, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise PermanentError("MongoDB cannot hold this value")

    monkeypatch.setattr(SqliteTaskStore, "save_assets", refuse)
    port = await street.web(page)
    (task,) = await ended(working, f"127.0.0.1:{port}")
    assert (task.status, task.found) == (TaskStatus.ERROR, {})
    assert task.reason == "internal_error"


@pytest.mark.parametrize("kind", ["sqlite", "mongo"])
async def test_a_header_that_is_no_utf_8_is_found_on_every_store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock, street: Street, kind: str
) -> None:
    port = await street.raw(answering(b"HTTP/1.1 200 OK\r\nServer: a\xffb\r\n\r\n<title>\xff\xfe</title>"))
    async with AsyncExitStack() as stack:
        address = f"sqlite:///{tmp_path}/odd.db"
        if kind == "mongo":
            address = (await stack.enter_async_context(database_for(request.config))).address
        stores = open_stores(address)
        await stores.store.open()
        stack.push_async_callback(stores.store.close)
        engine = EmbeddedEngine(
            [], stores.tasks, limits=replace(LIMITS, http_timeout=10.0), clock=clock, owner="me"
        )
        work = asyncio.create_task(engine.run())
        (task,) = await ended(engine, f"http://127.0.0.1:{port}/")
        found = [asset async for asset in engine.iter_assets([task.id], "site")]
        assert not work.done()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    assert [asset["http_server"] for asset in found] == ["aÿb"]
