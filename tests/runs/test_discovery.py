"""Runs that the engine began by itself are taken in, told while they are news, and kept silently after."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.errors import TemporaryError
from bot.models import ExportStatus, PushStatus, Task, TaskStatus, Trigger
from bot.ports import EngineRun
from bot.runs.discovery import DiscoveryWindow, RunDiscovery
from bot.runs.scheduler import SchedulePolicy, Scheduler
from tests.conftest import ZONE, CoreHarness
from tests.factories import NOW, make_run, make_schedule, make_task

HOUR = timedelta(hours=1)
PAST = DiscoveryWindow(tell_within=3 * HOUR, look_back=48 * HOUR)


def finder_of(desk: CoreHarness) -> RunDiscovery:
    return RunDiscovery(desk.store, desk.engine, desk.runs, clock=desk.clock, past=PAST)


@pytest.fixture
def finder(desk: CoreHarness) -> RunDiscovery:
    return finder_of(desk)


def begin(
    desk: CoreHarness, number: int = 1, start: datetime = NOW, end: datetime | None = None
) -> EngineRun:
    """The engine begins a run with one task, which ends where a time is given."""
    task = make_task(id=f"t{number}", status=TaskStatus.DONE if end else TaskStatus.RUNNING, end_time=end)
    desk.engine.all_tasks[task.id] = task
    started = EngineRun(
        idempotency_key=f"arl:s1:{number}", schedule=desk.schedule, task_ids=(task.id,), start_time=start
    )
    desk.engine.begun.append(started)
    return started


async def test_a_run_of_the_engine_is_watched_and_told_like_any_other(
    desk: CoreHarness, finder: RunDiscovery
) -> None:
    begin(desk)
    assert await finder.poll() == 1
    await desk.finish()
    (run,) = await desk.store.find_runs()
    assert (run.trigger, run.start_time, run.push_status) == (Trigger.ENGINE, NOW, PushStatus.SUCCESS)
    assert desk.messenger.verbs() == ["card", "upload", "file"]


async def test_looking_again_finds_nothing_twice_and_neither_does_another_process(
    desk: CoreHarness, finder: RunDiscovery
) -> None:
    begin(desk)
    looks = [await each.poll() for each in (finder, finder, finder_of(desk), finder_of(desk))]
    assert looks == [1, 0, 0, 0]
    assert len(await desk.store.find_runs()) == 1


async def test_what_ended_while_dingrun_was_down_is_told_with_its_own_times(
    desk: CoreHarness, finder: RunDiscovery
) -> None:
    await finder.poll()
    begin(desk, start=NOW + HOUR, end=NOW + 2 * HOUR)
    desk.clock.turn(seconds=4 * 3600)
    await finder_of(desk).poll()
    await desk.finish()
    (run,) = await desk.store.find_runs()
    assert (run.push_status, run.end_time) == (PushStatus.SUCCESS, NOW + 2 * HOUR)


async def test_what_ended_long_ago_is_kept_and_not_told(desk: CoreHarness, finder: RunDiscovery) -> None:
    await finder.poll()
    begin(desk, start=NOW + HOUR, end=NOW + 2 * HOUR)
    desk.clock.turn(seconds=40 * 86_400)
    await finder_of(desk).poll()
    await desk.finish()
    (run,) = await desk.store.find_runs()
    assert (run.push_status, run.export_status) == (PushStatus.SKIPPED, ExportStatus.SKIPPED)
    assert desk.messenger.sent == []


async def test_the_first_look_ever_keeps_what_is_over_and_tells_nothing_of_it(
    desk: CoreHarness, finder: RunDiscovery
) -> None:
    begin(desk, 1, start=NOW - 49 * HOUR, end=NOW - 48 * HOUR)
    begin(desk, 2, start=NOW - 40 * HOUR, end=NOW - 39 * HOUR)
    begin(desk, 3, start=NOW - HOUR, end=NOW)
    await finder.poll()
    desk.clock.turn(seconds=60)
    await finder_of(desk).poll()
    await desk.finish()
    assert [run.idempotency_key for run in await desk.store.find_runs()] == ["arl:s1:3", "arl:s1:2"]
    assert desk.messenger.sent == []


async def test_what_still_runs_at_the_first_look_ever_is_told_when_it_ends(
    desk: CoreHarness, finder: RunDiscovery
) -> None:
    begin(desk, start=NOW - 40 * HOUR)
    await finder.poll()
    await desk.finish()
    assert desk.messenger.verbs() == ["card", "upload", "file"]


async def test_a_first_look_that_was_cut_off_is_still_the_first(
    desk: CoreHarness, finder: RunDiscovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(desk, start=NOW - HOUR, end=NOW)
    with monkeypatch.context() as patch:
        patch.setattr(desk.engine, "tasks", _down)
        with pytest.raises(TemporaryError):
            await finder.poll()
    await finder_of(desk).poll()
    await desk.finish()
    assert desk.messenger.sent == []


async def test_two_bots_that_find_a_run_at_the_same_moment_tell_it_once(
    desk: CoreHarness, finder: RunDiscovery
) -> None:
    begin(desk)
    assert sum(await asyncio.gather(finder.poll(), finder_of(desk).poll())) == 1
    await desk.finish()
    assert desk.messenger.verbs() == ["card", "upload", "file"]


async def test_tasks_that_a_run_has_already_make_no_second_one(
    desk: CoreHarness, finder: RunDiscovery
) -> None:
    started = begin(desk)
    await finder.poll()
    other = EngineRun(
        idempotency_key="arl:s1:9",
        schedule=started.schedule,
        task_ids=started.task_ids,
        start_time=NOW + HOUR,
    )
    desk.engine.begun.append(other)
    assert await finder.poll() == 0


async def test_they_are_found_however_many_runs_came_since(desk: CoreHarness, finder: RunDiscovery) -> None:
    kept = begin(desk)
    await finder.poll()
    for minute in range(120):
        start = NOW + timedelta(minutes=minute + 1)
        await desk.store.add_run(make_run(id=f"r{minute}", idempotency_key=f"c{minute}", start_time=start))
    again = EngineRun(
        idempotency_key="arl:loose:1", schedule=kept.schedule, task_ids=kept.task_ids, start_time=NOW
    )
    desk.engine.begun[:] = [again]
    assert await finder.poll() == 0


async def test_a_look_that_fails_is_made_again_from_where_it_was(
    desk: CoreHarness, finder: RunDiscovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(desk)
    with monkeypatch.context() as patch:
        patch.setattr(desk.engine, "tasks", _down)
        with pytest.raises(TemporaryError):
            await finder.poll()
    assert await finder.poll() == 1


async def test_a_document_that_makes_no_sense_does_not_end_the_looking(
    desk: CoreHarness, finder: RunDiscovery, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(desk.engine, "external_runs", _strange)
    with suppress(TimeoutError):
        async with asyncio.timeout(0.05):
            await finder.run(0.01)
    assert caplog.text.count("run_number is no number") > 1


async def test_a_run_that_makes_no_sense_does_not_hold_up_the_others_and_is_tried_again(
    desk: CoreHarness, finder: RunDiscovery, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    odd, _ = begin(desk), begin(desk, 2)
    ask = desk.engine.tasks

    async def sometimes(task_ids: Collection[str]) -> Mapping[str, Task]:
        if set(task_ids) & set(odd.task_ids):
            raise TypeError("an odd document")
        return await ask(task_ids)

    with monkeypatch.context() as patch:
        patch.setattr(desk.engine, "tasks", sometimes)
        assert await finder.poll() == 1
    assert "an odd document" in caplog.text
    assert await finder.poll() == 1


async def test_a_clock_that_was_days_ahead_hides_no_run(desk: CoreHarness, finder: RunDiscovery) -> None:
    desk.clock.turn(seconds=3 * 86_400)
    await finder.poll()
    desk.clock.turn(seconds=-3 * 86_400)
    begin(desk)
    assert await finder.poll() == 1


async def _strange(since: object) -> object:
    raise ValueError("run_number is no number")


async def _down(task_ids: object) -> object:
    raise TemporaryError("down")


async def test_an_engine_that_fires_is_left_to_it(desk: CoreHarness) -> None:

    desk.engine.has_own_scheduler = True
    scheduler = Scheduler(desk.store, desk.engine, desk.runs, timetable=SchedulePolicy(zone=ZONE))
    for hours in (0, 30):
        assert await scheduler.tick(NOW + hours * HOUR) == 0


def gone(desk: CoreHarness, number: int, *tasks: str) -> EngineRun:
    """What is left of a run whose schedule was deleted: the beginning of its name, targets, its tasks."""
    left = make_schedule(id="gone:x", name=desk.schedule.name[:2], targets=desk.schedule.targets)
    for id_ in tasks:
        desk.engine.all_tasks[id_] = make_task(id=id_, status=TaskStatus.DONE, end_time=desk.clock())
    return EngineRun(
        idempotency_key=f"arl:gone:x:{number}",
        schedule=left,
        task_ids=tasks,
        start_time=desk.clock(),
        gone=True,
    )


async def test_a_run_whose_schedule_was_deleted_meanwhile_is_told_as_its_last_one_was(
    desk: CoreHarness, finder: RunDiscovery
) -> None:
    await finder.poll()
    await desk.finished_run()
    desk.messenger.sent.clear()
    desk.engine.known.clear()
    desk.clock.turn(seconds=3_600)
    desk.engine.begun.append(gone(desk, 2, "t8", "t9"))
    assert await finder.poll() == 1
    await desk.finish()
    assert desk.messenger.verbs() == ["card", "upload", "file"]
    assert {run.schedule_id for run in await desk.store.find_runs()} == {desk.schedule.id}


async def test_what_was_kept_silently_does_not_silence_it(desk: CoreHarness, finder: RunDiscovery) -> None:
    await desk.finished_run()
    desk.clock.turn(seconds=7_200)
    begin(desk, 1, start=NOW + HOUR, end=NOW + HOUR)
    await finder.poll()
    await desk.finish()
    desk.messenger.sent.clear()
    desk.clock.turn(seconds=3_600)
    desk.engine.begun.append(gone(desk, 2, "t9"))
    await finder.poll()
    await desk.finish()
    assert desk.messenger.verbs() == ["card", "upload", "file"]


async def test_the_run_that_was_kept_before_its_schedule_was_deleted_is_not_kept_again(
    desk: CoreHarness, finder: RunDiscovery
) -> None:
    started = begin(desk)
    await finder.poll()
    same = gone(desk, 1, *started.task_ids)
    renamed = replace(
        same, idempotency_key="arl:gone:y:1", schedule=replace(same.schedule, targets=("c.example",))
    )
    desk.engine.begun[:] = [same, renamed]
    assert await finder.poll() == 0


async def test_of_a_schedule_that_nobody_knew_the_run_is_kept_and_the_log_says_so(
    desk: CoreHarness, finder: RunDiscovery, caplog: pytest.LogCaptureFixture
) -> None:
    await finder.poll()
    desk.engine.begun.append(gone(desk, 2, "t9"))
    assert await finder.poll() == 1
    assert "its schedule is gone" in caplog.text
