"""What the fork writes down of its runs, and how it tells DingTalk: once, twice, late or never."""

from typing import Any

import pytest

from arl_sandbox import ArlDatabase, ArlScheduler, Pushing
from arl_sandbox.records import looked_after
from tests.arl_sandbox.world import TurnedWorld


@pytest.fixture
def fork(world: TurnedWorld) -> ArlScheduler:
    return ArlScheduler(world, fork=True, pushing=Pushing(works=True, seconds=40))


def ran(fork: ArlScheduler, world: ArlDatabase, *statuses: str, **changes: Any) -> dict[str, Any]:
    """The record of a run whose tasks have ended like this, after the scheduler has looked."""
    id_ = world.schedule(target="1.1.1.1 a.example.com", **changes)
    for task, status in zip(fork.run(id_), statuses, strict=True):
        if status == "missing":
            world.delete("task", task)
        elif status != "waiting":
            world.end(task, status)
    list(looked_after(world, fork.pushing))
    (record,) = world.tables["task_schedule_run"].values()
    return record


def test_a_record_is_complete_when_it_appears(fork: ArlScheduler, world: TurnedWorld) -> None:
    id_ = world.schedule(target="1.1.1.1 a.example.com")
    seen = [len(world.tables["task_schedule_run"]) for _ in fork.fire(id_)]
    assert seen == [0, 0, 0, 1]
    (record,) = world.tables["task_schedule_run"].values()
    assert record["task_ids"] == list(world.tables["task"])
    assert (record["summary"]["total"], record["summary"]["waiting"]) == (2, 2)
    assert world.tasks()[0]["options"]["from_task_schedule"] is True


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
    fork: ArlScheduler, world: TurnedWorld, statuses: tuple[str, ...], status: str, push: str
) -> None:
    record = ran(fork, world, *statuses)
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
    fork: ArlScheduler, world: TurnedWorld, changes: dict[str, Any], pushed: list[str]
) -> None:
    ran(fork, world, "done", "error", **changes)
    assert fork.pushing.pushed == pushed


def test_a_push_that_fails_is_never_tried_again(fork: ArlScheduler, world: TurnedWorld) -> None:
    fork.pushing.works = False
    assert ran(fork, world, "done", "done")["push_status"] == "error"
    fork.pushing.works = True
    list(looked_after(world, fork.pushing))
    assert fork.pushing.pushed == []


def test_killed_after_the_push_it_pushes_again(fork: ArlScheduler, world: TurnedWorld) -> None:
    for task in fork.run(world.schedule(target="a.example.com")):
        world.end(task)
    next(looked_after(world, fork.pushing))  # the process ends here
    list(looked_after(world, fork.pushing))
    assert fork.pushing.pushed == ["每日扫描"] * 2


def test_a_push_holds_up_the_scheduler(fork: ArlScheduler, world: TurnedWorld) -> None:
    for task in fork.run(world.schedule(target="a.example.com")):
        world.end(task)
    assert sum(fork.one_pass()) > 40


def test_stopped_and_failed_tasks_count_as_nothing(fork: ArlScheduler, world: TurnedWorld) -> None:
    id_ = world.schedule(target="a.example.com")
    (task,) = fork.run(id_)
    world.find(task, "site", {"site": "https://a.example.com"})
    world.end(task, "stop")
    list(looked_after(world, fork.pushing))
    (record,) = world.tables["task_schedule_run"].values()
    assert record["summary"]["site_cnt"] == 0


def test_what_others_write_into_a_record_meanwhile_is_lost(fork: ArlScheduler, world: TurnedWorld) -> None:
    for task in fork.run(world.schedule(target="a.example.com")):
        world.end(task)
    looking = looked_after(world, fork.pushing)
    next(looking)
    (id_,) = world.tables["task_schedule_run"]
    world.change("task_schedule_run", id_, ours="x")
    list(looking)
    assert "ours" not in world.tables["task_schedule_run"][id_]


def test_a_broker_that_fails_leaves_no_record(fork: ArlScheduler, world: TurnedWorld) -> None:
    world.publish_left = 1
    fork.run(world.schedule(target="1.1.1.1 a.example.com"))
    assert not world.tables["task_schedule_run"]
