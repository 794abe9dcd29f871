"""ARL as the engine, with its database and by its API alone: what is seen, begun, stopped, refused."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.engines.arl.client import RefusedError
from bot.errors import PermanentError, TemporaryError
from bot.models import UNSUBMITTED, NotifyOn, Run, ScheduleState, TaskStatus
from tests.arl_sandbox.arl_fixture import ArlFixture, open_arl_fixture
from tests.factories import NOW, make_run, make_schedule
from tests.fakes import FakeClock

TARGETS = ("a.example.com", "1.1.1.1", "2.2.2.0/24")
NAMES = "周期任务-每日扫描-2"


@pytest.fixture(params=["with its database", "by its API alone"])
async def beside(request: pytest.FixtureRequest, clock: FakeClock) -> AsyncIterator[ArlFixture]:
    async with open_arl_fixture(clock, request.config if "database" in request.param else None) as beside:
        yield beside


async def a_run(beside: ArlFixture, *targets: str, tag: str = "task") -> Run:
    """A run of a schedule that ARL has."""
    targets = targets or TARGETS
    id_ = beside.database.add_schedule(target=" ".join(targets), task_tag=tag)
    await beside.database.flush()
    return make_run(
        schedule=make_schedule(id=id_, name="每日扫描", targets=targets), start_time=beside.clock()
    )


async def statuses(beside: ArlFixture, *ids: str) -> list[TaskStatus]:
    return [task.status for task in (await beside.engine.tasks(ids)).values()]


async def test_schedules_are_arl_s_own_with_their_switches(beside: ArlFixture) -> None:
    beside.database.add_schedule("每日扫描", "1.1.1.1, A.example.com")
    beside.database.add_schedule("一次性", schedule_type="future_scan", cron="", start_time=NOW.timestamp())
    beside.database.add_schedule("停了", status="stop", notify_on="failed")
    await beside.database.flush()
    daily, once, stopped = await beside.engine.schedules()
    assert (daily.name, daily.cron, daily.targets) == ("每日扫描", "0 3 * * *", ("1.1.1.1", "a.example.com"))
    assert (once.cron, once.at) == ("", NOW)
    assert (stopped.cron, stopped.notify_on) == ("", NotifyOn.FAILED)
    states = [ScheduleState.ACTIVE, ScheduleState.ACTIVE, ScheduleState.STOPPED]
    assert [each.state for each in (daily, once, stopped)] == states


@pytest.mark.parametrize("cron", ["0 3 1,15 * 1", "0 0 3 * * *", "@daily", "0 3 L * *x"])
async def test_a_cron_line_with_another_meaning_in_arl_is_dropped(beside: ArlFixture, cron: str) -> None:
    beside.database.add_schedule(cron=cron)
    await beside.database.flush()
    (schedule,) = await beside.engine.schedules()
    assert schedule.cron == ""


async def test_addresses_become_one_task_and_each_domain_its_own(beside: ArlFixture) -> None:
    run = await a_run(beside)
    ids = await beside.engine.submit(run)
    tasks = (await beside.engine.tasks(ids)).values()
    assert [task.target for task in tasks] == ["2.2.2.0/24 1.1.1.1", "a.example.com"]
    assert {task.run_id for task in tasks} == {run.id}


async def test_a_risk_schedule_becomes_one_risk_task(beside: ArlFixture) -> None:
    run = await a_run(beside, "1.1.1.1", "https://a.example.com/x", tag="risk_cruising")
    (id_,) = await beside.engine.submit(run)
    (task,) = (await beside.engine.tasks([id_])).values()
    assert task.target == "1.1.1.1 https://a.example.com/x"
    assert beside.database.tasks()[0]["task_tag"] == "risk_cruising"


async def test_tasks_lost_by_a_failing_broker_are_submitted_later_alone(beside: ArlFixture) -> None:
    run = await a_run(beside)
    beside.database.broker_capacity = 1
    with pytest.raises(TemporaryError, match="refused"):
        await beside.engine.submit(run)
    beside.database.broker_capacity = 9
    assert len(await beside.engine.submit(run)) == 2
    assert len(beside.database.tasks()) == 2


async def test_a_lost_answer_does_not_submit_twice(beside: ArlFixture) -> None:
    run = await a_run(beside)
    beside.arl.lost_responses = {"/api/task/policy/"}
    with pytest.raises(TemporaryError) as lost:
        await beside.engine.submit(run)
    assert lost.value.uncertain
    assert lost.value.retry_after is not None
    assert len(await beside.engine.submit(run)) == 2
    assert len(beside.database.tasks()) == 2


async def test_a_black_address_is_refused_in_arl_s_words(beside: ArlFixture) -> None:
    run = await a_run(beside)
    beside.database.blocked_addresses.add("1.1.1.1")
    with pytest.raises(RefusedError, match=r"1\.1\.1\.1 在黑名单IP中"):
        await beside.engine.submit(run)


async def test_a_policy_that_is_gone_is_refused_in_arl_s_words(beside: ArlFixture) -> None:
    run = await a_run(beside)
    beside.database.delete("policy", beside.database.policy)
    with pytest.raises(RefusedError, match="策略ID不存在"):
        await beside.engine.submit(run)


async def test_a_schedule_that_is_gone_is_refused(beside: ArlFixture) -> None:
    run = make_run(schedule=make_schedule(id="6" * 24))
    with pytest.raises(PermanentError, match="schedule_deleted"):
        await beside.engine.submit(run)


async def test_a_task_that_is_done_has_what_arl_counted(beside: ArlFixture) -> None:
    (id_,) = await beside.engine.submit(await a_run(beside, "a.example.com"))
    beside.database.begin_task(id_)
    await beside.turn(60)
    assert await statuses(beside, id_) == [TaskStatus.RUNNING]
    beside.database.add_results(
        id_, "site", {"site": "https://a.example.com"}, {"site": "https://b.a.example.com"}
    )
    beside.database.end_task(id_)
    await beside.turn(60)
    (task,) = (await beside.engine.tasks([id_])).values()
    assert (task.status, task.found, task.end_time) == (
        TaskStatus.DONE,
        {"site": 2},
        NOW + timedelta(seconds=60),
    )


@pytest.mark.parametrize("status", ["error", "stop"])
async def test_assets_of_a_failed_task_are_counted_by_dingrun(beside: ArlFixture, status: str) -> None:
    (id_,) = await beside.engine.submit(await a_run(beside, "a.example.com"))
    beside.database.add_results(id_, "vuln", {"target": "a.example.com"})
    beside.database.end_task(id_, status)
    await beside.turn(60)
    (task,) = (await beside.engine.tasks([id_])).values()
    assert (task.status.value, task.found) == (status, {"vuln": 1})


async def test_done_counts_when_it_was_seen_twice_or_has_its_end_time(beside: ArlFixture) -> None:
    (id_,) = await beside.engine.submit(await a_run(beside, "a.example.com"))
    beside.database.change("task", id_, status="done", statistic={"site_cnt": 1})
    await beside.turn(60)
    assert await statuses(beside, id_) == [TaskStatus.RUNNING]
    assert await statuses(beside, id_) == [TaskStatus.DONE]


async def test_a_stop_that_the_dying_worker_wrote_over_is_a_stop(beside: ArlFixture) -> None:
    (id_,) = await beside.engine.submit(await a_run(beside, "a.example.com"))
    beside.database.begin_task(id_)
    await beside.engine.stop([id_])
    beside.database.change("task", id_, status="site_identify")
    await beside.turn(60)
    assert await statuses(beside, id_) == [TaskStatus.STOP]


async def test_a_task_that_somebody_deleted_is_unknown(beside: ArlFixture) -> None:
    ids = await beside.engine.submit(await a_run(beside))
    beside.database.delete("task", ids[0])
    await beside.turn(60)
    assert list(await beside.engine.tasks(ids)) == [ids[1]]


async def test_a_stop_tells_which_tasks_would_not_and_why(beside: ArlFixture) -> None:
    ids = await beside.engine.submit(await a_run(beside))
    beside.database.end_task(ids[0])
    beside.database.change("task", ids[1], celery_id="")
    await beside.turn(60)
    done, left = (await beside.engine.stop(ids)).values()
    assert (done.status, left.status, left.reason) == (
        TaskStatus.DONE,
        TaskStatus.WAITING,
        "没有找到celery_id",
    )


async def test_a_stop_that_arl_says_and_does_not_do_is_seen(beside: ArlFixture) -> None:
    ids = await beside.engine.submit(await a_run(beside, "a.example.com"))
    beside.arl.ignore_stop = True
    (task,) = (await beside.engine.stop(ids)).values()
    assert task.status is TaskStatus.WAITING


async def test_failed_tasks_begin_again_and_are_found_by_name(beside: ArlFixture) -> None:
    ids = await beside.engine.submit(await a_run(beside))
    for id_ in ids:
        beside.database.end_task(id_, "error")
    await beside.turn(60)
    again = make_run(start_time=beside.clock())
    fresh = await beside.engine.restart(again, ids)
    assert [beside.database.tables["task"][id_]["name"][:5] for id_ in fresh] == ["重新运行-"] * 2
    assert await beside.engine.restart(again, ids) == fresh
    assert len(beside.database.tasks()) == 4


async def test_a_lost_answer_does_not_begin_a_task_twice(beside: ArlFixture) -> None:
    run = await a_run(beside, "a.example.com")
    ids = await beside.engine.submit(run)
    beside.database.end_task(ids[0], "error")
    await beside.turn(60)
    again = make_run(schedule=run.schedule, start_time=beside.clock())
    beside.arl.lost_responses = {"/api/task/restart/"}
    with pytest.raises(TemporaryError):
        await beside.engine.restart(again, ids)
    (fresh,) = await beside.engine.restart(again, ids)
    assert [task["_id"] for task in beside.database.tasks("重新运行-")] == [fresh]


async def test_a_second_restart_is_not_taken_for_the_first(beside: ArlFixture) -> None:
    run = await a_run(beside, "a.example.com")
    ids = await beside.engine.submit(run)
    begun: list[str] = []
    for _ in range(2):
        beside.database.end_task(ids[0], "error")
        await beside.turn(600)
        ids = await beside.engine.restart(make_run(schedule=run.schedule, start_time=beside.clock()), ids)
        begun += ids
    assert len(set(begun)) == 2
    assert len(beside.database.tasks("重新运行-重跑-每日扫描")) == 2


async def test_a_clock_of_arl_that_is_behind_makes_no_second_restart(beside: ArlFixture) -> None:
    run = await a_run(beside, "a.example.com")
    ids = await beside.engine.submit(run)
    beside.database.end_task(ids[0], "error")
    await beside.database.flush()
    again = make_run(schedule=run.schedule, start_time=beside.clock() + timedelta(hours=2))
    (fresh,) = await beside.engine.restart(again, ids)
    assert [task["_id"] for task in beside.database.tasks("重新运行-")] == [fresh]


async def test_what_arl_will_not_begin_again_is_submitted_anew(beside: ArlFixture) -> None:
    run = await a_run(beside)
    ids = await beside.engine.submit(run)
    beside.database.end_task(ids[0], "error")
    beside.database.begin_task(ids[1], "stuck_for_ever")
    await beside.turn(73 * 3600)
    assert await statuses(beside, *ids) == [TaskStatus.ERROR, TaskStatus.MISSING]
    again = replace(make_run(start_time=beside.clock()), schedule=run.schedule)
    fresh = await beside.engine.restart(again, ids)
    names = [beside.database.tables["task"][id_]["name"] for id_ in fresh]
    assert [name[:5] for name in names] == ["重新运行-", "重跑-每日"]


async def test_a_run_of_arl_s_own_is_found_with_what_it_lacks(beside: ArlFixture) -> None:
    id_ = beside.database.add_schedule(target="1.1.1.1 a.example.com")
    beside.database.broker_capacity = 1
    beside.scheduler.run(id_)
    await beside.grace()
    (run,) = await beside.engine.external_runs(NOW - timedelta(hours=1))
    tasks = (await beside.engine.tasks(run.task_ids)).values()
    assert (run.idempotency_key, run.start_time, run.schedule.notify_enable) == (f"arl:{id_}:1", NOW, True)
    assert [(task.target, task.status) for task in tasks] == [
        ("1.1.1.1", TaskStatus.WAITING),
        ("a.example.com", TaskStatus.MISSING),
    ]


async def test_what_never_came_is_submitted_when_it_is_repeated(beside: ArlFixture) -> None:
    id_ = beside.database.add_schedule(target="a.example.com")
    beside.database.broker_capacity = 0
    beside.scheduler.run(id_)
    await beside.grace()
    (started,) = await beside.engine.external_runs(NOW - timedelta(hours=1))
    assert started.task_ids[0].startswith(UNSUBMITTED)
    beside.database.broker_capacity = 1
    again = make_run(schedule=started.schedule, start_time=beside.clock())
    (fresh,) = await beside.engine.restart(again, started.task_ids)
    assert beside.database.tables["task"][fresh]["target"] == "a.example.com"


async def test_when_nothing_is_left_to_begin_again_it_is_refused(beside: ArlFixture) -> None:
    run = await a_run(beside, "a.example.com")
    ids = await beside.engine.submit(run)
    beside.database.delete("task", ids[0])
    await beside.turn(60)
    with pytest.raises(PermanentError, match="tasks_deleted"):
        await beside.engine.restart(make_run(schedule=run.schedule), ids)


async def test_a_thousand_tasks_are_one_question_to_the_database(
    request: pytest.FixtureRequest, clock: FakeClock
) -> None:
    async with open_arl_fixture(clock, request.config) as beside:
        ids = [
            beside.database.add_task(f"t{number}", "domain", f"{number}.example.com") for number in range(300)
        ]
        await beside.database.flush()
        assert list(await beside.engine.tasks(ids)) == ids
        assert beside.arl.requests == []
