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
from bot.telemetry.rescues import Rescue
from tests.conftest import CoreHarness
from tests.factories import NOW, make_schedule, make_task

REQUEST = TriggerRequest(idempotency_key="cron:s1:now", trigger=Trigger.CRON)


async def test_a_run_is_stored_before_its_tasks_are_submitted(core: CoreHarness) -> None:
    run = await core.runs.trigger(core.schedule, REQUEST)
    stored = await core.run(run.id)
    assert (stored.task_ids, stored.status, core.engine.all_tasks) == ((), RunStatus.RUNNING, {})
    await core.do_jobs()
    assert (await core.run(run.id)).task_ids == tuple(core.engine.all_tasks)


@pytest.mark.rescue(Rescue.RUN_KNOWN)
async def test_the_same_request_is_the_same_run(core: CoreHarness) -> None:
    first = await core.trigger()
    again = await core.trigger()
    assert first.id == again.id
    assert len(await core.store.find_runs()) == 1


async def test_submitting_again_after_a_crash_changes_nothing(core: CoreHarness) -> None:
    run = await core.trigger()
    await core.store.update_run(run.id, {"task_ids": ()})
    core.build()
    await core.runs.enqueue_submit(run.id)
    assert len(core.engine.all_tasks) == 1


async def test_submit_is_retried_while_the_engine_is_unreachable(core: CoreHarness) -> None:
    core.engine.refusal = TemporaryError("away")
    run = await core.trigger()
    core.engine.refusal = None
    core.clock.turn(seconds=10)
    await core.do_jobs()
    assert (await core.run(run.id)).task_ids


async def test_a_run_that_the_engine_refuses_ends_with_its_error(core: CoreHarness) -> None:
    core.schedule = make_schedule(notify_enable=True, notify_on=NotifyOn.ALWAYS)
    core.engine.refusal = PermanentError("没有有效目标")
    run = await core.trigger()
    assert (run.status, run.error_msg, run.end_time) == (RunStatus.ERROR, "没有有效目标", NOW)
    assert run.export_status is ExportStatus.SKIPPED


async def test_a_run_ends_when_its_last_task_has(core: CoreHarness) -> None:
    core.schedule = make_schedule(targets=("a", "b"))
    run = await core.trigger()
    core.engine.end(run.task_ids[0])
    await core.watcher.tick()
    assert (await core.run(run.id)).status is RunStatus.RUNNING
    core.engine.end(run.task_ids[1], TaskStatus.ERROR, reason="连接被拒绝")
    core.clock.turn(seconds=9)
    await core.watcher.tick()
    ended = await core.run(run.id)
    assert (ended.status, ended.end_time) == (RunStatus.FINISHED, core.clock())
    assert ended.task_counts is not None
    assert (ended.task_counts.done, ended.task_counts.error) == (1, 1)
    assert ended.failures[0].reason == "连接被拒绝"


async def test_jobs_are_written_before_the_status(core: CoreHarness) -> None:
    run = await core.trigger()
    core.engine.end_all()
    await core.watcher.tick()
    kinds = [job.kind for job in await core.store.find_jobs(run_id=run.id)]
    assert kinds == ["submit", "export", "card", "file"]


async def test_a_crash_between_the_jobs_and_the_status_notifies_once(core: CoreHarness) -> None:
    run = await core.trigger()
    await core.finish()
    await core.store.update_run(run.id, {"status": RunStatus.RUNNING})
    await core.watcher.tick()
    await core.do_jobs()
    assert core.messenger.verbs() == ["card", "upload", "file"]
    assert (await core.run(run.id)).status is RunStatus.FINISHED


async def test_without_notify_enable_nothing_is_pushed(core: CoreHarness) -> None:
    core.schedule = make_schedule(send_to=(Destination.parse("group:cidA"),))
    run = await core.trigger()
    await core.finish()
    assert core.messenger.sent == []
    ended = await core.run(run.id)
    assert (ended.push_status, ended.export_status) == (PushStatus.SKIPPED, ExportStatus.SUCCESS)


async def test_a_stopped_run_ends_with_stopped_tasks(core: CoreHarness) -> None:
    run = await core.trigger()
    await core.runs.stop(run)
    await core.watcher.tick()
    ended = await core.run(run.id)
    assert ended.task_counts is not None
    assert (ended.status, ended.task_counts.stop) == (RunStatus.FINISHED, 1)


async def test_a_tick_takes_one_query_for_any_number_of_runs(core: CoreHarness) -> None:
    for number in range(20):
        await core.trigger(cause=f"cron:s1:{number}")
    core.engine.questions = 0
    await core.watcher.tick()
    assert core.engine.questions == 1


async def test_a_tick_takes_one_more_query_for_any_number_of_ended_runs(core: CoreHarness) -> None:
    for number in range(20):
        await core.trigger(cause=f"cron:s1:{number}")
    core.engine.questions = 0
    core.engine.end_all()
    assert await core.watcher.tick() == 20
    assert core.engine.questions == 2


async def test_unsubmitted_runs_are_checked_with_one_query(core: CoreHarness) -> None:
    for number in range(20):
        await core.runs.trigger(
            core.schedule, TriggerRequest(idempotency_key=f"cron:s1:{number}", trigger=Trigger.CRON)
        )
    core.clock.turn(seconds=10)
    queried: list[str] = []
    find = core.store.find_job

    async def counted(job_id: str) -> Job | None:
        queried.append(job_id)
        return await find(job_id)

    core.store.find_job = counted  # type: ignore[method-assign]
    await core.watcher.tick()
    assert queried == []


@pytest.mark.rescue(Rescue.SUBMIT_REPAIRED)
async def test_a_run_whose_submit_job_was_lost_gets_it_again(core: CoreHarness) -> None:
    run = await core.runs.trigger(core.schedule, REQUEST)
    await core.store._db.execute("delete from jobs")
    core.clock.turn(seconds=10)
    await core.watcher.tick()
    await core.do_jobs()
    assert (await core.run(run.id)).task_ids


async def test_a_run_ends_if_a_crash_followed_its_dead_submit_job(core: CoreHarness) -> None:
    core.engine.refusal = PermanentError("没有有效目标")
    run = await core.trigger()
    await core.store.update_run(run.id, {"status": RunStatus.RUNNING})
    core.clock.turn(seconds=10)
    await core.watcher.tick()
    assert (await core.run(run.id)).status is RunStatus.ERROR


def test_unknown_tasks_are_missing() -> None:
    tasks = {"t1": make_task(id="t1", status=TaskStatus.DONE, found={"site": 2})}
    counts = count_tasks(["t1", "t2"], tasks)
    assert (counts.total, counts.done, counts.missing, counts.found) == (2, 1, 1, {"site": 2})
    assert [f.status for f in list_failures(["t1", "t2"], tasks)] == [TaskStatus.MISSING]


async def test_a_submit_job_that_is_done_records_the_number_of_tasks(core: CoreHarness) -> None:
    run = await core.trigger()
    job = await core.store.find_job(f"submit:{run.id}")
    assert job is not None
    assert (job.state, job.result) == (JobState.DONE, {"tasks": 1})


async def test_the_watcher_survives_any_error_of_the_engine(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await core.trigger()
    answers: list[Exception] = [TemporaryError("away"), ZeroDivisionError()]
    ask = core.engine.tasks

    async def sometimes(task_ids: Collection[str]) -> Mapping[str, Task]:
        if answers:
            raise answers.pop(0)
        return await ask(task_ids)

    monkeypatch.setattr(core.engine, "tasks", sometimes)
    core.engine.end_all()
    watching = asyncio.create_task(core.watcher.run(interval_seconds=0.001))
    async with asyncio.timeout(5):
        while (await core.run(run.id)).status is RunStatus.RUNNING:  # noqa: ASYNC110 - the watcher's own pace
            await asyncio.sleep(0.001)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_a_run_that_cannot_be_ended_does_not_block_the_others(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    odd, good = await core.trigger(), await core.trigger(cause="cron:s1:2")
    finish = core.runs.finish

    async def sometimes(run: Run, tasks: Mapping[str, Task]) -> bool:
        if run.id == odd.id:
            raise TypeError("an odd document")
        return await finish(run, tasks)

    monkeypatch.setattr(core.runs, "finish", sometimes)
    core.engine.end_all()
    assert await core.watcher.tick() == 1
    assert (await core.run(good.id)).status is RunStatus.FINISHED
    assert "an odd document" in caplog.text


async def test_a_fresh_run_is_given_time_to_be_submitted(core: CoreHarness) -> None:
    await core.runs.trigger(core.schedule, REQUEST)
    assert await core.watcher.tick() == 0
    core.clock.turn(seconds=10)
    assert await core.watcher.tick() == 0


async def test_a_run_for_which_the_engine_creates_no_task_ends_in_error(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(run: Run) -> Sequence[str]:
        return []

    monkeypatch.setattr(core.engine, "submit", nothing)
    assert (await core.trigger()).status is RunStatus.ERROR


async def test_a_run_that_has_ended_is_not_submitted_again(core: CoreHarness) -> None:
    run = await core.finished_run()
    await core.store._db.execute("delete from jobs where kind = 'submit'")
    await core.runs.enqueue_submit(run.id)
    await core.do_jobs()
    await core.runs.fail(run.id, "too late")
    assert (await core.run(run.id)).status is RunStatus.FINISHED


async def test_a_deleted_task_keeps_its_target_among_the_failures(core: CoreHarness) -> None:
    schedule = make_schedule(targets=("a.example", "B.example", "c.example"))
    run = await core.trigger(schedule)
    del core.engine.all_tasks[run.task_ids[1]]
    await core.finish()
    (failure,) = (await core.run(run.id)).failures
    assert (failure.target, failure.status) == ("B.example", TaskStatus.MISSING)


async def test_missing_tasks_of_a_retry_are_those_that_it_repeated(core: CoreHarness) -> None:
    schedule = make_schedule(targets=("a.example", "b.example"))
    core.engine.known[:] = [schedule]
    first = await core.trigger(schedule)
    core.engine.end(first.task_ids[0])
    await core.finish(status=TaskStatus.ERROR)
    core.clock.turn(seconds=60)
    await core.say("重跑失败")
    again = max(await core.store.find_runs(), key=lambda run: run.start_time)
    del core.engine.all_tasks[again.task_ids[0]]
    await core.finish()
    assert [failure.target for failure in (await core.run(again.id)).failures] == ["b.example"]
