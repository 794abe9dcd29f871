"""The list endpoints of the fake ARL: paging, sorting, filters and the fork's cache."""

import pytest

from arl_sandbox.api.lists import MAX_PAGE_SIZE
from tests.arl_sandbox.conftest import Caller
from tests.arl_sandbox.database import FakeClockDatabase

FORK = pytest.mark.parametrize("caller", ["fork"], indirect=True)
SITES = (("https://B.example.com", 200), ("https://a.example.com", 404), ("https://c.example.com", 200))


@pytest.fixture
def sites(database: FakeClockDatabase) -> None:
    for site, status in SITES:
        database.add_results(
            "t1", "site", {"site": site, "status": status, "tag": ["入口"], "favicon": {"hash": status}}
        )


async def asked(caller: Caller, **query: str | int) -> list[str]:
    """Return the letters of the sites that a query finds."""
    return [each["site"][8] for each in (await caller.get("/site/", **query))["items"]]


@pytest.mark.usefixtures("sites")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["c", "a", "B"]),
        ({"order": "_id"}, ["B", "a", "c"]),
        ({"order": "+status,-site"}, ["c", "B", "a"]),
        ({"size": 2}, ["c", "a"]),
        ({"size": 2, "page": 2}, ["B"]),
        ({"site": "b.EX"}, ["B"]),
        ({"site": "."}, ["c", "a", "B"]),
        ({"site": ".*"}, []),
        ({"site__not": "b.ex"}, ["c", "a"]),
        ({"site__neq": "https://a.example.com"}, ["c", "B"]),
        ({"status": 404}, ["a"]),
        ({"status__neq": 404}, ["c", "B"]),
        ({"tag": "入"}, ["c", "a", "B"]),
        ({"favicon.hash": 404}, ["a"]),
        ({"task_id": "t1"}, ["c", "a", "B"]),
        ({"task_id": "t"}, []),
        ({"headers": "no such field"}, ["c", "a", "B"]),
    ],
)
async def test_a_query_finds(caller: Caller, query: dict[str, str | int], found: list[str]) -> None:
    assert await asked(caller, **query) == found


async def test_a_list_has_no_data_and_tells_the_query(caller: Caller) -> None:
    answer = await caller.get("/site/", title="x", page=3, unheard="y")
    assert answer == {
        "page": 3, "size": 10, "total": 0, "items": [], "query": {"title": "x"}, "code": 200,
    }  # fmt: skip


async def test_a_page_has_a_largest_size(caller: Caller) -> None:
    assert (await caller.get("/site/", size=MAX_PAGE_SIZE + 1))["size"] == MAX_PAGE_SIZE


async def test_a_page_that_is_no_number_is_refused_as_a_payload(caller: Caller) -> None:
    answer = await caller.raw("GET", "/site/", params={"page": "x"})
    assert answer.status == 400
    assert (await answer.json())["message"] == "Input payload validation failed"


async def test_a_malformed_id_is_a_crash(caller: Caller) -> None:
    answer = await caller.raw("GET", "/task/", params={"_id": "x"})
    assert (answer.status, await answer.json()) == (500, {"message": "Internal Server Error"})


async def test_tasks_are_filtered_by_their_switches(caller: Caller, database: FakeClockDatabase) -> None:
    database.add_task("a", "domain", "a.example.com", options={"port_scan": True})
    database.add_task("b", "domain", "b.example.com", options={"port_scan": False})
    found = await caller.get("/task/", **{"options.port_scan": "true"})
    assert [task["name"] for task in found["items"]] == ["a"]


async def test_the_status_that_schedules_are_asked_by_is_no_field(
    caller: Caller, database: FakeClockDatabase
) -> None:
    database.add_schedule()
    assert (await caller.get("/task_schedule/", schedule_status="scheduled"))["total"] == 0


async def test_policies_are_listed(caller: Caller) -> None:
    assert [each["name"] for each in (await caller.get("/policy/"))["items"]] == ["默认策略"]


async def test_there_is_no_list_of_runs(caller: Caller) -> None:
    assert await caller.status("GET", "/task_schedule_run/") == 404


async def again(caller: Caller, database: FakeClockDatabase, *, size: int = 10, write: bool = False) -> int:
    """Return how many sites are added to a cached response after an insert."""
    await caller.get("/site/", size=size)
    document = {"_id": "x" * 24, "task_id": "t", "site": "https://d.example.com"}
    if write:
        database.add_results("t", "site", document)
    else:
        database.tables["site"]["x"] = document
    return int((await caller.get("/site/", size=size))["total"])


@FORK
async def test_the_fork_keeps_an_answer_for_a_minute(caller: Caller, database: FakeClockDatabase) -> None:
    assert await again(caller, database) == 0
    database.clock.turn(seconds=60)
    assert (await caller.get("/site/", size=10))["total"] == 1


@FORK
async def test_the_fork_forgets_an_answer_when_arl_writes(
    caller: Caller, database: FakeClockDatabase
) -> None:
    assert await again(caller, database, write=True) == 1


@FORK
async def test_a_read_that_races_a_write_keeps_the_old_answer(
    caller: Caller, database: FakeClockDatabase
) -> None:
    caller.arl.cache_races = True
    assert await again(caller, database, write=True) == 0


@FORK
@pytest.mark.parametrize(("size", "told"), [(5_000, 0), (5_001, 1)])
async def test_the_fork_does_not_keep_large_pages(
    caller: Caller, database: FakeClockDatabase, size: int, told: int
) -> None:
    assert await again(caller, database, size=size) == told


async def test_vanilla_keeps_nothing(caller: Caller, database: FakeClockDatabase) -> None:
    assert await again(caller, database) == 1
