"""The task endpoints of the fake ARL, with their errors."""

from typing import Any

import pytest

from arl_sandbox.policies import new_policy
from tests.arl_sandbox.conftest import Caller
from tests.arl_sandbox.database import FakeClockDatabase

NOBODY = "f" * 24


def ended(database: FakeClockDatabase, name: str = "t", **changes: Any) -> str:
    id_ = database.add_task(name, "domain", "a.example.com", celery_id="c", **changes)
    database.end_task(id_)
    return id_


async def by_policy(caller: Caller, **changes: str) -> dict[str, Any]:
    policy_id = caller.arl.database.policy
    body = {"name": "t", "task_tag": "task", "policy_id": policy_id, "target": "a.example.com 1.1.1.1"}
    return await caller.post("/task/policy/", **body | changes)


async def test_a_task_by_hand_answers_without_data(caller: Caller) -> None:
    answer = await caller.post("/task/", name="t", target="1.1.1.1 a.example.com 2.2.2.2", port_scan=True)
    assert answer.keys() == {"code", "message", "items"}
    assert [(each["type"], each["status"]) for each in answer["items"]] == [
        ("ip", "waiting"),
        ("domain", "waiting"),
    ]
    assert answer["items"][0]["celery_id"]


async def test_a_payload_that_lacks_something_is_http_400(
    caller: Caller, database: FakeClockDatabase
) -> None:
    answer = await caller.raw("POST", "/task/", json={"name": 1})
    assert answer.status == 400
    assert (await answer.json())["errors"].keys() == {"name", "target"}
    assert database.tasks() == []


@pytest.mark.parametrize("content", [b"no json", b"[]"])
async def test_a_body_that_is_no_object_is_http_400(caller: Caller, content: bytes) -> None:
    assert await caller.status("POST", "/task/", data=content) == 400


@pytest.mark.parametrize(
    ("target", "code", "words"),
    [
        ("127.0.0.1", 500, "系统异常 error:127.0.0.1 在黑名单IP中"),
        ("bar", 500, "系统异常 error:bar 无效的目标"),
        ("a.example", 500, "系统异常 error:a.example 无效的目标"),
        ("a.local", 500, "系统异常 error:a.local 无效的目标"),
        ("www.gov.example.com", 500, "系统异常 error:www.gov.example.com 包含在禁止域名内"),
        (" , ", 706, "任务目标为空"),
    ],
)
async def test_a_target_is_refused_as_a_whole(
    caller: Caller, database: FakeClockDatabase, target: str, code: int, words: str
) -> None:
    database.blocked_addresses, database.forbidden_domains = {"127.0.0.1"}, {"gov.example.com"}
    answer = await caller.post("/task/", name="t", target=f"{target} ")
    assert (answer["code"], answer["message"]) == (code, words)
    assert database.tasks() == []


async def test_a_policy_gives_its_options_and_not_its_id(caller: Caller, database: FakeClockDatabase) -> None:
    items = (await by_policy(caller))["data"]["items"]
    addresses, domain = (database.tables["task"][each["task_id"]]["options"] for each in items)
    assert "policy_id" not in domain
    assert (domain["policy_name"], domain["domain_brute"]) == ("默认策略", True)
    assert (addresses["domain_brute"], addresses["port_scan"]) == (False, True)


async def test_a_risk_task_is_one_and_tells_its_targets_elsewhere(
    caller: Caller, database: FakeClockDatabase
) -> None:
    answer = await by_policy(caller, task_tag="risk_cruising")
    (task,) = database.tasks()
    assert [each["task_id"] for each in answer["data"]["items"]] == [task["_id"]]
    assert (task["target"], sorted(task["cruising_target"])) == (
        "目标：2， PoC：3",
        ["1.1.1.1", "a.example.com"],
    )


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"policy_id": NOBODY}, 1100, "策略ID不存在"),
        ({"task_tag": "monitor"}, 999, "task_tag"),
        ({"result_set_id": NOBODY}, 1001, "结果集不存在"),
    ],
)
async def test_tasks_by_policy_are_refused(
    caller: Caller, changes: dict[str, str], code: int, words: str
) -> None:
    answer = await by_policy(caller, **changes)
    assert answer["code"] == code
    assert words in answer["message"]
    assert NOBODY not in answer["message"]


async def test_a_policy_with_a_scope_takes_nothing_else(caller: Caller, database: FakeClockDatabase) -> None:
    scope = database.insert("asset_scope", {"scope_array": ["a.example.com"]})
    for scope_id, codes in ((scope, [200, 500]), (NOBODY, [601, 601])):
        document = new_policy("窄")
        document["policy"]["scope_config"] = {"scope_id": scope_id}
        id_ = database.insert("policy", document)
        targets = ("www.a.example.com", "other.example.com")
        assert [(await by_policy(caller, policy_id=id_, target=each))["code"] for each in targets] == codes


async def test_a_task_of_a_result_set_cannot_be_begun_again(
    caller: Caller, database: FakeClockDatabase
) -> None:
    set_id = database.insert("result_set", {"items": ["https://a.example.com"]})
    await by_policy(caller, task_tag="risk_cruising", result_set_id=set_id)
    (task,) = database.tasks()
    database.end_task(task["_id"])
    answer = await caller.post("/task/restart/", task_id=[task["_id"]])
    assert (answer["code"], answer["message"]) == (500, "系统异常 error:不支持该任务重新运行")


async def test_a_stop_is_told_apart_by_its_code(caller: Caller, database: FakeClockDatabase) -> None:
    fresh = database.add_task("fresh", "domain", "a.example.com")
    running = database.add_task("running", "domain", "a.example.com", celery_id="c", status="port_scan")
    ids = (running, running, NOBODY, fresh)
    assert [(await caller.get(f"/task/stop/{id_}"))["code"] for id_ in ids] == [200, 105, 103, 102]
    assert await caller.status("GET", "/task/stop/x") == 500


async def test_stopping_many_says_yes_whatever_happens(caller: Caller, database: FakeClockDatabase) -> None:
    running = database.add_task("running", "domain", "a.example.com", celery_id="c")
    assert (await caller.post("/task/batch_stop/", task_id=[NOBODY, running]))["code"] == 200
    assert database.tables["task"][running]["status"] == "stop"


async def test_stopping_many_breaks_half_way_at_a_malformed_id(
    caller: Caller, database: FakeClockDatabase
) -> None:
    first, second = (database.add_task(name, "domain", "a.example.com", celery_id="c") for name in "ab")
    assert await caller.status("POST", "/task/batch_stop/", json={"task_id": [first, "x", second]}) == 500
    assert [database.tables["task"][id_]["status"] for id_ in (first, second)] == ["stop", "waiting"]


async def test_deleting_takes_ended_tasks_and_what_they_found_where_asked(
    caller: Caller, database: FakeClockDatabase
) -> None:
    kept, gone, open_ = ended(database), ended(database), database.add_task("open", "domain", "a.example.com")
    for id_ in (kept, gone):
        database.add_results(id_, "site", {"site": "https://a.example.com"})
    assert (await caller.post("/task/delete/", task_id=[kept, open_]))["code"] == 104
    assert (await caller.post("/task/delete/", task_id=[NOBODY]))["code"] == 103
    await caller.post("/task/delete/", task_id=[kept], del_task_data=False)
    await caller.post("/task/delete/", task_id=[gone], del_task_data=True)
    assert [each["task_id"] for each in database.tables["site"].values()] == [kept]
    assert database.tables["task"].keys() == {open_}


async def test_a_restart_copies_the_task_and_tells_the_old_id(
    caller: Caller, database: FakeClockDatabase
) -> None:
    old = ended(database, options={"from_task_schedule": True}, sync_status="default")
    for _ in range(2):
        answer = await caller.post("/task/restart/", task_id=[old])
        assert answer["data"]["task_id"] == [old]
    _, first, second = database.tasks()
    assert first["name"] == second["name"] == "重新运行-t"
    assert (first["status"], first["end_time"], "statistic" in first) == ("waiting", "-", False)
    assert first["options"] == {"from_task_schedule": True}
    assert first["sync_status"] == "default"


async def test_all_are_begun_again_or_none(caller: Caller, database: FakeClockDatabase) -> None:
    done, open_ = ended(database), database.add_task("open", "domain", "a.example.com")
    assert (await caller.post("/task/restart/", task_id=[done, open_]))["code"] == 104
    assert len(database.tasks()) == 2


async def test_the_proxy_leads_a_missing_slash_to_plain_http(caller: Caller) -> None:
    answer = await caller.raw("POST", "/task/restart")
    assert answer.status == 308
    assert answer.headers["Location"].startswith("http://")
    assert answer.headers["Location"].endswith("/api/task/restart/")
