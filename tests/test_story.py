"""The story of a run: what it is compared with, and the last runs."""

from datetime import timedelta

from bot.models import Run, RunStatus, Tally
from bot.stores.sqlite import SqliteStore
from bot.story import HISTORY, LOOKED_AT, story_of
from tests.conftest import Desk
from tests.factories import NOW, make_run, make_schedule


async def ended(store: SqliteStore, number: int, **changes: object) -> Run:
    """The run that began that many hours after the first."""
    start = NOW + timedelta(hours=number)
    defaults: dict[str, object] = {
        "id": f"r{number}", "start_time": start, "end_time": start, "status": RunStatus.FINISHED,
        "task_ids": ("t",), "tally": Tally(total=1, done=1),
    }  # fmt: skip
    run = make_run(**(defaults | changes))
    await store.add_run(run)
    return run


async def test_a_run_is_compared_with_the_finished_one_before_it(store: SqliteStore) -> None:
    await ended(store, 0)
    await ended(store, 1)
    await ended(store, 2, status=RunStatus.ERROR)
    await ended(store, 3, status=RunStatus.RUNNING, end_time=None)
    await ended(store, 4, schedule=make_schedule(id="other"))
    run = await ended(store, 5)
    await ended(store, 6)
    story = await story_of(store, run)
    assert story.previous is not None
    assert story.previous.id == "r1"
    assert [each.id for each in story.history] == ["r0", "r1", "r2", "r5"]


async def test_a_first_run_stands_alone(store: SqliteStore) -> None:
    run = await ended(store, 0)
    story = await story_of(store, run)
    assert (story.previous, story.history) == (None, (run,))


async def test_the_report_of_an_old_run_looks_as_far_back_as_it_must(store: SqliteStore) -> None:
    runs = [await ended(store, number) for number in range(LOOKED_AT + HISTORY + 9)]
    story = await story_of(store, runs[HISTORY + 1])
    assert story.previous == runs[HISTORY]
    assert list(story.history) == runs[2 : HISTORY + 2]


async def test_a_failed_month_hides_no_finished_run(store: SqliteStore) -> None:
    await ended(store, 0)
    for number in range(1, LOOKED_AT + 5):
        await ended(store, number, status=RunStatus.ERROR)
    story = await story_of(store, await ended(store, LOOKED_AT + 5))
    assert story.previous is not None
    assert story.previous.id == "r0"


async def test_the_report_of_a_second_run_is_compared_with_the_first(desk: Desk) -> None:
    first = await desk.finished_run()
    desk.clock.turn(seconds=60)
    second = await desk.finished_run()
    story = desk.exporter.told[-1]
    assert story.previous is not None
    assert (story.run.id, story.previous.id, len(story.history)) == (second.id, first.id, 2)
