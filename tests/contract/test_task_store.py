"""Promises of every TaskStore."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.models import TaskStatus
from bot.ports import TaskStore
from bot.wiring.stores import StoreSet
from tests.factories import NOW, make_task

LATER = NOW + timedelta(seconds=30)


@pytest.fixture
def two(both: tuple[StoreSet, StoreSet]) -> tuple[TaskStore, TaskStore]:
    """The same task store, seen by two processes."""
    return both[0].tasks, both[1].tasks


@pytest.fixture
def tasks(two: tuple[TaskStore, TaskStore]) -> TaskStore:
    return two[0]


async def found(tasks: TaskStore, ids: list[str], kind: str) -> list[str]:
    return [str(document["v"]) async for document in tasks.iter_assets(ids, kind)]


async def test_tasks_are_kept_once_and_in_order(tasks: TaskStore) -> None:
    await tasks.add_tasks([make_task(id="b"), make_task(id="a", ports=(80, 443))])
    await tasks.add_tasks([make_task(id="a", target="another"), make_task(id="c")])
    known = await tasks.find_tasks(run_id="r1")
    assert [task.id for task in known] == ["b", "a", "c"]
    assert (known[1].target, known[1].ports) == ("127.0.0.1", (80, 443))


async def test_many_tasks_are_one_question(tasks: TaskStore) -> None:
    await tasks.add_tasks([make_task(id="a")])
    ids = [f"unknown{number}" for number in range(100_000)]
    assert [task.id for task in await tasks.find_tasks(ids=[*ids, "a"])] == ["a"]


async def test_open_tasks_are_found_by_their_ids(tasks: TaskStore) -> None:
    states = {"w": TaskStatus.WAITING, "r": TaskStatus.RUNNING, "d": TaskStatus.DONE, "s": TaskStatus.STOP}
    await tasks.add_tasks([make_task(id=id_, status=status) for id_, status in states.items()])
    assert set(await tasks.find_open([*states, "unknown"])) == {"w", "r"}
    assert set(await tasks.find_open(["r", "d"])) == {"r"}


async def test_ten_claims_at_once_never_share_a_task(two: tuple[TaskStore, TaskStore]) -> None:
    await two[0].add_tasks([make_task(id=f"t{number}") for number in range(7)])
    claims = [two[number % 2].claim_task(f"p{number}", NOW, LATER) for number in range(10)]
    got = [task.id for task in await asyncio.gather(*claims) if task]
    assert sorted(got) == [f"t{number}" for number in range(7)]


async def test_a_claimed_task_runs_and_comes_back_when_its_lease_ends(tasks: TaskStore) -> None:
    await tasks.add_tasks([make_task(id="t")])
    task = await tasks.claim_task("dead", NOW, LATER)
    assert task is not None
    assert (task.status, task.start_time) == (TaskStatus.RUNNING, NOW)
    assert await tasks.claim_task("me", NOW, LATER) is None
    again = await tasks.claim_task("me", LATER, LATER + timedelta(seconds=9))
    assert again is not None
    assert not await tasks.end_task(replace(task, status=TaskStatus.DONE), "dead")
    assert await tasks.end_task(replace(again, status=TaskStatus.DONE, end_time=LATER), "me")


async def test_a_second_claim_drops_what_the_first_found(tasks: TaskStore) -> None:
    await tasks.add_tasks([make_task(id="t")])
    await tasks.claim_task("dead", NOW, LATER)
    await tasks.save_assets("t", "site", {"k": {"v": 1}})
    await tasks.claim_task("me", LATER, LATER)
    assert await found(tasks, ["t"], "site") == []


async def test_a_lease_that_a_clock_ahead_gave_can_be_ended(tasks: TaskStore) -> None:
    await tasks.add_tasks([make_task(id="t")])
    await tasks.claim_task("dead", NOW, LATER + timedelta(hours=3))
    assert await tasks.free_future(NOW, LATER + timedelta(hours=4)) == 0
    assert await tasks.free_future(NOW, LATER) == 1
    assert await tasks.claim_task("me", NOW, LATER) is not None


async def test_an_extended_lease_holds(tasks: TaskStore) -> None:
    await tasks.add_tasks([make_task(id="t")])
    await tasks.claim_task("me", NOW, LATER)
    assert await tasks.extend_task("t", "me", LATER + timedelta(seconds=30))
    assert not await tasks.extend_task("t", "other", LATER)
    assert await tasks.claim_task("other", LATER, LATER) is None


async def test_a_stopped_task_is_nobodys_any_more(tasks: TaskStore) -> None:
    await tasks.add_tasks([make_task(id="a"), make_task(id="b"), make_task(id="c")])
    first = await tasks.claim_task("me", NOW, LATER)
    assert first is not None
    await tasks.end_task(replace(first, status=TaskStatus.DONE), "me")
    second = await tasks.claim_task("me", NOW, LATER)
    assert second is not None
    await tasks.stop_tasks(["a", "b", "c"], LATER)
    assert not await tasks.extend_task("b", "me", LATER)
    states = [(task.status, task.end_time) for task in await tasks.find_tasks(run_id="r1")]
    assert states == [(TaskStatus.DONE, None), (TaskStatus.STOP, LATER), (TaskStatus.STOP, LATER)]


async def test_assets_stream_sorted_by_key_over_all_tasks(tasks: TaskStore) -> None:
    await tasks.save_assets("t2", "ip", {"b": {"v": "b2"}, "a": {"v": "a2"}})
    await tasks.save_assets("t1", "ip", {f"m{number:04}": {"v": f"m{number:04}"} for number in range(1200)})
    await tasks.save_assets("t1", "ip", {"b": {"v": "old"}})
    await tasks.save_assets("t1", "ip", {"b": {"v": "b1"}})
    await tasks.save_assets("t1", "site", {"x": {"v": "site"}})
    got = await found(tasks, ["t1", "t2"], "ip")
    assert got[:3] == ["a2", "b1", "b2"]
    assert got == sorted(got)
    assert len(got) == 1203
    assert await found(tasks, ["t2"], "ip") == ["a2", "b2"]


async def test_assets_of_many_tasks_are_in_order_and_hold_whatever_was_found(tasks: TaskStore) -> None:
    ids = [f"t{number}" for number in range(250)]
    for number, id_ in enumerate(ids):
        await tasks.save_assets(id_, "cert", {f"k{number % 7}": {"v": number, "a.b": {"$c": [2**70, "\0"]}}})
    got = [asset async for asset in tasks.iter_assets(ids, "cert")]
    assert [asset["v"] % 7 for asset in got] == sorted(number % 7 for number in range(250))
    assert got[0]["a.b"] == {"$c": [2**70, "\0"]}


async def test_the_assets_of_a_task_can_be_deleted(tasks: TaskStore) -> None:
    for kind in ("ip", "site"):
        await tasks.save_assets("a", kind, {f"k{number}": {"v": f"a{number}"} for number in range(5_100)})
        await tasks.save_assets("b", kind, {"k": {"v": "b"}})
    for _ in range(2):
        await tasks.delete_assets("a")
    assert [await found(tasks, ["a", "b"], kind) for kind in ("ip", "site")] == [["b"], ["b"]]


async def test_the_oldest_task_is_claimed_first(tasks: TaskStore) -> None:
    await tasks.add_tasks([make_task(id="b"), make_task(id="a"), make_task(id="c")])
    await tasks.claim_task("dead", NOW, LATER)
    claims = [await tasks.claim_task("me", LATER, LATER + timedelta(seconds=9)) for _ in range(4)]
    assert [claim and claim.id for claim in claims] == ["b", "a", "c", None]
    assert claims[0] is not None
    assert claims[0].start_time == NOW


async def test_text_that_utf_8_cannot_hold_is_kept_without_it(tasks: TaskStore) -> None:
    await tasks.add_tasks([make_task(id="a", target="a\udcffb")])
    await tasks.claim_task("me", NOW, LATER)
    await tasks.save_assets("a", "site", {"k\ud800": {"v": "云\udcff杉", "list": [{"\udfff": "\x00"}]}})
    ended = make_task(id="a", status=TaskStatus.ERROR, reason="odd \udcff", end_time=NOW)
    assert await tasks.end_task(ended, "me")
    (task,) = await tasks.find_tasks(ids=["a"])
    assert (task.target, task.reason) == ("a\ufffdb", "odd \ufffd")
    assert await found(tasks, ["a"], "site") == ["云\ufffd杉"]
