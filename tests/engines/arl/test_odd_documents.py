"""Documents of ARL of a shape that nobody foresaw: the odd one is left out, and hides nothing beside it."""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import bson
import pytest
from bson.datetime_ms import DatetimeMS

from bot.engines.arl.assets import FINDINGS, check_depth, sorted_by_key
from bot.engines.arl.documents import document_id, normalize_task, parse_epoch, parse_time
from bot.engines.arl.run_detection import parse_run_record
from bot.engines.arl.skipped import MAX_REMEMBERED, SkippedDocuments
from bot.errors import DingRunError
from bot.models import TaskStatus
from bot.mongo import reading_options
from bot.workbook.finding_sheets import KIND_SHEETS
from tests.arl_sandbox.arl_fixture import ArlFixture, open_arl_fixture
from tests.factories import NOW, make_run, make_schedule
from tests.fakes import FakeClock

SINCE = NOW - timedelta(hours=1)
MILLISECONDS = int(NOW.timestamp() * 1000)


@pytest.fixture(params=["with its database", "by its API alone"])
async def beside(request: pytest.FixtureRequest, clock: FakeClock) -> AsyncIterator[ArlFixture]:
    """The fork, whose records can be odd too."""
    config = request.config if "database" in request.param else None
    async with open_arl_fixture(clock, config, fork=True) as beside:
        yield beside


ODD_SCHEDULES: list[dict[str, Any]] = [
    {"run_number": "x"}, {"run_number": [1]}, {"run_number": 1e400}, {"run_number": 3, "last_run_time": "x"},
    {"run_number": 3, "last_run_time": MILLISECONDS}, {"run_number": 3, "last_run_time": 1e300},
    {"target": 5}, {"target": ["a"]}, {"target": None}, {"name": None}, {"name": {"a": 1}}, {"cron": [1]},
    {"cron": "٣" * 5_000}, {"cron": "9" * 5_000 + " * * * *"}, {"policy_name": {"a": 1}}, {"task_tag": [1]},
    {"schedule_type": "future_scan", "start_time": MILLISECONDS, "run_number": 1},
    {"schedule_type": [1]}, {"status": {"a": 1}}, {"notify_on": {}},
]  # fmt: skip
ODD_TASKS: list[dict[str, Any]] = [
    {"options": []}, {"options": "x"}, {"options": {"policy_name": {"a": [1]}}},
    {"options": {"policy_name": []}},
    {"cruising_target": 5, "type": "risk_cruising"}, {"cruising_target": "x", "type": "risk_cruising"},
    {"type": ["domain"]}, {"target": 5}, {"target": None}, {"status": ["done"]}, {"status": None},
    {"end_time": None}, {"end_time": 5}, {"start_time": MILLISECONDS}, {"start_time": "0001-01-01 00:00:00"},
    {"statistic": [1]}, {"statistic": {"site_cnt": "x"}}, {"stop_reason": {"a": 1}, "status": "error"},
    {"task_tag": {"a": 1}},
]  # fmt: skip
ODD_RECORDS: list[dict[str, Any]] = [
    {"run_number": "x"}, {"task_ids": 5}, {"task_ids": "abc"}, {"task_ids": [5]}, {"task_ids": {"a": 1}},
    {"start_time": MILLISECONDS}, {"schedule_id": {"a": 1}}, {"schedule_id": None}, {"schedule_name": [1]},
    {"push_status": {"a": 1}}, {"run_number": [1]},
]  # fmt: skip


def shown(odd: object) -> str:
    return repr(odd)[:60]


async def one_more_run(beside: ArlFixture) -> str:
    """A run of ARL's own beside whatever is odd, and the id of its schedule."""
    id_ = beside.database.add_schedule("好的", "1.1.1.1")
    beside.scheduler.run(id_)
    await beside.grace()
    return id_


async def is_seen(beside: ArlFixture, schedule_id: str) -> None:
    """The run beside the odd document is found, has its task, and can be stopped and begun again."""
    assert schedule_id in [schedule.id for schedule in await beside.engine.schedules()]
    runs = {run.schedule.id: run for run in await beside.engine.external_runs(SINCE)}
    ids = runs[schedule_id].task_ids
    assert [task.status for task in (await beside.engine.tasks(ids)).values()] == [TaskStatus.WAITING]
    await beside.engine.stop(ids)
    schedule = make_schedule(id=schedule_id, name="好的", targets=("1.1.1.1",))
    again = make_run(schedule=schedule, start_time=beside.clock())
    assert len(await beside.engine.restart(again, ids)) == 1
    assert len(await beside.engine.submit(again)) == 1
    assert list(await beside.engine.diagnostics.pushing_schedules()) == []
    assert list(await beside.engine.diagnostics.possibly_pushing_schedules()) == []


@pytest.mark.parametrize("odd", ODD_SCHEDULES, ids=shown)
async def test_an_odd_schedule_hides_no_other(beside: ArlFixture, odd: dict[str, Any]) -> None:
    beside.database.add_schedule(**odd)
    await is_seen(beside, await one_more_run(beside))


@pytest.mark.parametrize("odd", ODD_TASKS, ids=shown)
async def test_an_odd_task_hides_no_other(beside: ArlFixture, odd: dict[str, Any]) -> None:
    beside.database.add_schedule()
    id_ = beside.database.add_task("周期任务-每日扫描-2", "domain", "a.example.com")
    beside.database.change("task", id_, **odd)
    await is_seen(beside, await one_more_run(beside))
    await beside.engine.tasks([id_])
    with suppress(DingRunError):  # ARL itself may fail on it
        await beside.engine.stop([id_])


@pytest.mark.parametrize("odd", ODD_RECORDS, ids=shown)
async def test_an_odd_record_hides_no_other(beside: ArlFixture, odd: dict[str, Any]) -> None:
    beside.scheduler.run(beside.database.add_schedule())
    (record,) = beside.database.tables["task_schedule_run"]
    beside.database.change("task_schedule_run", record, **odd)
    await is_seen(beside, await one_more_run(beside))


async def test_a_run_whose_record_is_odd_is_found_by_its_tasks(beside: ArlFixture) -> None:
    ids = beside.scheduler.run(beside.database.add_schedule(target="1.1.1.1"))
    (record,) = beside.database.tables["task_schedule_run"]
    beside.database.change("task_schedule_run", record, task_ids=7)
    await beside.database.flush()
    (run,) = await beside.engine.external_runs(SINCE)
    assert list(run.task_ids) == ids


async def test_an_unreadable_document_is_logged_and_counted_once(
    beside: ArlFixture, caplog: pytest.LogCaptureFixture
) -> None:
    beside.database.add_schedule(run_number="x")
    await one_more_run(beside)
    for _ in range(3):
        await beside.engine.external_runs(SINCE)
    assert beside.engine.diagnostics.skipped == 1
    said = [record.message for record in caplog.records if "skipped" in record.message]
    (odd, _) = beside.database.tables["task_schedule"]
    assert said == [f"skipped a document of ARL that cannot be read: task_schedule '{odd}' (ValueError)"]


ODD_FINDS: list[tuple[str, dict[str, Any]]] = [
    ("cert", {"ip": "1.1.1.1", "port": 443, "cert": "a text"}),
    ("cert", {"ip": "1.1.1.1", "port": 443, "cert": {"fingerprint": "a text"}}),
    ("cert", {"ip": "1.1.1.1", "port": 443, "cert": [1]}),
    ("site", {"site": ["a"], "finger": 5, "favicon": "x"}),
    ("site", {"site": {"a": 1}, "finger": [[["x"]]]}),
    ("ip", {"ip": 5, "port_info": "x", "geo_city": [1], "os_info": "x", "domain": "x"}),
    ("ip", {"ip": "1.1.1.1", "port_info": [5, {"port_id": {"a": 1}}]}),
    ("vuln", {"target": ["x"], "verify_data": {"a": {"b": 1}}}),
    ("stat_finger", {"name": "x", "cnt": "many"}),
    ("cip", {"cidr_ip": "1.1.1.0/24", "ip_list": 5}),
]


@pytest.mark.parametrize(("kind", "odd"), ODD_FINDS, ids=shown)
async def test_an_unusual_asset_is_sorted_among_the_others(
    beside: ArlFixture, kind: str, odd: dict[str, Any]
) -> None:
    id_ = beside.database.add_task("t", "domain", "a.example.com")
    good = {name: f"{name} of it" for name in ("site", "ip", "cert", "target", "name", "cidr_ip")}
    beside.database.add_results(id_, kind, odd, good)
    await beside.database.flush()
    found = [each async for each in beside.engine.iter_assets([id_], kind)]
    keys = [FINDINGS[kind].key(each) for each in found]
    assert keys == sorted(keys)
    assert len(found) == 2
    assert all(
        isinstance(KIND_SHEETS[kind].row([each]), tuple)
        for each in found
        if hasattr(KIND_SHEETS[kind], "row")
    )


@pytest.mark.parametrize("kind", sorted(FINDINGS))
async def test_documents_without_a_merge_key_make_no_row(beside: ArlFixture, kind: str) -> None:
    id_ = beside.database.add_task("t", "domain", "a.example.com")
    beside.database.add_results(id_, kind, {"more": 1}, {"more": 2})
    await beside.database.flush()
    assert [each async for each in beside.engine.iter_assets([id_], kind)] == []
    assert beside.engine.diagnostics.skipped == 2


async def test_fingerprints_that_are_plain_text_count(beside: ArlFixture) -> None:
    id_ = beside.database.add_task("t", "domain", "a.example.com")
    fingers = ["nginx", {"name": "PHP", "icon": "p.png"}]
    beside.database.add_results(id_, "site", {"site": "https://a.example.com", "finger": fingers})
    await beside.database.flush()
    (site,) = [each async for each in beside.engine.iter_assets([id_], "site")]
    assert site["finger"] == ["nginx", {"name": "PHP"}]
    assert "nginx" in str(KIND_SHEETS["site"].row([site])[2])


async def test_a_document_of_several_tasks_spoils_no_count(
    request: pytest.FixtureRequest, clock: FakeClock
) -> None:
    async with open_arl_fixture(clock, request.config) as beside:
        id_ = beside.database.add_task("t", "domain", "a.example.com")
        beside.database.insert("vuln", {"task_id": [id_]})
        beside.database.add_results(id_, "site", {"site": "x"})
        beside.database.end_task(id_, "stop")
        await beside.database.flush()
        (task,) = (await beside.engine.tasks([id_])).values()
    assert task.found == {"site": 1}


async def test_bytes_and_dates_that_python_does_not_know_hide_nothing(
    request: pytest.FixtureRequest, clock: FakeClock
) -> None:
    async with open_arl_fixture(clock, request.config) as beside:
        id_ = beside.database.add_task("t", "domain", "a.example.com")
        beside.database.add_results(id_, "url", {"url": "good"}, {"url": "odd", "title": DatetimeMS(10**17)})
        beside.database.add_results(id_, "url", {"url": "text", "title": "x?y"})
        await beside.database.flush()
        assert [each["url"] async for each in beside.engine.iter_assets([id_], "url")] == [
            "good",
            "odd",
            "text",
        ]
    options = reading_options()
    assert bson.decode(bson.encode({"a": "x?y"}).replace(b"?", b"\xff"), options) == {"a": "x\ufffdy"}


async def mixed() -> AsyncIterator[dict[str, Any]]:
    for value in (b"bytes", NOW, float("nan"), {"a": NOW}, "\ud800", 10**400):
        yield {"url": str(value), "title": value}


async def test_values_that_json_lacks_do_not_break_sorting_through_files() -> None:
    found = [each["url"] async for each in sorted_by_key(mixed(), FINDINGS["url"].key, chunk=1)]
    assert found == sorted(found)
    assert len(found) == 6


def deep(levels: int) -> Any:
    made: Any = "x"
    for _ in range(levels):
        made = [made]
    return made


async def test_a_document_too_deep_to_be_written_down_is_left_out(clock: FakeClock) -> None:
    async with open_arl_fixture(clock, None) as beside:
        id_ = beside.database.add_task("t", "domain", "a.example.com")
        beside.database.add_results(id_, "url", {"url": "deep", "title": deep(300)}, {"url": "good"})
        assert [each["url"] async for each in beside.engine.iter_assets([id_], "url")] == ["good"]
        assert beside.engine.diagnostics.skipped == 1


def test_depth_is_counted_through_lists_and_documents() -> None:
    check_depth([{"a": [1]}], left=5)
    with pytest.raises(ValueError, match="deep"):
        check_depth({"a": [{"b": [1]}]}, left=4)


@pytest.mark.parametrize("seconds", [MILLISECONDS, 1e300, float("inf"), float("nan"), -1, 0, "5", None, [1]])
def test_seconds_that_are_no_time_are_never(seconds: object) -> None:
    assert parse_epoch(seconds) is None


@pytest.mark.parametrize("text", ["0001-01-01 00:00:00", "9999-99-99 00:00:00", 5, None, ["x"]])
def test_a_time_that_is_none_is_none(text: object) -> None:
    assert parse_time(text, ZoneInfo("Asia/Shanghai")) is None


@pytest.mark.parametrize("id_", [5, None, "", "x", ["a"], {"a": 1}, "6" * 23, "G" * 24])
def test_a_task_without_an_id_of_arl_s_is_none(id_: object) -> None:
    with pytest.raises((ValueError, LookupError)):
        normalize_task({"_id": id_})


def test_a_document_without_an_id_is_none() -> None:
    for document in ({}, {"_id": None}, {"_id": ""}):
        with pytest.raises((ValueError, LookupError)):
            document_id(document)


def test_a_record_without_a_time_is_dated_by_its_id() -> None:
    run = parse_run_record({"_id": "6b04fdb0" + "0" * 16, "schedule_id": "s", "start_time": MILLISECONDS})
    assert run.start == datetime.fromtimestamp(0x6B04FDB0, NOW.tzinfo)


def test_documents_without_number_are_counted_up_to_a_bound() -> None:
    skipped = SkippedDocuments()
    for number in range(MAX_REMEMBERED + 5):
        skipped.add("site", {"_id": number}, "odd")
    assert skipped.count == MAX_REMEMBERED
