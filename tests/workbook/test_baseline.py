"""A run is compared by target, with the last task that covered it."""

from datetime import timedelta

from bot.models import Failure, Run, RunStatus, Task, TaskCounts, TaskStatus
from bot.ports import Baseline, ReportInput
from bot.workbook.baseline import MAX_RUNS_QUERIED, with_baseline
from tests.factories import NOW, make_run, make_schedule
from tests.fakes import FakeEngine

DONE, STOP, ERROR = TaskStatus.DONE, TaskStatus.STOP, TaskStatus.ERROR
TARGETS = ("a.example", "b.example")


class Past:
    """The runs of one schedule, an hour apart, and the engine that had their tasks."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.runs: list[Run] = []

    def run(self, targets: tuple[str, ...] = TARGETS, **ends: TaskStatus) -> Run:
        """A run whose tasks are called `<run>-<first letter of the target>`; these ended otherwise."""
        number = len(self.runs)
        tasks = [
            Task(id=f"r{number}-{line[0]}", run_id="", target=line, status=ends.get(line[0], DONE))
            for line in targets
        ]
        self.engine.all_tasks |= {task.id: task for task in tasks}
        bad = [task for task in tasks if task.status is not DONE]
        run = make_run(
            id=f"r{number}",
            start_time=NOW + timedelta(hours=number),
            status=RunStatus.FINISHED,
            schedule=make_schedule(targets=TARGETS),
            task_ids=tuple(task.id for task in tasks),
            task_counts=TaskCounts(total=len(tasks), done=len(tasks) - len(bad), stop=len(bad)),
            failures=tuple(
                Failure(task_id=task.id, target=task.target, status=task.status, reason="") for task in bad
            ),
        )
        self.runs.append(run)
        return run

    async def story(self) -> ReportInput:
        """The last run, compared with those before it."""
        *earlier, run = self.runs
        return await with_baseline(self.engine, ReportInput(run=run, earlier=tuple(reversed(earlier))))

    async def baseline(self) -> Baseline:
        found = (await self.story()).baseline
        assert found is not None
        return found


async def test_a_whole_run_is_compared_with_the_whole_one_before_it() -> None:
    past = Past()
    _, second, _ = past.run(), past.run(), past.run()
    assert await past.baseline() == Baseline(runs=(second,), complete=("r1-a", "r1-b"))
    assert (await past.story()).unfinished == ()


async def test_a_retry_of_some_targets_is_no_baseline_for_the_others() -> None:
    past = Past()
    first, second, _ = past.run(), past.run(("b.example",)), past.run()
    found = await past.baseline()
    assert (found.runs, found.complete, found.elsewhere) == ((second, first), ("r1-b", "r0-a"), ())


async def test_a_retry_knows_what_the_targets_it_left_out_had() -> None:
    past = Past()
    past.run()
    past.run(("b.example",))
    found = await past.baseline()
    assert (found.complete, found.elsewhere) == (("r0-b",), ("r0-a",))


async def test_a_stopped_task_is_compared_with_nothing_and_is_no_baseline() -> None:
    past = Past()
    past.run()
    past.run(b=STOP)
    stopped = await past.story()
    assert stopped.baseline is not None
    assert (stopped.unfinished, stopped.baseline.complete) == (("r1-b",), ("r0-a",))
    assert stopped.baseline.elsewhere == ("r0-b",)
    past.run()
    found = await past.baseline()
    assert (found.complete, found.partial) == (("r1-a", "r0-b"), ("r1-b",))


async def test_a_fully_stopped_run_is_skipped_without_reading_its_tasks() -> None:
    past = Past()
    first = past.run()
    past.run(a=STOP, b=ERROR)
    past.run()
    found = await past.baseline()
    assert (found.runs, found.complete, found.partial) == ((first,), ("r0-a", "r0-b"), ("r1-a", "r1-b"))
    assert past.engine.questions == 2


async def test_a_target_that_was_never_covered_is_named() -> None:
    past = Past()
    past.run(b=ERROR)
    past.run()
    assert (await past.baseline()).first_covered == ("b.example",)


async def test_runs_that_covered_nothing_are_no_baseline() -> None:
    past = Past()
    past.run(a=STOP, b=STOP)
    past.run()
    assert (await past.story()).baseline is None


async def test_a_task_of_several_targets_counts_when_all_of_them_are_covered() -> None:
    past = Past()
    past.run(("1.example 2.example", "3.example"))
    past.run(("1.example", "3.example"))
    found = await past.baseline()
    assert (found.complete, found.elsewhere) == (("r0-3",), ("r0-1",))


async def test_tasks_that_the_engine_forgot_leave_a_good_run_whole() -> None:
    past = Past()
    past.run()
    past.engine.all_tasks.clear()
    assert (await past.story()).unfinished == ()


async def test_the_search_ends_at_a_whole_run_whatever_the_schedule_names() -> None:
    past = Past()
    for _ in range(5):
        past.run(("a.example",))
    await past.baseline()
    assert past.engine.questions == 2


async def test_targets_are_compared_without_case_except_urls() -> None:
    past = Past()
    past.run(("A.example,b.example", "https://c.example/A"))
    past.run(("b.example a.example", "https://c.example/a"))
    found = await past.baseline()
    assert (found.complete, found.elsewhere) == (("r0-A",), ("r0-h",))


async def test_a_target_that_is_never_covered_costs_a_bounded_number_of_questions() -> None:
    past = Past()
    for _ in range(MAX_RUNS_QUERIED + 20):
        past.run(("a.example",))
    past.run()  # b.example is new
    await past.story()
    assert past.engine.questions == 1 + MAX_RUNS_QUERIED
