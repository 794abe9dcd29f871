"""The story of a run: what it may be compared with, and the last runs."""

from datetime import timedelta

from bot.models import Run, RunStatus, TaskCounts
from bot.reports.comparison import COMPARISON_LIMIT, HISTORY_LIMIT, load_report_input
from bot.stores.sqlite.store import SqliteStore
from tests.conftest import CoreHarness
from tests.factories import NOW, make_run, make_schedule


async def ended(store: SqliteStore, number: int, **changes: object) -> Run:
    """The run that began that many hours after the first."""
    start = NOW + timedelta(hours=number)
    defaults: dict[str, object] = {
        "id": f"r{number}", "start_time": start, "end_time": start, "status": RunStatus.FINISHED,
        "task_ids": ("t",), "task_counts": TaskCounts(total=1, done=1),
    }  # fmt: skip
    run = make_run(**(defaults | changes))
    await store.add_run(run)
    stored = await store.find_run(run.id)
    assert stored is not None
    return stored


async def test_a_run_may_be_compared_with_the_finished_ones_before_it(store: SqliteStore) -> None:
    await ended(store, 0)
    await ended(store, 1)
    await ended(store, 2, status=RunStatus.ERROR)
    await ended(store, 3, status=RunStatus.RUNNING, end_time=None)
    await ended(store, 4, schedule=make_schedule(id="other"))
    run = await ended(store, 5)
    await ended(store, 6)
    story = await load_report_input(store, run)
    assert [each.id for each in story.earlier] == ["r1", "r0"]
    assert [each.id for each in story.history] == ["r0", "r1", "r2", "r5"]


async def test_a_first_run_has_no_earlier_runs(store: SqliteStore) -> None:
    run = await ended(store, 0)
    story = await load_report_input(store, run)
    assert (story.earlier, story.history) == ((), (run,))


async def test_the_report_of_an_old_run_looks_as_far_back_as_it_must(store: SqliteStore) -> None:
    runs = [await ended(store, number) for number in range(COMPARISON_LIMIT + HISTORY_LIMIT + 9)]
    story = await load_report_input(store, runs[HISTORY_LIMIT + 1])
    assert story.earlier[0] == runs[HISTORY_LIMIT]
    assert list(story.history) == runs[2 : HISTORY_LIMIT + 2]


async def test_many_failed_runs_hide_no_finished_run(store: SqliteStore) -> None:
    await ended(store, 0)
    for number in range(1, COMPARISON_LIMIT + 5):
        await ended(store, number, status=RunStatus.ERROR)
    story = await load_report_input(store, await ended(store, COMPARISON_LIMIT + 5))
    assert [each.id for each in story.earlier] == ["r0"]


async def test_many_partial_runs_hide_no_complete_run(store: SqliteStore) -> None:
    await ended(store, 0)
    for number in range(1, COMPARISON_LIMIT + 5):
        await ended(store, number, task_counts=TaskCounts(total=2, done=1, stop=1))
    story = await load_report_input(store, await ended(store, COMPARISON_LIMIT + 5))
    assert story.earlier[-1].id == "r0"


async def test_the_report_of_a_second_run_is_compared_with_the_first(core: CoreHarness) -> None:
    first = await core.finished_run()
    core.clock.turn(seconds=60)
    second = await core.finished_run()
    story = core.exporter.told[-1]
    assert (story.run.id, story.earlier[0].id, len(story.history)) == (second.id, first.id, 2)
