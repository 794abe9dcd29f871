"""Fakes that tests share. Each passes the contract suite of its port."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.errors import PermanentError
from bot.models import Clock, Findings, Run, Schedule, Task, TaskStatus
from bot.ports import Engine, EngineRun, EngineWarning, ReportedKind, ReportInput
from tests.factories import NOW
from tests.fake_messenger import AnswerLost, FakeChannel, FakeMessenger, fake_channel

__all__ = [
    "AnswerLost",
    "FakeChannel",
    "FakeClock",
    "FakeEngine",
    "FakeExporter",
    "FakeMessenger",
    "fake_channel",
    "fake_split",
]


class FakeClock:
    """Clock that moves only when a test turns it."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def turn(self, *, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class FakeEngine:
    """Engine that accepts every run with a target, and leaves its tasks waiting until a test ends them.

    It finds no assets, and reports as runs of its own what a test puts into `begun`.
    """

    def __init__(self, *schedules: Schedule, clock: Clock | None = None) -> None:
        self.known = list(schedules)
        self.clock = clock or FakeClock()
        self.all_tasks: dict[str, Task] = {}
        self.begun: list[EngineRun] = []
        self.dying: set[str] = set()  # tasks that end with an error when they are stopped
        self.stubborn: dict[str, str] = {}  # tasks that will not stop, and why
        self.has_own_scheduler = False
        self.questions = 0
        self.refusal: Exception | None = None
        self.schedule_trouble: Exception | None = None  # while the schedules cannot be read

    @property
    def parts(self) -> Mapping[str, Engine]:
        return {"": self}

    async def schedules(self) -> Sequence[Schedule]:
        if self.schedule_trouble:
            raise self.schedule_trouble
        return self.known

    async def submit(self, run: Run) -> Sequence[str]:
        if self.refusal:
            raise self.refusal
        if not run.schedule.targets:
            raise PermanentError("the schedule has no targets")
        ids = []
        for number, target in enumerate(run.schedule.targets, 1):
            task = Task(id=f"{run.id}-{number:03}", run_id=run.id, target=target)
            self.all_tasks.setdefault(task.id, task)
            ids.append(task.id)
        return ids

    async def tasks(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        self.questions += 1
        return {id_: self.all_tasks[id_] for id_ in task_ids if id_ in self.all_tasks}

    async def open_tasks(self, task_ids: Collection[str]) -> set[str]:
        return {id_ for id_, task in (await self.tasks(task_ids)).items() if not task.status.ended}

    async def restart(self, run: Run, task_ids: Sequence[str]) -> Sequence[str]:
        targets = tuple(self.all_tasks[id_].target for id_ in task_ids if id_ in self.all_tasks)
        return await self.submit(replace(run, schedule=replace(run.schedule, targets=targets)))

    async def stop(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        open_tasks = await self.open_tasks(task_ids)
        for id_ in open_tasks - self.stubborn.keys():
            self.end(id_, TaskStatus.ERROR if id_ in self.dying else TaskStatus.STOP)
        refused = {
            id_: replace(self.all_tasks[id_], reason=self.stubborn[id_])
            for id_ in open_tasks & self.stubborn.keys()
        }
        return {**await self.tasks(task_ids), **refused}

    async def external_runs(self, since: datetime) -> Sequence[EngineRun]:
        return [each for each in self.begun if each.start_time >= since]

    def iter_assets(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Mapping[str, Any]]:
        return _nothing()

    async def asset_kinds(self, run: Run) -> Sequence[ReportedKind]:
        return ()

    def checks(self) -> Mapping[str, Callable[[], Awaitable[str]]]:
        return {}

    async def warnings(self) -> Sequence[EngineWarning]:
        return ()

    async def run(self) -> None:
        return

    def begin(self, task_id: str) -> None:
        self.all_tasks[task_id] = replace(
            self.all_tasks[task_id], status=TaskStatus.RUNNING, start_time=self.clock()
        )

    def end(self, task_id: str, status: TaskStatus = TaskStatus.DONE, **changes: Any) -> None:
        """End a task. One that has ended stays as it is."""
        task = self.all_tasks[task_id]
        if not task.status.ended:
            ended = {"status": status, "end_time": self.clock(), **changes}
            self.all_tasks[task_id] = replace(task, **ended)

    def end_all(self, status: TaskStatus = TaskStatus.DONE, **changes: Any) -> None:
        for id_, task in self.all_tasks.items():
            if not task.status.ended:
                self.end(id_, status, **changes)


async def _nothing() -> AsyncIterator[Mapping[str, Any]]:
    return
    yield {}


class FakeExporter:
    """Exporter that writes a few bytes. `trouble` has the errors of the next calls."""

    def __init__(self) -> None:
        self.trouble: list[Exception] = []
        self.made: list[str] = []
        self.told: list[ReportInput] = []
        self.under_way: dict[str, int] = {}
        self.findings = Findings(rows=3)
        self.depends_on: dict[str, Callable[[], Awaitable[object]]] = {}
        self.expected = False

    async def export(self, report_input: ReportInput, path: Path) -> Findings:
        if self.trouble:
            raise self.trouble.pop(0)
        path.write_bytes(b"workbook of " + report_input.run.id.encode())  # noqa: ASYNC240 - a few bytes in a test
        self.made.append(report_input.run.id)
        self.told.append(report_input)
        return self.findings

    async def prepare(self, *, expected: bool) -> None:
        self.expected = expected

    async def close(self) -> None:
        return

    def progress(self, run_id: str) -> int | None:
        return self.under_way.get(run_id)

    def probes(self) -> Mapping[str, Callable[[], Awaitable[object]]]:
        return self.depends_on


async def fake_split(source: Path, folder: Path, stem: str, max_bytes: int) -> list[Path]:
    """Split a file into parts of at most `max_bytes`."""
    whole = source.read_bytes()  # noqa: ASYNC240 - a few bytes in a test
    pieces = [whole[at : at + max_bytes] for at in range(0, len(whole), max_bytes)]
    paths = [folder / f"{stem}_{number}-{len(pieces)}.xlsx" for number in range(1, len(pieces) + 1)]
    for path, piece in zip(paths, pieces, strict=True):
        path.write_bytes(piece)
    return paths
