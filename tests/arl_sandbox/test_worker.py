"""The fake workers: stages, results, and the ways in which tasks end."""

from typing import Any

import pytest

from arl_sandbox.database import RESULT_TABLES
from arl_sandbox.policies import new_policy, task_options
from arl_sandbox.tasks import TaskRequest, stop, submit
from arl_sandbox.worker import enabled_stages
from tests.arl_sandbox.conftest import ArlProcesses


def begun(living: ArlProcesses, target: str = "a.example.com", **changes: Any) -> list[str]:
    """Queue tasks with a policy that enables everything."""
    tag = changes.pop("tag", "task")
    options = task_options(new_policy("全"), tag) | changes
    steps = submit(living.database, TaskRequest(name="t", target=target, tag=tag, options=options))
    return [id_ for step, id_ in steps if step == "published"]


async def seen(living: ArlProcesses, id_: str, *fields: str, seconds: float = 400) -> list[tuple[Any, ...]]:
    """Return the distinct states of a task that a reader sees."""
    found: list[tuple[Any, ...]] = []
    end = living.database.clock().timestamp() + seconds
    while living.database.clock().timestamp() < end:
        await living.timeline.step()
        shown = tuple(living.task(id_).get(field) for field in fields)
        found += [shown] if shown not in found[-1:] else []
    return found


async def test_a_task_passes_its_stages_and_is_done_before_it_has_an_end(living: ArlProcesses) -> None:
    (id_,) = begun(living)
    told = await seen(living, id_, "status", "end_time")
    stages = [status for status, _ in told[:-2]]
    assert stages[:3] == ["domain_brute", "dns_query_plugin", "arl_search"]
    assert stages[-1] == "weak_brute"
    assert [status for status, _ in told[-2:]] == ["done", "done"]
    assert [end == "-" for _, end in told[-2:]] == [True, False]


async def test_what_is_counted_is_there_before_it_is_done(living: ArlProcesses) -> None:
    (id_,) = begun(living)
    told = await seen(living, id_, "status", "statistic")
    assert next(status for status, counts in told if counts) == "weak_brute"
    assert living.task(id_)["statistic"]["site_cnt"] == 3


async def test_things_of_every_kind_appear_while_it_works(living: ArlProcesses) -> None:
    (id_,) = begun(living)
    await living.timeline.run(101)
    assert living.task(id_)["status"] not in {"waiting", "done"}
    early = {kind for kind in RESULT_TABLES if living.database.tables[kind]}
    await living.timeline.run(400)
    assert {"domain", "ip"} <= early < set(RESULT_TABLES)
    assert {kind for kind in RESULT_TABLES if living.database.tables[kind]} == set(RESULT_TABLES)
    assert all(find["task_id"] == id_ for find in living.database.tables["site"].values())


async def test_finished_stages_are_kept_with_their_seconds(living: ArlProcesses) -> None:
    (id_,) = begun(living)
    await living.timeline.run(400)
    assert living.task(id_)["service"][0] == {"name": "domain_brute", "elapsed": 10}


async def test_a_task_does_only_what_its_options_say(living: ArlProcesses) -> None:
    (id_,) = begun(living, port_scan=False, poc_config=[], nuclei_scan=False)
    assert not {"port_scan", "poc_run", "nuclei_scan"} & set(enabled_stages(living.task(id_)))
    await living.timeline.run(400)
    assert not living.database.tables["nuclei_result"]


async def test_addresses_are_not_looked_for_as_domains(living: ArlProcesses) -> None:
    (id_,) = begun(living, "192.0.2.1 192.0.2.8/30")
    assert "domain_brute" not in enabled_stages(living.task(id_))
    await living.timeline.run(400)
    found = [find["ip"] for find in living.database.tables["ip"].values()]
    assert sorted(found) == ["192.0.2.1", "192.0.2.10", "192.0.2.8", "192.0.2.9"]
    assert all("domain" not in find for find in living.database.tables["ip"].values())


async def test_a_risk_task_tells_how_far_it_is(living: ArlProcesses) -> None:
    (id_,) = begun(living, "1.1.1.1", tag="risk_cruising")
    told = [status for (status,) in await seen(living, id_, "status")]
    assert told[-9:] == [
        "PoC", "poc 1/3", "poc 2/3", "poc 3/3", "weak_brute", "brute 1/3", "brute 2/3", "brute 3/3", "done",
    ]  # fmt: skip


async def test_two_tasks_at_a_time_the_third_waits(living: ArlProcesses) -> None:
    ids = begun(living, "a.example.com b.example.com c.example.com")
    await living.timeline.run(20)
    assert sorted(living.task(id_)["status"] == "waiting" for id_ in ids) == [False, False, True]


@pytest.mark.parametrize(("target", "has_end"), [("a.example.com", True), ("1.1.1.1", False)])
async def test_a_failed_task_of_addresses_never_has_an_end(
    living: ArlProcesses, target: str, has_end: bool
) -> None:
    living.worker.flaky_targets.add(target)
    (id_,) = begun(living, target)
    await living.timeline.run(4000)
    task = living.task(id_)
    assert (task["status"], task["end_time"] != "-", "statistic" in task) == ("error", has_end, False)
    assert living.database.tables["ip"]  # what was found before is there


async def test_a_shaky_target_fails_at_every_odd_try(living: ArlProcesses) -> None:
    living.worker.flaky_targets.add("a.example.com")
    ends = []
    for _ in range(3):
        (id_,) = begun(living)
        await living.timeline.run(400)
        ends.append(living.task(id_)["status"])
    assert ends == ["error", "done", "error"]


def stopped(living: ArlProcesses, id_: str, *, fork: bool = False) -> list[tuple[str, bool]]:
    """Return the status and whether an end time is set, after each write of a stop."""
    task = living.task(id_)
    return [(task["status"], task["end_time"] != "-") for _ in stop(living.database, task, fork=fork)]


async def test_a_stop_and_its_end_are_two_writes(living: ArlProcesses) -> None:
    (id_,) = begun(living)
    await living.timeline.run(15)
    assert stopped(living, id_) == [("stop", False), ("stop", True)]
    await living.timeline.run(400)
    assert living.task(id_)["status"] == "stop"


async def test_the_fork_s_dying_worker_says_error_first(living: ArlProcesses) -> None:
    (id_,) = begun(living)
    await living.timeline.run(15)
    assert [status for status, _ in stopped(living, id_, fork=True)] == ["error", "stop", "stop"]
    assert living.task(id_)["interrupted"] is True


async def test_a_dying_worker_may_write_over_the_stop(living: ArlProcesses) -> None:
    living.worker.overwrite_stop_with_stage = True
    (id_,) = begun(living)
    await living.timeline.run(15)
    stopped(living, id_)
    await living.timeline.run(400)
    task = living.task(id_)
    assert task["status"] in enabled_stages(task)
    assert task["end_time"] != "-"


@pytest.mark.parametrize(("target", "ends"), [("a.example.com", True), ("1.1.1.1", False)])
async def test_a_dying_worker_may_write_error_over_the_stop(
    living: ArlProcesses, target: str, *, ends: bool
) -> None:
    living.worker.overwrite_stop_with_error = True
    (id_,) = begun(living, target)
    await living.timeline.run(15)
    living.database.revoked.add(id_)
    await living.timeline.run(400)
    task = living.task(id_)
    assert (task["status"], task["end_time"] != "-") == ("error", ends)


async def test_a_stopped_task_in_the_queue_runs_after_a_restart_of_the_workers(living: ArlProcesses) -> None:
    (id_,) = begun(living)
    stopped(living, id_)
    living.worker.restart()
    await living.timeline.run(400)
    assert living.task(id_)["status"] == "done"


async def test_a_stopped_risk_task_in_the_queue_never_runs(living: ArlProcesses) -> None:
    (id_,) = begun(living, tag="risk_cruising")
    stopped(living, id_)
    living.worker.restart()
    await living.timeline.run(400)
    assert living.task(id_)["status"] == "stop"


async def test_a_task_of_killed_workers_stays_where_it_was(living: ArlProcesses) -> None:
    (id_,) = begun(living)
    await living.timeline.run(15)
    stuck = living.task(id_)["status"]
    living.worker.restart()
    await living.timeline.run(4000)
    assert (living.task(id_)["status"], living.task(id_)["end_time"]) == (stuck, "-")
    (next_one,) = begun(living)
    await living.timeline.run(400)
    assert living.task(next_one)["status"] == "done"


async def test_a_task_deleted_while_it_runs_stays_deleted(living: ArlProcesses) -> None:
    (id_,) = begun(living)
    await living.timeline.run(15)
    living.database.delete("task", id_)
    await living.timeline.run(400)
    assert not living.database.tables["task"]
