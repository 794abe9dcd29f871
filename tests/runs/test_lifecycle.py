"""Tests of Runs and Watcher: trigger, submit, end."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

import pytest

from bot.errors import PermanentError, TemporaryError
from bot.models import (
    Destination,
    ExportStatus,
    Job,
    JobState,
    NotifyOn,
    PushStatus,
    Run,
    RunStatus,
    Task,
    TaskStatus,
    Trigger,
)
from bot.runs.lifecycle import TriggerRequest
from bot.runs.outcome import count_tasks, list_failures
from tests.conftest import CoreHarness
from tests.factories import NOW, make_schedule, make_task

REQUEST = TriggerRequest(idempotency_key="cron:s1:now", trigger=Trigger.CRON)


async def test_a_run_is_stored_before_its_tasks_are_submitted(desk: CoreHarness) -> None:
    run = await desk.runs.trigger(desk.schedule, REQUEST)
    stored = await desk.run(run.id)
    assert (stored.task_ids, stored.status, desk.engine.all_tasks) == ((), RunStatus.RUNNING, {})
    await desk.do_jobs()
    assert (await desk.run(run.id)).task_ids == tuple(desk.engine.all_tasks)


async def test_the_same_request_is_the_same_run(desk: CoreHarness) -> None:
    first = await desk.trigger()
    again = await desk.trigger()
    assert first.id == again.id
    assert len(await desk.store.find_runs()) == 1


async def test_submitting_again_after_a_crash_changes_nothing(desk: CoreHarness) -> None:
    run = await desk.trigger()
    await desk.store.update_run(run.id, {"task_ids": ()})
    desk.build()
    await desk.runs.enqueue_submit(run.id)
    assert len(desk.engine.all_tasks) == 1


async def test_submit_is_retried_while_the_engine_is_unreachable(desk: CoreHarness) -> None:
    desk.engine.refusal = TemporaryError("away")
    run = await desk.trigger()
    desk.engine.refusal = None
    desk.clock.turn(seconds=10)
    await desk.do_jobs()
    assert (await desk.run(run.id)).task_ids


async def test_a_run_that_the_engine_refuses_ends_with_its_error(desk: CoreHarness) -> None:
    desk.schedule = make_schedule(notify_enable=True, notify_on=NotifyOn.ALWAYS)
    desk.engine.refusal = PermanentError("没有有效目标")
    run = await desk.trigger()
    assert (run.status, run.error_msg, run.end_time) == (RunStatus.ERROR, "没有有效目标", NOW)
    assert run.export_status is ExportStatus.SKIPPED


async def test_a_run_ends_when_its_last_task_has(desk: CoreHarness) -> None:
    desk.schedule = make_schedule(targets=("a", "b"))
    run = await desk.trigger()
    desk.engine.end(run.task_ids[0])
    await desk.watcher.tick()
    assert (await desk.run(run.id)).status is RunStatus.RUNNING
    desk.engine.end(run.task_ids[1], TaskStatus.ERROR, reason="连接被拒绝")
    desk.clock.turn(seconds=9)
    await desk.watcher.tick()
    ended = await desk.run(run.id)
    assert (ended.status, ended.end_time) == (RunStatus.FINISHED, desk.clock())
    assert ended.task_counts is not None
    assert (ended.task_counts.done, ended.task_counts.error) == (1, 1)
    assert ended.failures[0].reason == "连接被拒绝"


async def test_jobs_are_written_before_the_status(desk: CoreHarness) -> None:
    run = await desk.trigger()
    desk.engine.end_all()
    await desk.watcher.tick()
    kinds = [job.kind for job in await desk.store.find_jobs(run_id=run.id)]
    assert kinds == ["submit", "export", "card", "file"]


async def test_a_crash_between_the_jobs_and_the_status_notifies_once(desk: CoreHarness) -> None:
    run = await desk.trigger()
    await desk.finish()
    await desk.store.update_run(run.id, {"status": RunStatus.RUNNING})
    await desk.watcher.tick()
    await desk.do_jobs()
    assert desk.messenger.verbs() == ["card", "upload", "file"]
    assert (await desk.run(run.id)).status is RunStatus.FINISHED


async def test_without_notify_enable_nothing_is_pushed(desk: CoreHarness) -> None:
    desk.schedule = make_schedule(send_to=(Destination.parse("group:cidA"),))
    run = await desk.trigger()
    await desk.finish()
    assert desk.messenger.sent == []
    ended = await desk.run(run.id)
    assert (ended.push_status, ended.export_status) == (PushStatus.SKIPPED, ExportStatus.SUCCESS)


async def test_a_stopped_run_ends_with_stopped_tasks(desk: CoreHarness) -> None:
    run = await desk.trigger()
    await desk.runs.stop(run)
    await desk.watcher.tick()
    ended = await desk.run(run.id)
    assert ended.task_counts is not None
    assert (ended.status, ended.task_counts.stop) == (RunStatus.FINISHED, 1)


async def test_a_tick_takes_one_query_for_any_number_of_runs(desk: CoreHarness) -> None:
    for number in range(20):
        await desk.trigger(cause=f"cron:s1:{number}")
    desk.engine.questions = 0
    await desk.watcher.tick()
    assert desk.engine.questions == 1


async def test_a_tick_takes_one_more_query_for_any_number_of_ended_runs(desk: CoreHarness) -> None:
    for number in range(20):
        await desk.trigger(cause=f"cron:s1:{number}")
    desk.engine.questions = 0
    desk.engine.end_all()
    assert await desk.watcher.tick() == 20
    assert desk.engine.questions == 2


async def test_unsubmitted_runs_are_checked_with_one_query(desk: CoreHarness) -> None:
    for number in range(20):
        await desk.runs.trigger(
            desk.schedule, TriggerRequest(idempotency_key=f"cron:s1:{number}", trigger=Trigger.CRON)
        )
    desk.clock.turn(seconds=10)
    queried: list[str] = []
    find = desk.store.find_job

    async def counted(job_id: str) -> Job | None:
        queried.append(job_id)
        return await find(job_id)

    desk.store.find_job = counted  # type: ignore[method-assign]
    await desk.watcher.tick()
    assert queried == []


async def test_a_run_whose_submit_job_was_lost_gets_it_again(desk: CoreHarness) -> None:
    run = await desk.runs.trigger(desk.schedule, REQUEST)
    await desk.store._db.execute("delete from jobs")
    desk.clock.turn(seconds=10)
    await desk.watcher.tick()
    await desk.do_jobs()
    assert (await desk.run(run.id)).task_ids


async def test_a_run_ends_if_a_crash_followed_its_dead_submit_job(desk: CoreHarness) -> None:
    desk.engine.refusal = PermanentError("没有有效目标")
    run = await desk.trigger()
    await desk.store.update_run(run.id, {"status": RunStatus.RUNNING})
    desk.clock.turn(seconds=10)
    await desk.watcher.tick()
    assert (await desk.run(run.id)).status is RunStatus.ERROR


def test_unknown_tasks_are_missing() -> None:
    tasks = {"t1": make_task(id="t1", status=TaskStatus.DONE, found={"site": 2})}
    counts = count_tasks(["t1", "t2"], tasks)
    assert (counts.total, counts.done, counts.missing, counts.found) == (2, 1, 1, {"site": 2})
    assert [f.status for f in list_failures(["t1", "t2"], tasks)] == [TaskStatus.MISSING]


async def test_a_submit_job_that_is_done_records_the_number_of_tasks(desk: CoreHarness) -> None:
    run = await desk.trigger()
    job = await desk.store.find_job(f"submit:{run.id}")
    assert job is not None
    assert (job.state, job.result) == (JobState.DONE, {"tasks": 1})


async def test_the_watcher_survives_any_error_of_the_engine(
    desk: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await desk.trigger()
    answers: list[Exception] = [TemporaryError("away"), ZeroDivisionError()]
    ask = desk.engine.tasks

    async def sometimes(task_ids: Collection[str]) -> Mapping[str, Task]:
        if answers:
            raise answers.pop(0)
        return await ask(task_ids)

    monkeypatch.setattr(desk.engine, "tasks", sometimes)
    desk.engine.end_all()
    watching = asyncio.create_task(desk.watcher.run(interval_seconds=0.001))
    async with asyncio.timeout(5):
        while (await desk.run(run.id)).status is RunStatus.RUNNING:  # noqa: ASYNC110 - the watcher's own pace
            await asyncio.sleep(0.001)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_a_run_that_cannot_be_ended_does_not_block_the_others(
    desk: CoreHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    odd, good = await desk.trigger(), await desk.trigger(cause="cron:s1:2")
    finish = desk.runs.finish

    async def sometimes(run: Run, tasks: Mapping[str, Task]) -> bool:
        if run.id == odd.id:
            raise TypeError("an odd document")
        return await finish(run, tasks)

    monkeypatch.setattr(desk.runs, "finish", sometimes)
    desk.engine.end_all()
    assert await desk.watcher.tick() == 1
    assert (await desk.run(good.id)).status is RunStatus.FINISHED
    assert "an odd document" in caplog.text


async def test_a_fresh_run_is_given_time_to_be_submitted(desk: CoreHarness) -> None:
    await desk.runs.trigger(desk.schedule, REQUEST)
    assert await desk.watcher.tick() == 0
    desk.clock.turn(seconds=10)
    assert await desk.watcher.tick() == 0


async def test_a_run_for_which_the_engine_creates_no_task_ends_in_error(
    desk: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(run: Run) -> Sequence[str]:
        return []

    monkeypatch.setattr(desk.engine, "submit", nothing)
    assert (await desk.trigger()).status is RunStatus.ERROR


async def test_a_run_that_has_ended_is_not_submitted_again(desk: CoreHarness) -> None:
    run = await desk.finished_run()
    await desk.store._db.execute("delete from jobs where kind = 'submit'")
    await desk.runs.enqueue_submit(run.id)
    await desk.do_jobs()
    await desk.runs.fail(run.id, "too late")
    assert (await desk.run(run.id)).status is RunStatus.FINISHED


async def test_a_deleted_task_keeps_its_target_among_the_failures(desk: CoreHarness) -> None:
    schedule = make_schedule(targets=("a.example", "B.example", "c.example"))
    run = await desk.trigger(schedule)
    del desk.engine.all_tasks[run.task_ids[1]]
    await desk.finish()
    (failure,) = (await desk.run(run.id)).failures
    assert (failure.target, failure.status) == ("B.example", TaskStatus.MISSING)


async def test_missing_tasks_of_a_retry_are_those_that_it_repeated(desk: CoreHarness) -> None:
    schedule = make_schedule(targets=("a.example", "b.example"))
    desk.engine.known[:] = [schedule]
    first = await desk.trigger(schedule)
    desk.engine.end(first.task_ids[0])
    await desk.finish(status=TaskStatus.ERROR)
    desk.clock.turn(seconds=60)
    await desk.say("重跑失败")
    again = max(await desk.store.find_runs(), key=lambda run: run.start_time)
    del desk.engine.all_tasks[again.task_ids[0]]
    await desk.finish()
    assert [failure.target for failure in (await desk.run(again.id)).failures] == ["b.example"]
