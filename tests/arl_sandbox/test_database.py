"""Mirroring of the fake ARL's documents, and its processes on one clock."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from tests.arl_sandbox.conftest import build_timeline
from tests.arl_sandbox.database import FakeClockDatabase
from tests.factories import NOW
from tests.fakes import FakeClock


class Noted:
    """A mirror that records its calls and yields to other tasks."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []

    async def put(self, table: str, document: Mapping[str, Any]) -> None:
        await asyncio.sleep(0)
        self.told.append((table, document["name"]))

    async def delete(self, table: str, id_: str) -> None:
        await asyncio.sleep(0)
        self.told.append((table, "gone"))


async def test_a_mirror_is_told_each_change_once(clock: FakeClock) -> None:
    database = FakeClockDatabase(clock, noted := Noted())
    id_ = database.add_task("一", "domain", "a.example.com")
    await database.flush()
    await database.flush()
    database.delete("task", id_)
    await database.flush()
    assert noted.told == [("policy", "默认策略"), ("task", "一"), ("task", "gone")]


async def test_what_is_told_later_arrives_later(clock: FakeClock) -> None:
    database = FakeClockDatabase(clock, noted := Noted())
    id_ = database.add_task("一", "domain", "a.example.com")
    first = asyncio.create_task(database.flush())
    await asyncio.sleep(0)
    database.change("task", id_, name="二")
    await database.flush()
    await first
    assert noted.told[-1] == ("task", "二")


async def test_ids_tell_time_process_and_order_as_mongodb_s_do(clock: FakeClock) -> None:
    database = FakeClockDatabase(clock)
    first, second = (database.add_task("x", "ip", "1.1.1.1", process="ab" * 5) for _ in range(2))
    assert (first[:8], first[8:18]) == (f"{int(NOW.timestamp()):08x}", "ab" * 5)
    assert int(second[18:], 16) == int(first[18:], 16) + 1


def writes(database: FakeClockDatabase, name: str, every: float) -> Iterator[float]:
    while True:
        database.add_task(name, "ip", "1.1.1.1")
        yield every


async def test_processes_write_in_the_order_of_their_times(clock: FakeClock) -> None:
    database = FakeClockDatabase(clock)
    timeline = build_timeline(database)
    timeline.add(writes(database, "三", 3), writes(database, "二", 2))
    await timeline.run(7)
    assert "".join(task["name"] for task in database.tasks()) == "三二二三二三二"
    assert (clock() - NOW).total_seconds() == 7
