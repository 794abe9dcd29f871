"""The fork that keeps records of its runs, pushes by itself, and answers from a cache."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.engines.arl.schedules import parse_schedule
from bot.models import Channel, NotifyOn
from tests.arl_sandbox.arl_fixture import ArlFixture, open_arl_fixture
from tests.factories import NOW, make_run, make_schedule
from tests.fakes import FakeClock

SINCE = NOW - timedelta(hours=1)


@pytest.fixture
async def fork(request: pytest.FixtureRequest, clock: FakeClock) -> AsyncIterator[ArlFixture]:
    async with open_arl_fixture(clock, request.config, fork=True) as beside:
        yield beside


async def test_a_run_is_what_the_record_says(fork: ArlFixture) -> None:
    id_ = fork.database.add_schedule(target="1.1.1.1 a.example.com")
    ids = fork.scheduler.run(id_)
    await fork.database.flush()
    (run,) = await fork.engine.external_runs(SINCE)
    assert (run.idempotency_key, list(run.task_ids)) == (f"arl:{id_}:1", ids)


async def test_a_run_is_detected_by_its_tasks_before_its_record_exists(fork: ArlFixture) -> None:
    id_ = fork.database.add_schedule(target="1.1.1.1 a.example.com")
    causes = []
    for _ in fork.scheduler.fire(id_):
        await fork.database.flush()
        causes.append([run.idempotency_key for run in await fork.engine.external_runs(SINCE)])
    assert causes == [[], [], [f"arl:{id_}:1"], [f"arl:{id_}:1"]]


async def test_a_trigger_without_a_record_is_found_by_its_tasks(fork: ArlFixture) -> None:
    id_ = fork.database.add_schedule(target="1.1.1.1 a.example.com")
    fork.database.broker_capacity = 1
    fork.scheduler.run(id_)
    await fork.grace()
    (run,) = await fork.engine.external_runs(SINCE)
    assert [id_[:12] for id_ in run.task_ids][1:] == ["unsubmitted:"]


async def test_a_record_without_tasks_lacks_the_whole_schedule(fork: ArlFixture) -> None:
    id_ = fork.database.add_schedule(target="1.1.1.1 a.example.com")
    fork.database.insert(
        "task_schedule_run",
        {"schedule_id": id_, "run_number": 1, "task_ids": [], "start_time": int(NOW.timestamp())},
    )
    await fork.database.flush()
    (run,) = await fork.engine.external_runs(SINCE)
    (task,) = (await fork.engine.tasks(run.task_ids)).values()
    assert task.target == "1.1.1.1 a.example.com"


async def test_a_run_of_a_schedule_that_is_gone_keeps_its_name(fork: ArlFixture) -> None:
    id_ = fork.database.add_schedule("临时")
    fork.scheduler.run(id_)
    fork.database.delete("task_schedule", id_)
    await fork.database.flush()
    (run,) = await fork.engine.external_runs(SINCE)
    assert (run.schedule.id, run.schedule.name) == (id_, "临时")


@pytest.mark.parametrize(("said", "names"), [("success", ["每日扫描"]), ("error", []), ("skip", [])])
async def test_arl_pushes_when_a_record_says_it_did(fork: ArlFixture, said: str, names: list[str]) -> None:
    id_ = fork.database.add_schedule(notify_enable=True)
    fork.scheduler.run(id_)
    for record in list(fork.database.tables["task_schedule_run"]):
        fork.database.change("task_schedule_run", record, push_status=said)
    await fork.database.flush()
    assert list(await fork.engine.diagnostics.pushing_schedules()) == names


async def test_without_records_enabled_schedules_count_as_possibly_pushing(
    fork: ArlFixture,
) -> None:
    fork.database.add_schedule("开了", notify_enable=True)
    fork.database.add_schedule("没写")
    await fork.database.flush()
    assert list(await fork.engine.diagnostics.possibly_pushing_schedules()) == ["开了"]
    assert list(await fork.engine.diagnostics.pushing_schedules()) == []


async def test_records_of_failed_pushes_overrule_enabled_schedules(fork: ArlFixture) -> None:
    id_ = fork.database.add_schedule(notify_enable=True)
    fork.scheduler.run(id_)
    for record in list(fork.database.tables["task_schedule_run"]):
        fork.database.change("task_schedule_run", record, push_status="error")
    await fork.database.flush()
    assert [
        *await fork.engine.diagnostics.pushing_schedules(),
        *await fork.engine.diagnostics.possibly_pushing_schedules(),
    ] == []


@pytest.mark.parametrize(("first", "then", "names"), [
    ("success", "error", []), ("error", "success", ["每日扫描"]), ("success", "skip", ["每日扫描"]),
    ("skip", "pending", []),
])  # fmt: skip
async def test_the_newest_attempted_push_shows_if_arl_still_pushes(
    fork: ArlFixture, first: str, then: str, names: list[str]
) -> None:
    id_ = fork.database.add_schedule(notify_enable=True)
    for said in (first, then):
        fork.scheduler.run(id_)
        fork.database.change(
            "task_schedule_run", list(fork.database.tables["task_schedule_run"])[-1], push_status=said
        )
        await fork.turn(3600)
    assert list(await fork.engine.diagnostics.pushing_schedules()) == names
    maybe = await fork.engine.diagnostics.possibly_pushing_schedules()
    assert bool(maybe) is ({first, then} == {"skip", "pending"})


async def test_by_the_api_alone_no_push_is_reported(clock: FakeClock) -> None:
    async with open_arl_fixture(clock, None, fork=True) as beside:
        for task in beside.scheduler.run(beside.database.add_schedule(notify_enable=True)):
            beside.database.end_task(task)
        assert list(await beside.engine.diagnostics.pushing_schedules()) == []
        assert list(await beside.engine.diagnostics.possibly_pushing_schedules()) == ["每日扫描"]


async def test_by_its_api_alone_the_cache_of_a_minute_is_asked_past(clock: FakeClock) -> None:
    async with open_arl_fixture(clock, None, fork=True) as beside:
        id_ = beside.database.add_schedule(target="a.example.com")
        schedule = make_schedule(id=id_, targets=("a.example.com",))
        ids = await beside.engine.submit(make_run(schedule=schedule, start_time=clock()))
        beside.arl.cache_races = True
        before = await beside.engine.tasks(ids)
        beside.database.end_task(ids[0])
        clock.turn(seconds=11)
        after = await beside.engine.tasks(ids)
        assert [before[ids[0]].status.value, after[ids[0]].status.value] == ["waiting", "done"]


SWITCHES = ("notify_enable", "notify_channel", "notify_on")


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        ({}, (False, Channel.DINGDING, NotifyOn.FINISHED)),
        ({"notify_enable": False}, (False, Channel.DINGDING, NotifyOn.FINISHED)),
        ({"notify_enable": True}, (True, Channel.DINGDING, NotifyOn.FINISHED)),
        ({"notify_enable": "true"}, (False, Channel.DINGDING, NotifyOn.FINISHED)),
        ({"notify_on": "always", "notify_channel": "webhook"}, (False, Channel.WEBHOOK, NotifyOn.ALWAYS)),
        ({"notify_enable": True, "notify_channel": "feishu"}, (True, Channel.DINGDING, NotifyOn.FINISHED)),
        ({"notify_enable": True, "notify_on": None}, (True, Channel.DINGDING, NotifyOn.FINISHED)),
    ],
)
def test_notification_fields_of_a_fork_are_read_and_default_to_off(
    said: dict[str, object], understood: tuple[object, ...]
) -> None:
    schedule = parse_schedule({"_id": "5" * 24, "name": "每日扫描", **said})
    assert tuple(getattr(schedule, switch) for switch in SWITCHES) == understood
