"""What other systems report, in both stores and by two bots."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.external.models import Command, CommandKind, DeclaredKind, ExternalSchedule, ReportedStatus
from bot.external.repository import ExternalRecords, ExternalSchedules, last_bytes
from bot.wiring.stores import StoreSet, open_stores
from tests.external.harness import records_in
from tests.external.test_merge import run
from tests.factories import NOW

LEASE = timedelta(seconds=30)
LATER = NOW + timedelta(seconds=30)
Two = tuple[ExternalRecords, ExternalRecords]


@pytest.fixture
async def stores(address: str) -> AsyncIterator[StoreSet]:
    opened = open_stores(address)
    await opened.store.open()
    yield opened
    await opened.store.close()


@pytest.fixture
def records(stores: StoreSet) -> ExternalRecords:
    return records_in(stores)


async def test_a_run_is_found_by_our_id_and_by_that_of_its_system(records: ExternalRecords) -> None:
    assert await records.runs.add(run())
    stored = replace(run(), version=1)
    assert await records.runs.find(run().id) == stored
    assert list(await records.runs.find_by_client_id("1", "backup")) == [stored]
    assert list(await records.runs.find_by_client_id("1")) == [stored]
    assert list(await records.runs.find_by_client_id("1", "other")) == []


async def test_the_id_of_a_system_is_used_once_for_a_slug(records: ExternalRecords) -> None:
    assert await records.runs.add(run())
    assert not await records.runs.add(run(id="rbbbbbbbbbb"))
    assert await records.runs.add(run(id="rcccccccccc", slug="other"))
    assert len(await records.runs.find_by_client_id("1")) == 2


async def test_only_open_runs_of_the_slug_are_listed_as_open(records: ExternalRecords) -> None:
    await records.runs.add(run())
    await records.runs.add(run(id="rbbbbbbbbbb", client_id="2", status=ReportedStatus.SUCCESS))
    await records.runs.add(run(id="rcccccccccc", slug="other"))
    assert [each.id for each in await records.runs.find_open("backup")] == [run().id]
    await records.runs.change(run().id, lambda each: replace(each, status=ReportedStatus.FAILED))
    assert list(await records.runs.find_open("backup")) == []


async def test_a_report_stays_unsettled_until_everything_has_followed(records: ExternalRecords) -> None:
    await records.runs.add(run(unsettled_since=NOW))
    assert list(await records.runs.find_unsettled(NOW - timedelta(seconds=1))) == []
    (unsettled,) = await records.runs.find_unsettled(NOW)
    await records.runs.settle(unsettled)
    assert list(await records.runs.find_unsettled(LATER)) == []


async def test_a_report_that_came_meanwhile_stays_unsettled(records: ExternalRecords) -> None:
    await records.runs.add(run(unsettled_since=NOW))
    (old,) = await records.runs.find_unsettled(NOW)
    await records.runs.change(old.id, lambda each: replace(each, title="new", unsettled_since=LATER))
    await records.runs.settle(old)
    assert [each.title for each in await records.runs.find_unsettled(LATER)] == ["new"]


async def test_concurrent_changes_are_all_made(records: ExternalRecords) -> None:
    await records.runs.add(run())

    async def count(number: int) -> None:
        await records.runs.change(
            run().id, lambda each: replace(each, labels={**each.labels, str(number): ""})
        )

    await asyncio.gather(*(count(number) for number in range(8)))
    found = await records.runs.find(run().id)
    assert found is not None
    assert len(found.labels) == 8


async def test_the_end_of_a_log_is_kept(records: ExternalRecords) -> None:
    for text in ("一二三", "四五"):
        await records.runs.append_log("r1", text, max_bytes=12, expires=LATER)
    assert await records.runs.find_log("r1") == "二三四五"
    assert await records.runs.find_log("r2") == ""


def test_a_cut_text_has_no_half_characters() -> None:
    assert last_bytes("一二三", 7) == "二三"
    assert last_bytes("abc", 7) == "abc"


async def test_schedules_of_the_settings_count_more_than_stored_ones(stores: StoreSet) -> None:
    mine = ExternalSchedule(slug="a", name="设置")
    schedules = ExternalSchedules(stores.documents, [mine], limit=2)
    assert await schedules.add(ExternalSchedule(slug="b"))
    assert await schedules.add(ExternalSchedule(slug="a", name="接口"))
    assert [each.display_name for each in await schedules.all()] == ["设置", "b"]
    assert (await schedules.find("a"), await schedules.find("c")) == (mine, None)


async def test_there_are_no_more_schedules_than_allowed(stores: StoreSet) -> None:
    schedules = ExternalSchedules(stores.documents, limit=1)
    assert await schedules.add(ExternalSchedule(slug="a"))
    assert not await schedules.add(ExternalSchedule(slug="b"))


async def test_a_kind_keeps_its_key_and_gains_columns(records: ExternalRecords) -> None:
    kind = DeclaredKind(slug="a", name="host", key=("ip",), columns=("ip", "name"))
    await records.schedules.declare(kind)
    again = await records.schedules.declare(replace(kind, key=("name",), columns=("name", "os")))
    assert (again.key, again.columns) == (("ip",), ("ip", "name", "os"))
    assert [each.columns for each in await records.schedules.kinds("a")] == [again.columns]


async def test_a_command_goes_to_its_runner_and_comes_back_when_its_lease_ends(
    records: ExternalRecords,
) -> None:
    command = Command(
        id="submit:r1", kind=CommandKind.RERUN, slug="a", run_id="r1", rid="r1", runner="db1", created_at=NOW
    )
    assert await records.commands.add(command)
    assert not await records.commands.add(command)
    assert await records.commands.claim("db2", NOW, LATER) is None
    claims = await asyncio.gather(*(records.commands.claim("db1", NOW, LATER) for _ in range(5)))
    assert [claim.id for claim in claims if claim] == ["submit:r1"]
    assert await records.commands.claim("db1", LATER, LATER + timedelta(seconds=9)) is not None
    assert await records.commands.claim("db1", LATER + 2 * LEASE, LATER, may_take=lambda _: False) is None
    assert await records.commands.finish("submit:r1")
    assert not await records.commands.finish("submit:r2")
    assert await records.commands.claim("db1", LATER + timedelta(days=1), LATER) is None
