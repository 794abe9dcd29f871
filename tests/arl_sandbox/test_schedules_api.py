"""The schedule endpoints of the fake ARL."""

from datetime import timedelta
from typing import Any

import pytest

from arl_sandbox import ZONE
from tests.arl_sandbox.conftest import Caller
from tests.arl_sandbox.database import FakeClockDatabase
from tests.factories import NOW

FORK = pytest.mark.parametrize("caller", ["fork"], indirect=True)
NOBODY = "f" * 24
TOMORROW = (NOW + timedelta(days=1)).astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")


async def create(caller: Caller, **changes: Any) -> dict[str, Any]:
    body = {
        "name": "每日",
        "target": "A.example.com 1.1.1.1 a.example.com",
        "schedule_type": "recurrent_scan",
        "policy_id": caller.arl.database.policy,
        "task_tag": "task",
        "cron": "0 3 * * *",
    }
    return await caller.post("/task_schedule/", **body | changes)


async def test_a_schedule_is_kept_as_arl_keeps_it(caller: Caller) -> None:
    made = (await create(caller))["data"]
    assert made["target"] == "1.1.1.1 a.example.com"
    assert made["next_run_date"].endswith("03:00:00")
    assert (made["status"], made["run_number"], made["last_run_date"]) == ("scheduled", 0, "-")
    assert "notify_enable" not in made


async def test_a_target_without_addresses_begins_with_a_blank(caller: Caller) -> None:
    assert (await create(caller, target="b.example.com a.example.com"))["data"][
        "target"
    ] == " b.example.com a.example.com"


async def test_a_scan_of_the_future_has_its_time_twice(caller: Caller) -> None:
    made = (await create(caller, schedule_type="future_scan", start_date=TOMORROW))["data"]
    assert made["start_time"] == (NOW + timedelta(days=1)).timestamp()
    assert (made["start_date"], made["next_run_date"], made["cron"]) == (TOMORROW, TOMORROW, "")


FUTURE = {"schedule_type": "future_scan"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"schedule_type": "sometimes"}, 1601),
        ({"task_tag": "monitor"}, 1603),
        (FUTURE | {"start_date": "tomorrow"}, 1602),
        (FUTURE | {"start_date": "2020-01-01 00:00:00"}, 1604),
        ({"cron": "x"}, 1502),
        ({"cron": "0 * * * *"}, 700),
        ({"policy_id": NOBODY}, 1100),
        ({"target": " "}, 706),
        ({"target": "bar"}, 500),
    ],
)
async def test_a_schedule_is_refused(
    caller: Caller, database: FakeClockDatabase, changes: dict[str, str], code: int
) -> None:
    assert (await create(caller, **changes))["code"] == code
    assert not database.tables["task_schedule"]


@FORK
async def test_the_fork_pushes_unless_told_otherwise(caller: Caller) -> None:
    said = ["notify_enable", "notify_channel", "notify_on"]
    made = (await create(caller))["data"]
    assert [made[name] for name in said] == [True, "dingding", "finished"]
    made = (await create(caller, notify_enable=False, notify_on="failed"))["data"]
    assert [made[name] for name in said] == [False, "dingding", "failed"]
    assert (await create(caller, notify_channel="wechat"))["code"] == 999


async def test_a_malformed_policy_is_a_crash(caller: Caller) -> None:
    body = {"name": "x", "target": "a.example.com", "task_tag": "task", "policy_id": "x"}
    kind = {"schedule_type": "recurrent_scan", "cron": "0 3 * * *"}
    assert await caller.status("POST", "/task_schedule/", json=body | kind) == 500
    assert await caller.status("POST", "/task/policy/", json=body) == 500


async def test_stop_and_recover_change_the_state_and_the_next_time(
    caller: Caller, database: FakeClockDatabase
) -> None:
    id_ = database.add_schedule()
    await caller.post("/task_schedule/stop/", _id=[id_])
    schedule = database.tables["task_schedule"][id_]
    assert (schedule["status"], schedule["next_run_date"]) == ("stop", "-")
    await caller.post("/task_schedule/recover/", _id=[id_])
    assert schedule["status"] == "scheduled"
    assert schedule["next_run_date"].endswith("02:59:00")


@pytest.mark.parametrize(
    ("act", "status", "words"),
    [
        ("stop", "stop", "每日扫描 已经处于 stop "),
        ("stop", "done", "每日扫描 不可改变状态"),
        ("recover", "scheduled", "每日扫描 已经处于 scheduled "),
        ("recover", "error", "每日扫描 不可改变状态"),
    ],
)
async def test_a_state_that_cannot_change_is_told(
    caller: Caller, database: FakeClockDatabase, act: str, status: str, words: str
) -> None:
    id_ = database.add_schedule(status=status)
    answer = await caller.post(f"/task_schedule/{act}/", _id=[id_])
    assert (answer["code"], answer["message"]) == (500, f"系统异常 error:{words}")


async def test_stops_go_one_by_one_until_one_is_refused(caller: Caller, database: FakeClockDatabase) -> None:
    first, second = database.add_schedule("一"), database.add_schedule("二")
    assert (await caller.post("/task_schedule/stop/", _id=[first, NOBODY, second]))["code"] == 1605
    states = [database.tables["task_schedule"][id_]["status"] for id_ in (first, second)]
    assert states == ["stop", "scheduled"]


async def test_all_are_deleted_or_none(caller: Caller, database: FakeClockDatabase) -> None:
    id_ = database.add_schedule()
    assert (await caller.post("/task_schedule/delete/", _id=[id_, NOBODY]))["code"] == 1605
    assert await caller.status("POST", "/task_schedule/delete/", json={"_id": ["x"]}) == 500
    assert database.tables["task_schedule"]
    assert (await caller.post("/task_schedule/delete/", _id=[id_]))["code"] == 200
    assert not database.tables["task_schedule"]
