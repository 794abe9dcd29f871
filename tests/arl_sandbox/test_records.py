"""The fork's run records and pushes: once, twice, late or never."""

from typing import Any

import pytest

from arl_sandbox import ArlDatabase, ArlScheduler, PushBehavior
from arl_sandbox.records import update_records
from tests.arl_sandbox.database import FakeClockDatabase


@pytest.fixture
def fork(database: FakeClockDatabase) -> ArlScheduler:
    return ArlScheduler(database, fork=True, pushing=PushBehavior(works=True, seconds=40))


def ran(fork: ArlScheduler, database: ArlDatabase, *statuses: str, **changes: Any) -> dict[str, Any]:
    """Return the record of a run whose tasks ended with these states, after a scheduler pass."""
    id_ = database.add_schedule(target="1.1.1.1 a.example.com", **changes)
    for task, status in zip(fork.run(id_), statuses, strict=True):
        if status == "missing":
            database.delete("task", task)
        elif status != "waiting":
            database.end_task(task, status)
    list(update_records(database, fork.pushing))
    (record,) = database.tables["task_schedule_run"].values()
    return record


def test_a_record_is_complete_when_it_appears(fork: ArlScheduler, database: FakeClockDatabase) -> None:
    id_ = database.add_schedule(target="1.1.1.1 a.example.com")
    seen = [len(database.tables["task_schedule_run"]) for _ in fork.fire(id_)]
    assert seen == [0, 0, 0, 1]
    (record,) = database.tables["task_schedule_run"].values()
    assert record["task_ids"] == list(database.tables["task"])
    assert (record["summary"]["total"], record["summary"]["waiting"]) == (2, 2)
    assert database.tasks()[0]["options"]["from_task_schedule"] is True


@pytest.mark.parametrize(
    ("statuses", "status", "push"),
    [
        (("done", "done"), "finished", "success"),
        (("done", "error"), "error", "skip"),
        (("done", "stop"), "error", "skip"),
        (("done", "missing"), "error", "skip"),
        (("done", "waiting"), "running", "pending"),
    ],
)
def test_a_run_is_over_when_its_tasks_are(
    fork: ArlScheduler, database: FakeClockDatabase, statuses: tuple[str, ...], status: str, push: str
) -> None:
    record = ran(fork, database, *statuses)
    assert (record["status"], record["push_status"]) == (status, push)
    assert (record["end_time"] == 0) is (status == "running")


@pytest.mark.parametrize(
    ("changes", "pushed"),
    [
        ({}, []),
        ({"notify_on": "failed"}, ["每日扫描"]),
        ({"notify_on": "always"}, ["每日扫描"]),
        ({"notify_on": "always", "notify_enable": False}, []),
    ],
)
def test_a_failure_is_told_only_where_somebody_asked_for_it(
    fork: ArlScheduler, database: FakeClockDatabase, changes: dict[str, Any], pushed: list[str]
) -> None:
    ran(fork, database, "done", "error", **changes)
    assert fork.pushing.pushed == pushed


def test_a_push_that_fails_is_never_tried_again(fork: ArlScheduler, database: FakeClockDatabase) -> None:
    fork.pushing.works = False
    assert ran(fork, database, "done", "done")["push_status"] == "error"
    fork.pushing.works = True
    list(update_records(database, fork.pushing))
    assert fork.pushing.pushed == []


def test_killed_after_the_push_it_pushes_again(fork: ArlScheduler, database: FakeClockDatabase) -> None:
    for task in fork.run(database.add_schedule(target="a.example.com")):
        database.end_task(task)
    next(update_records(database, fork.pushing))  # the process ends here
    list(update_records(database, fork.pushing))
    assert fork.pushing.pushed == ["每日扫描"] * 2


def test_a_push_holds_up_the_scheduler(fork: ArlScheduler, database: FakeClockDatabase) -> None:
    for task in fork.run(database.add_schedule(target="a.example.com")):
        database.end_task(task)
    assert sum(fork.run_pass()) > 40


def test_stopped_and_failed_tasks_count_as_nothing(fork: ArlScheduler, database: FakeClockDatabase) -> None:
    id_ = database.add_schedule(target="a.example.com")
    (task,) = fork.run(id_)
    database.add_results(task, "site", {"site": "https://a.example.com"})
    database.end_task(task, "stop")
    list(update_records(database, fork.pushing))
    (record,) = database.tables["task_schedule_run"].values()
    assert record["summary"]["site_cnt"] == 0


def test_what_others_write_into_a_record_meanwhile_is_lost(
    fork: ArlScheduler, database: FakeClockDatabase
) -> None:
    for task in fork.run(database.add_schedule(target="a.example.com")):
        database.end_task(task)
    looking = update_records(database, fork.pushing)
    next(looking)
    (id_,) = database.tables["task_schedule_run"]
    database.change("task_schedule_run", id_, ours="x")
    list(looking)
    assert "ours" not in database.tables["task_schedule_run"][id_]


def test_a_broker_that_fails_leaves_no_record(fork: ArlScheduler, database: FakeClockDatabase) -> None:
    database.broker_capacity = 1
    fork.run(database.add_schedule(target="1.1.1.1 a.example.com"))
    assert not database.tables["task_schedule_run"]
