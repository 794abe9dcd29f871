"""An engine, its tasks, and what happens to them, against a dict of tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from bot.errors import PermanentError
from bot.models import Run, Task, TaskStatus
from bot.ports import Engine
from tests.contract.machines.harness import Stage, StagedMachine
from tests.contract.machines.worlds import SCHEDULES, World
from tests.factories import make_run

DOMAINS = ("a.example.com", "b.example.com", "c.example.com")
RUNS = st.integers(0, 3)
PLACES = st.integers(0, 9)
TARGETS = st.sets(st.sampled_from(DOMAINS), min_size=1).map(lambda targets: tuple(sorted(targets)))
OUTCOMES = st.sampled_from([TaskStatus.DONE, TaskStatus.ERROR])
FOUND = st.sampled_from([{}, {"site": 2}, {"ip": 1, "site": 1}])
UNKNOWN = "0123456789abcdef01234567"  # well-formed, and of no task
PAUSE_SECONDS = 120.0  # between two runs, which ARL tells apart by their times


@dataclass(frozen=True, kw_only=True)
class EngineStage(Stage):
    """An engine, and the world in which its tasks begin and end."""

    engine: Engine
    world: World
    parts: tuple[str, ...] = ("",)


def seen(task: Task) -> tuple[Any, ...]:
    """Return what every engine promises of a task. What it says of times and reasons is its own."""
    return task.target, task.status, bool(task.reason), task.end_time is not None, dict(task.found)


class EngineMachine(StagedMachine[EngineStage]):
    """The runs of two schedules, their restarts, and their tasks by id in the order of their submission."""

    def __init__(self, ground: EngineStage) -> None:
        super().__init__(ground)
        self.engine, self.world = ground.engine, ground.world
        self.tasks: dict[str, Task] = {}
        self.runs: dict[int, tuple[Run, list[str]]] = {}
        self.restarts: list[tuple[Run, list[str], list[str]]] = []  # what was restarted, and as what
        self.unstoppable: set[str] = set()

    def new_run(self, number: int, targets: tuple[str, ...]) -> Run:
        self.clock.turn(seconds=PAUSE_SECONDS)
        schedule = replace(SCHEDULES[number % 2], targets=targets)
        schedule = replace(schedule, engine=self.ground.parts[number % len(self.ground.parts)])
        return make_run(schedule=schedule, start_time=self.now())

    def add(self, ids: Sequence[str], targets: Sequence[str], run: Run) -> None:
        assert len(ids) == len(targets)
        assert not {*ids} & self.tasks.keys()
        self.tasks |= {
            id_: Task(id=id_, run_id=run.id, target=target) for id_, target in zip(ids, targets, strict=True)
        }

    def of(self, *statuses: TaskStatus) -> list[str]:
        return [id_ for id_, task in self.tasks.items() if task.status in statuses]

    def change(self, id_: str, status: TaskStatus, **changes: Any) -> None:
        end_time = self.clock() if status.ended else None
        self.tasks[id_] = replace(self.tasks[id_], status=status, end_time=end_time, **changes)

    def ask(self, ids: Sequence[str]) -> Mapping[str, Task]:
        return self.run(self.engine.tasks(ids))

    def counted(self, task: Task) -> Task:
        """Return a task of an answer that need not say what was found."""
        return (
            task
            if task.found or task.id not in self.tasks
            else replace(task, found=self.tasks[task.id].found)
        )

    def agree(self, answer: Mapping[str, Task], ids: Sequence[str], **reasons: str) -> None:
        """Compare an answer with the known ones of these tasks, and with reasons of its own."""
        known = {id_: self.tasks[id_] for id_ in ids if id_ in self.tasks}
        expected = {id_: replace(task, reason=reasons.get(id_, task.reason)) for id_, task in known.items()}
        assert {id_: seen(task) for id_, task in answer.items()} == {
            id_: seen(task) for id_, task in expected.items()
        }
        assert {id_: task.id for id_, task in answer.items()} == {id_: id_ for id_ in known}

    @initialize(hosts=TARGETS)
    def begin_with_a_run(self, hosts: tuple[str, ...]) -> None:
        self.submit(0, hosts)

    @rule(number=RUNS, hosts=TARGETS)
    def submit(self, number: int, hosts: tuple[str, ...]) -> None:
        """Submit a run, or once more one that is submitted."""
        if number not in self.runs:
            run = self.new_run(number, hosts)
            ids = list(self.run(self.engine.submit(run)))
            self.add(ids, hosts, run)
            self.runs[number] = (run, ids)
            tasks = self.ask(ids)
            assert {task.run_id.rpartition("/")[2] for task in tasks.values()} == {run.id}
        run, ids = self.runs[number]
        assert list(self.run(self.engine.submit(run))) == ids

    @rule(number=RUNS)
    def submit_nothing(self, number: int) -> None:
        if self.world.needs_targets:
            with pytest.raises(PermanentError):
                self.run(self.engine.submit(self.new_run(number, ())))

    @rule()
    def begin(self) -> None:
        """Begin the task that has waited longest."""
        for id_ in self.of(TaskStatus.WAITING)[:1]:
            self.run(self.world.begin(id_))
            self.change(id_, TaskStatus.RUNNING)
            if not self.world.stops_begun:
                self.unstoppable |= {
                    each for each, task in self.tasks.items() if task.run_id == self.tasks[id_].run_id
                }

    @rule(place=PLACES, status=OUTCOMES, found=FOUND)
    def end(self, place: int, status: TaskStatus, found: dict[str, int]) -> None:
        for id_ in self.of(TaskStatus.RUNNING)[place : place + 1]:
            self.run(self.world.end(id_, status, found))
            why = "failed" if status is TaskStatus.ERROR else ""
            self.change(id_, status, reason=why, found=found if self.world.counts else {})

    @rule(place=PLACES, status=OUTCOMES)
    def end_too_late(self, place: int, status: TaskStatus) -> None:
        """A worker that goes on with a stopped task, or reports it twice, changes nothing."""
        for id_ in self.of(TaskStatus.STOP)[place : place + 1]:
            self.run(self.world.end(id_, status, {"site": 1}))

    @rule(place=PLACES)
    def resist(self, place: int) -> None:
        for id_ in self.of(TaskStatus.WAITING, TaskStatus.RUNNING)[place : place + 1]:
            if self.run(self.world.resist(id_)):
                self.unstoppable.add(id_)

    @rule(places=st.lists(PLACES, max_size=3, unique=True), unknown=st.booleans())
    def stop(self, places: list[int], unknown: bool) -> None:
        ids = [id_ for place, id_ in enumerate(self.tasks) if place in places]
        asked = [*ids, UNKNOWN] if unknown else ids
        answer = {id_: self.counted(task) for id_, task in self.run(self.engine.stop(asked)).items()}
        open_ = [id_ for id_ in ids if not self.tasks[id_].status.ended]
        refused = {id_: "will not" for id_ in open_ if id_ in self.unstoppable}
        for id_ in open_:
            if id_ not in refused:
                self.change(id_, TaskStatus.STOP)
        self.agree(answer, ids, **refused)

    @rule(number=RUNS, places=st.sets(st.integers(0, 2)), unknown=st.booleans())
    def restart(self, number: int, places: set[int], unknown: bool) -> None:
        """Restart some tasks of a run, after those that are open and can be stopped were."""
        if number not in self.runs:
            return
        earlier, tasks = self.runs[number]
        self.stop([place for place, id_ in enumerate(self.tasks) if id_ in tasks], unknown)
        ids = [id_ for place, id_ in enumerate(tasks) if place in places and self.tasks[id_].status.ended]
        run = self.new_run(number, earlier.schedule.targets)
        asked = [UNKNOWN, *ids] if unknown else ids
        if ids:
            fresh = list(self.run(self.engine.restart(run, asked)))
            self.add(fresh, [self.tasks[id_].target for id_ in ids], run)
            self.restarts.append((run, asked, fresh))
        elif unknown:
            with pytest.raises(PermanentError):
                self.run(self.engine.restart(run, asked))

    @rule(place=PLACES)
    def restart_again(self, place: int) -> None:
        for run, asked, fresh in self.restarts[place : place + 1]:
            assert list(self.run(self.engine.restart(run, asked))) == fresh

    @rule(places=st.lists(PLACES, max_size=3, unique=True))
    def read_some(self, places: list[int]) -> None:
        ids = [id_ for place, id_ in enumerate(self.tasks) if place in places]
        self.agree(self.ask([UNKNOWN, *ids]), ids)
        open_ = {id_ for id_ in ids if not self.tasks[id_].status.ended}
        assert set(self.run(self.engine.open_tasks([UNKNOWN, *ids]))) == open_

    @invariant()
    def all_tasks_are_as_in_the_model(self) -> None:
        ids = list(self.tasks)
        self.agree(self.ask(ids), ids)
        open_ = self.of(TaskStatus.WAITING, TaskStatus.RUNNING)
        assert set(self.run(self.engine.open_tasks(ids))) == set(open_)

    def teardown(self) -> None:
        """Leave no open task to the next example, and look at what does not change."""
        assert [each.name for each in self.run(self.engine.schedules())] == ["一", "二"]
        assert list(self.run(self.engine.external_runs(self.start))) == []
        while self.of(TaskStatus.WAITING):
            self.begin()
        for _ in self.of(TaskStatus.RUNNING):
            self.end(0, TaskStatus.DONE, {})
        self.all_tasks_are_as_in_the_model()
