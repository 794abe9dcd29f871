"""Tests of RunDiscovery: external runs are recorded once, and notified unless they are old."""

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
WINDOW = DiscoveryWindow(notify_max_age=3 * HOUR, initial_lookback=48 * HOUR)


def build_discovery(core: CoreHarness) -> RunDiscovery:
    return RunDiscovery(core.store, core.engine, core.runs, clock=core.clock, window=WINDOW)


@pytest.fixture
def discovery(core: CoreHarness) -> RunDiscovery:
    return build_discovery(core)


def trigger_external(
    core: CoreHarness, number: int = 1, start: datetime = NOW, end: datetime | None = None
) -> EngineRun:
    """Let the engine trigger a run with one task. It has ended if a time is given."""
    task = make_task(id=f"t{number}", status=TaskStatus.DONE if end else TaskStatus.RUNNING, end_time=end)
    core.engine.all_tasks[task.id] = task
    external = EngineRun(
        idempotency_key=f"arl:s1:{number}", schedule=core.schedule, task_ids=(task.id,), start_time=start
    )
    core.engine.begun.append(external)
    return external


async def test_an_external_run_is_watched_and_notified_like_any_other(
    core: CoreHarness, discovery: RunDiscovery
) -> None:
    trigger_external(core)
    assert await discovery.poll() == 1
    await core.finish()
    (run,) = await core.store.find_runs()
    assert (run.trigger, run.start_time, run.push_status) == (Trigger.ENGINE, NOW, PushStatus.SUCCESS)
    assert core.messenger.verbs() == ["card", "upload", "file"]


async def test_polling_again_records_no_run_twice_in_any_process(
    core: CoreHarness, discovery: RunDiscovery
) -> None:
    trigger_external(core)
    new_runs = [
        await each.poll() for each in (discovery, discovery, build_discovery(core), build_discovery(core))
    ]
    assert new_runs == [1, 0, 0, 0]
    assert len(await core.store.find_runs()) == 1


async def test_a_run_that_ended_while_dingrun_was_down_is_notified_with_its_own_times(
    core: CoreHarness, discovery: RunDiscovery
) -> None:
    await discovery.poll()
    trigger_external(core, start=NOW + HOUR, end=NOW + 2 * HOUR)
    core.clock.turn(seconds=4 * 3600)
    await build_discovery(core).poll()
    await core.finish()
    (run,) = await core.store.find_runs()
    assert (run.push_status, run.end_time) == (PushStatus.SUCCESS, NOW + 2 * HOUR)


async def test_a_run_that_ended_long_ago_is_recorded_without_a_notification(
    core: CoreHarness, discovery: RunDiscovery
) -> None:
    await discovery.poll()
    trigger_external(core, start=NOW + HOUR, end=NOW + 2 * HOUR)
    core.clock.turn(seconds=40 * 86_400)
    await build_discovery(core).poll()
    await core.finish()
    (run,) = await core.store.find_runs()
    assert (run.push_status, run.export_status) == (PushStatus.SKIPPED, ExportStatus.SKIPPED)
    assert core.messenger.sent == []


async def test_the_first_poll_records_ended_runs_without_a_notification(
    core: CoreHarness, discovery: RunDiscovery
) -> None:
    trigger_external(core, 1, start=NOW - 49 * HOUR, end=NOW - 48 * HOUR)
    trigger_external(core, 2, start=NOW - 40 * HOUR, end=NOW - 39 * HOUR)
    trigger_external(core, 3, start=NOW - HOUR, end=NOW)
    await discovery.poll()
    core.clock.turn(seconds=60)
    await build_discovery(core).poll()
    await core.finish()
    assert [run.idempotency_key for run in await core.store.find_runs()] == ["arl:s1:3", "arl:s1:2"]
    assert core.messenger.sent == []


async def test_a_run_that_is_open_at_the_first_poll_is_notified_when_it_ends(
    core: CoreHarness, discovery: RunDiscovery
) -> None:
    trigger_external(core, start=NOW - 40 * HOUR)
    await discovery.poll()
    await core.finish()
    assert core.messenger.verbs() == ["card", "upload", "file"]


async def test_a_first_poll_that_failed_is_repeated_as_the_first(
    core: CoreHarness, discovery: RunDiscovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger_external(core, start=NOW - HOUR, end=NOW)
    with monkeypatch.context() as patch:
        patch.setattr(core.engine, "tasks", unreachable)
        with pytest.raises(TemporaryError):
            await discovery.poll()
    await build_discovery(core).poll()
    await core.finish()
    assert core.messenger.sent == []


async def test_two_bots_that_discover_a_run_at_the_same_time_notify_once(
    core: CoreHarness, discovery: RunDiscovery
) -> None:
    trigger_external(core)
    assert sum(await asyncio.gather(discovery.poll(), build_discovery(core).poll())) == 1
    await core.finish()
    assert core.messenger.verbs() == ["card", "upload", "file"]


async def test_tasks_of_a_recorded_run_make_no_second_run(core: CoreHarness, discovery: RunDiscovery) -> None:
    external = trigger_external(core)
    await discovery.poll()
    other = EngineRun(
        idempotency_key="arl:s1:9",
        schedule=external.schedule,
        task_ids=external.task_ids,
        start_time=NOW + HOUR,
    )
    core.engine.begun.append(other)
    assert await discovery.poll() == 0


async def test_tasks_of_a_recorded_run_are_found_behind_many_newer_runs(
    core: CoreHarness, discovery: RunDiscovery
) -> None:
    recorded = trigger_external(core)
    await discovery.poll()
    for minute in range(120):
        start = NOW + timedelta(minutes=minute + 1)
        await core.store.add_run(make_run(id=f"r{minute}", idempotency_key=f"c{minute}", start_time=start))
    again = EngineRun(
        idempotency_key="arl:loose:1", schedule=recorded.schedule, task_ids=recorded.task_ids, start_time=NOW
    )
    core.engine.begun[:] = [again]
    assert await discovery.poll() == 0


async def test_a_failed_poll_is_repeated_from_the_same_watermark(
    core: CoreHarness, discovery: RunDiscovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger_external(core)
    with monkeypatch.context() as patch:
        patch.setattr(core.engine, "tasks", unreachable)
        with pytest.raises(TemporaryError):
            await discovery.poll()
    assert await discovery.poll() == 1


async def test_an_unreadable_document_does_not_end_the_loop(
    core: CoreHarness,
    discovery: RunDiscovery,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(core.engine, "external_runs", raise_value_error)
    with suppress(TimeoutError):
        async with asyncio.timeout(0.05):
            await discovery.run(0.01)
    assert caplog.text.count("run_number is no number") > 1


async def test_an_unreadable_run_is_retried_and_does_not_block_the_others(
    core: CoreHarness,
    discovery: RunDiscovery,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    odd, _ = trigger_external(core), trigger_external(core, 2)
    ask = core.engine.tasks

    async def sometimes(task_ids: Collection[str]) -> Mapping[str, Task]:
        if set(task_ids) & set(odd.task_ids):
            raise TypeError("an odd document")
        return await ask(task_ids)

    with monkeypatch.context() as patch:
        patch.setattr(core.engine, "tasks", sometimes)
        assert await discovery.poll() == 1
    assert "an odd document" in caplog.text
    assert await discovery.poll() == 1


async def test_a_clock_that_was_days_ahead_hides_no_run(core: CoreHarness, discovery: RunDiscovery) -> None:
    core.clock.turn(seconds=3 * 86_400)
    await discovery.poll()
    core.clock.turn(seconds=-3 * 86_400)
    trigger_external(core)
    assert await discovery.poll() == 1


async def raise_value_error(since: object) -> object:
    raise ValueError("run_number is no number")


async def unreachable(task_ids: object) -> object:
    raise TemporaryError("down")


async def test_the_scheduler_leaves_an_engine_with_its_own_scheduler_alone(core: CoreHarness) -> None:
    core.engine.has_own_scheduler = True
    scheduler = Scheduler(core.store, core.engine, core.runs, policy=SchedulePolicy(zone=ZONE))
    for hours in (0, 30):
        assert await scheduler.tick(NOW + hours * HOUR) == 0


def external_without_schedule(core: CoreHarness, number: int, *tasks: str) -> EngineRun:
    """Make a run whose schedule was deleted: the first characters of its name, its targets and tasks."""
    left = make_schedule(id="gone:x", name=core.schedule.name[:2], targets=core.schedule.targets)
    for id_ in tasks:
        core.engine.all_tasks[id_] = make_task(id=id_, status=TaskStatus.DONE, end_time=core.clock())
    return EngineRun(
        idempotency_key=f"arl:gone:x:{number}",
        schedule=left,
        task_ids=tasks,
        start_time=core.clock(),
        gone=True,
    )


async def test_a_run_of_a_deleted_schedule_is_notified_like_the_last_recorded_one(
    core: CoreHarness, discovery: RunDiscovery
) -> None:
    await discovery.poll()
    await core.finished_run()
    core.messenger.sent.clear()
    core.engine.known.clear()
    core.clock.turn(seconds=3_600)
    core.engine.begun.append(external_without_schedule(core, 2, "t8", "t9"))
    assert await discovery.poll() == 1
    await core.finish()
    assert core.messenger.verbs() == ["card", "upload", "file"]
    assert {run.schedule_id for run in await core.store.find_runs()} == {core.schedule.id}


async def test_a_silently_recorded_run_does_not_silence_a_run_of_a_deleted_schedule(
    core: CoreHarness, discovery: RunDiscovery
) -> None:
    await core.finished_run()
    core.clock.turn(seconds=7_200)
    trigger_external(core, 1, start=NOW + HOUR, end=NOW + HOUR)
    await discovery.poll()
    await core.finish()
    core.messenger.sent.clear()
    core.clock.turn(seconds=3_600)
    core.engine.begun.append(external_without_schedule(core, 2, "t9"))
    await discovery.poll()
    await core.finish()
    assert core.messenger.verbs() == ["card", "upload", "file"]


async def test_a_run_recorded_before_its_schedule_was_deleted_is_not_recorded_again(
    core: CoreHarness, discovery: RunDiscovery
) -> None:
    external = trigger_external(core)
    await discovery.poll()
    same = external_without_schedule(core, 1, *external.task_ids)
    renamed = replace(
        same, idempotency_key="arl:gone:y:1", schedule=replace(same.schedule, targets=("c.example",))
    )
    core.engine.begun[:] = [same, renamed]
    assert await discovery.poll() == 0


async def test_a_run_of_an_unknown_deleted_schedule_is_recorded_and_logged(
    core: CoreHarness, discovery: RunDiscovery, caplog: pytest.LogCaptureFixture
) -> None:
    await discovery.poll()
    core.engine.begun.append(external_without_schedule(core, 2, "t9"))
    assert await discovery.poll() == 1
    assert "its schedule is gone" in caplog.text
