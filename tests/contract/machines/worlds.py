"""Engines, each with the world in which its tasks begin and end: the fake, and the real ones."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from bot.engines.arl.api_reader import TASK_MAX_AGE
from bot.engines.embedded.engine import EmbeddedEngine
from bot.engines.embedded.probes import ProbeLimits
from bot.engines.external.engine import ExternalEngine
from bot.engines.router import EngineRouter, parse_id
from bot.external.merge import RunReport, merge
from bot.external.models import ExternalRun, ExternalSchedule, ReportedStatus, RerunTarget
from bot.external.repository import ExternalRuns
from bot.models import TaskStatus
from bot.ports import Engine, TaskStore
from bot.stores.sqlite.store import SqliteStore
from bot.stores.sqlite.tasks import SqliteTaskStore
from bot.wiring.stores import sqlite_stores
from tests.arl_sandbox.arl_fixture import open_arl_fixture
from tests.arl_sandbox.database import FakeClockDatabase
from tests.external.harness import FakeSender, records_in
from tests.factories import make_schedule
from tests.fakes import FakeClock, FakeEngine

SCHEDULES = (make_schedule(id="s1", name="一"), make_schedule(id="s2", name="二"))
YEARS = timedelta(days=10_000)  # of a lease: nobody dies here
WHY = "connection refused"
STUBBORN = "will not stop"


class World(Protocol):
    """What happens to the tasks of an engine from outside."""

    needs_targets: bool = True  # a run without targets is refused
    counts: bool = True  # it tells what a task has found
    stops_begun: bool = True  # a run that has begun can be stopped

    async def begin(self, task_id: str) -> None:
        """Begin a task. It is the one that has waited longest."""

    async def end(self, task_id: str, status: TaskStatus, found: Mapping[str, int]) -> None:
        """End a task, or try to end one that was stopped meanwhile."""

    async def resist(self, task_id: str) -> bool:
        """Make a task one that will not stop. False if the engine can always stop them."""


@dataclass(frozen=True, kw_only=True)
class FakeWorld(World):
    """The fake, as tests move it."""

    engine: FakeEngine

    async def begin(self, task_id: str) -> None:
        self.engine.begin(task_id)

    async def end(self, task_id: str, status: TaskStatus, found: Mapping[str, int]) -> None:
        self.engine.end(task_id, status, found=found, reason=WHY if status is TaskStatus.ERROR else "")

    async def resist(self, task_id: str) -> bool:
        self.engine.stubborn[task_id] = STUBBORN
        return True


@dataclass(frozen=True, kw_only=True)
class EmbeddedWorld(World):
    """A worker of the embedded engine, without the network."""

    tasks: TaskStore
    clock: FakeClock

    async def begin(self, task_id: str) -> None:
        claimed = await self.tasks.claim_task("worker", self.clock(), self.clock() + YEARS)
        assert claimed
        assert claimed.id == task_id

    async def end(self, task_id: str, status: TaskStatus, found: Mapping[str, int]) -> None:
        (task,) = await self.tasks.find_tasks(ids=[task_id])
        why = WHY if status is TaskStatus.ERROR else ""
        ended = replace(task, status=status, found=found, reason=why, end_time=self.clock())
        await self.tasks.end_task(ended, "worker")

    async def resist(self, task_id: str) -> bool:
        return False


@dataclass(frozen=True, kw_only=True)
class ExternalWorld(World):
    """Another system that reports its runs task by task."""

    needs_targets = False
    counts = False
    stops_begun = False

    runs: ExternalRuns
    clock: FakeClock

    async def begin(self, task_id: str) -> None:
        await self._report(task_id, ReportedStatus.RUNNING)

    async def end(self, task_id: str, status: TaskStatus, found: Mapping[str, int]) -> None:
        await self._report(
            task_id, ReportedStatus.FAILED if status is TaskStatus.ERROR else ReportedStatus.SUCCESS
        )

    async def _report(self, task_id: str, status: ReportedStatus) -> None:
        def with_report(run: ExternalRun) -> ExternalRun:
            (task,) = (each for each in run.tasks if f"{run.id}-{each.id}" == task_id)
            if run.status.ended or task.status.ended:
                return run
            ended_at = self.clock() if status.ended else None
            why = WHY if status is ReportedStatus.FAILED else ""
            told = replace(task, status=status, ended_at=ended_at, reason=why)
            return merge(run, RunReport(status=ReportedStatus.RUNNING, tasks=[told]), self.clock())[0]

        assert await self.runs.change(task_id.partition("-")[0], with_report)

    async def resist(self, task_id: str) -> bool:
        return False


@dataclass(frozen=True, kw_only=True)
class ArlWorld(World):
    """A worker of ARL, and its web server. The engine sees a change when what it remembers is too old."""

    database: FakeClockDatabase
    engine: Engine

    async def begin(self, task_id: str) -> None:
        self.database.begin_task(task_id)
        await self._notice(task_id)

    async def end(self, task_id: str, status: TaskStatus, found: Mapping[str, int]) -> None:
        if task_id in self.database.revoked:
            self.database.change("task", task_id, status="port_scan")  # what its worker was about to write
        else:
            for kind, number in found.items():
                self.database.add_results(task_id, kind, *({"name": str(each)} for each in range(number)))
            self.database.end_task(task_id, status.value)
        await self._notice(task_id)

    async def _notice(self, task_id: str) -> None:
        self.database.clock.turn(seconds=TASK_MAX_AGE.total_seconds())
        await self.engine.open_tasks([task_id])

    async def resist(self, task_id: str) -> bool:
        self.database.change("task", task_id, celery_id="")
        return True


@dataclass(frozen=True, kw_only=True)
class TwoWorlds(World):
    """Two engines as one. Task ids tell which of them has a task."""

    worlds: Mapping[str, World]

    async def begin(self, task_id: str) -> None:
        await self._of(task_id).begin(parse_id(task_id)[1])

    async def end(self, task_id: str, status: TaskStatus, found: Mapping[str, int]) -> None:
        await self._of(task_id).end(parse_id(task_id)[1], status, found)

    async def resist(self, task_id: str) -> bool:
        return await self._of(task_id).resist(parse_id(task_id)[1])

    def _of(self, task_id: str) -> World:
        return self.worlds[parse_id(task_id)[0]]


Opened = tuple[Engine, World]


@asynccontextmanager
async def open_fake(clock: FakeClock, folder: Path) -> AsyncIterator[Opened]:
    engine = FakeEngine(*SCHEDULES, clock=clock)
    yield engine, FakeWorld(engine=engine)


@asynccontextmanager
async def open_embedded(clock: FakeClock, folder: Path) -> AsyncIterator[Opened]:
    async with open_store(folder) as store:
        tasks = SqliteTaskStore(store)
        engine = EmbeddedEngine(SCHEDULES, tasks, limits=ProbeLimits(), clock=clock, owner="me")
        yield engine, EmbeddedWorld(tasks=tasks, clock=clock)


@asynccontextmanager
async def open_external(clock: FakeClock, folder: Path) -> AsyncIterator[Opened]:
    async with open_store(folder) as store:
        stores, runner = sqlite_stores(store), RerunTarget(runner="host")
        known = [ExternalSchedule(slug=each.id, name=each.name, rerun=runner) for each in SCHEDULES]
        records = records_in(stores, *known)
        engine = ExternalEngine(records, stores.tasks, FakeSender(), clock=clock)
        yield engine, ExternalWorld(runs=records.runs, clock=clock)


@asynccontextmanager
async def open_arl(clock: FakeClock, folder: Path) -> AsyncIterator[Opened]:
    async with open_arl_fixture(clock, None) as beside:
        for schedule in SCHEDULES:
            beside.database.add_schedule(schedule.name, "a.example.com", id_=schedule.id)
        yield beside.engine, ArlWorld(database=beside.database, engine=beside.engine)


@asynccontextmanager
async def open_two(clock: FakeClock, folder: Path) -> AsyncIterator[Opened]:
    other = FakeEngine(clock=clock)
    async with open_embedded(clock, folder) as (first, world):
        worlds = {"": world, "other": FakeWorld(engine=other)}
        yield EngineRouter({"": first, "other": other}), TwoWorlds(worlds=worlds)


@asynccontextmanager
async def open_store(folder: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(folder / "engine.db")
    await store.open()
    await store.rows("pragma synchronous=off")  # nothing is killed here
    yield store
    await store.close()


WORLDS: Mapping[str, Any] = {
    "fake": open_fake,
    "embedded": open_embedded,
    "external": open_external,
    "two engines": open_two,
    "arl by its API": open_arl,
}
