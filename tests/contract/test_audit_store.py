"""Promises of every AuditStore."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.models import AuditChannel, AuditOutcome, Person
from bot.ports import AuditStore
from bot.wiring.stores import StoreSet
from tests.factories import NOW, make_audit_entry

ODD = timedelta(microseconds=123_457)
MINUTE = timedelta(minutes=1)
LONE_SURROGATE = "\ud800"


@pytest.fixture
def two(both: tuple[StoreSet, StoreSet]) -> tuple[AuditStore, AuditStore]:
    """Two bots on one store."""
    return both[0].audit, both[1].audit


@pytest.fixture
def audit(two: tuple[AuditStore, AuditStore]) -> AuditStore:
    return two[0]


async def ids(audit: AuditStore, **filters: object) -> list[str]:
    return [entry.id for entry in await audit.find_entries(**filters)]  # type: ignore[arg-type]


async def test_an_entry_comes_back_as_it_was(audit: AuditStore) -> None:
    entry = make_audit_entry(at=NOW + ODD, channel=AuditChannel.WEB, address="192.0.2.7", allowed=False)
    assert await audit.add_entry(entry)
    assert await audit.find_entries() == [entry]
    assert await audit.find_entry(entry.id) == entry
    assert await audit.find_entry("message:unknown") is None


async def test_a_pending_entry_is_completed_and_keeps_its_time(two: tuple[AuditStore, AuditStore]) -> None:
    pending = make_audit_entry(outcome=AuditOutcome.PENDING, schedule_id="", schedule_name="")
    done = replace(pending, at=NOW + MINUTE, outcome=AuditOutcome.FAILED, run_id="r1", schedule_id="s1")
    assert [await each.add_entry(pending) for each in two] == [True, True]
    assert await two[1].add_entry(done)
    assert await two[0].find_entries() == [replace(done, at=NOW)]
    assert await ids(two[0], schedule="s1") == [done.id]


async def test_an_entry_with_an_outcome_never_changes(audit: AuditStore) -> None:
    entry = make_audit_entry()
    await audit.add_entry(entry)
    for outcome in AuditOutcome:
        assert not await audit.add_entry(replace(entry, outcome=outcome, said="another text"))
    assert await audit.find_entries() == [entry]


async def test_the_first_of_many_outcomes_is_kept(two: tuple[AuditStore, AuditStore]) -> None:
    entry = make_audit_entry(outcome=AuditOutcome.PENDING)
    await two[0].add_entry(entry)
    done = [replace(entry, outcome=AuditOutcome.ACCEPTED, detail=str(number)) for number in range(10)]
    kept = await asyncio.gather(*(two[n % 2].add_entry(each) for n, each in enumerate(done)))
    assert await two[0].find_entries() == [done[kept.index(True)]]
    assert sum(kept) == 1


async def test_entries_come_newest_first(audit: AuditStore) -> None:
    for minute in (1, 0, 2):
        await audit.add_entry(make_audit_entry(id=f"e{minute}", at=NOW + minute * MINUTE))
    await audit.add_entry(make_audit_entry(id="same time", at=NOW))
    assert await ids(audit) == ["e2", "e1", "same time", "e0"]
    assert await ids(audit, limit=2) == ["e2", "e1"]


async def test_entries_are_found_by_schedule_and_by_person(audit: AuditStore) -> None:
    han = Person(id="user02", name="韩梅梅")
    await audit.add_entry(make_audit_entry(id="mine"))
    await audit.add_entry(make_audit_entry(id="hers", actor=han, schedule_id="s2", schedule_name="周扫描"))
    await audit.add_entry(make_audit_entry(id="stranger", actor=Person(id=""), schedule_id=""))
    for name in ("s2", "周扫描"):
        assert await ids(audit, schedule=name) == ["hers"]
    for name in ("user02", "韩梅梅"):
        assert await ids(audit, actor=name) == ["hers"]
    assert await ids(audit, schedule="每日巡检", actor="李雷") == ["mine"]
    assert await ids(audit, schedule="周扫描", actor="李雷") == []


async def test_entries_are_found_by_time(audit: AuditStore) -> None:
    for minute in range(4):
        await audit.add_entry(make_audit_entry(id=f"e{minute}", at=NOW + minute * MINUTE))
    span = {"since": NOW + MINUTE, "before": NOW + 3 * MINUTE}
    assert await ids(audit, **span) == ["e2", "e1"]
    assert await ids(audit, **span, actor="user01", limit=1) == ["e2"]
    assert await ids(audit, **span, actor="user02") == []


async def test_old_entries_are_purged_the_oldest_first(audit: AuditStore) -> None:
    for minute in (2, 0, 1, 3):
        await audit.add_entry(make_audit_entry(id=f"e{minute}", at=NOW + minute * MINUTE))
    before = NOW + 3 * MINUTE
    assert await audit.purge_entries(before, limit=2) == 2
    assert await ids(audit) == ["e3", "e2"]
    assert [await audit.purge_entries(before, limit=2) for _ in range(2)] == [1, 0]
    assert await ids(audit) == ["e3"]


async def test_text_that_no_store_can_encode_is_replaced(audit: AuditStore) -> None:
    actor = Person(id="user01", name=f"李{LONE_SURROGATE}")
    await audit.add_entry(make_audit_entry(said=f"重跑 {LONE_SURROGATE}", actor=actor))
    (entry,) = await audit.find_entries()
    assert (entry.said, entry.actor.name) == ("重跑 \ufffd", "李\ufffd")
