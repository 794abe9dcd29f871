"""Promises of every RetentionStore."""

from datetime import timedelta

import pytest

from bot.models import JobState, LapseState, RunStatus
from bot.ports import StoredDocument
from bot.wiring.stores import StoreSet
from tests.factories import (
    NOW,
    make_download,
    make_job,
    make_lapse,
    make_link,
    make_report,
    make_run,
    make_task,
)

DAY = timedelta(days=1)
ENDED = {"state": JobState.DONE, "ended_at": NOW}


@pytest.fixture
def stores(both: tuple[StoreSet, StoreSet]) -> StoreSet:
    return both[0]


async def test_old_runs_are_the_ended_ones_of_a_span_oldest_first(stores: StoreSet) -> None:
    for day in range(5):
        await stores.store.add_run(
            make_run(id=f"r{day}", start_time=NOW + day * DAY, status=RunStatus.FINISHED)
        )
    await stores.store.update_run("r2", {"status": RunStatus.RUNNING})
    found = await stores.retention.find_old_runs(NOW, NOW + 4 * DAY, limit=9)
    assert [run.id for run in found] == ["r1", "r3"]
    assert [run.id for run in await stores.retention.find_old_runs(NOW - DAY, NOW + DAY, limit=1)] == ["r0"]


async def test_old_runs_of_the_same_instant_come_together(stores: StoreSet) -> None:
    """As of a cron time, or of a system whose times have whole seconds: the next batch begins after it."""
    for number in range(5):
        start = NOW if number else NOW - DAY
        await stores.store.add_run(make_run(id=f"r{number}", start_time=start, status=RunStatus.FINISHED))
    await stores.store.add_run(make_run(id="open", start_time=NOW))
    await stores.store.add_run(make_run(id="next", start_time=NOW + DAY, status=RunStatus.FINISHED))
    found = await stores.retention.find_old_runs(NOW - 2 * DAY, NOW + 2 * DAY, limit=2)
    assert [run.id for run in found] == ["r0", "r1", "r2", "r3", "r4"]
    assert await stores.retention.find_old_runs(NOW + 2 * DAY, NOW + 3 * DAY, limit=2) == []


async def test_runs_are_deleted_with_all_that_belongs_to_them_and_others_stay(stores: StoreSet) -> None:
    for id_ in ("old", "new"):
        await stores.store.add_run(make_run(id=id_, status=RunStatus.FINISHED))
        await stores.store.add_job(make_job(id=f"card:{id_}", run_id=id_))
        await stores.store.save_report(make_report(run_id=id_))
        link = make_link(id=f"link of {id_}", run_id=id_)
        await stores.links.add_link(link)
        await stores.links.add_download(make_download(link))
        await stores.tasks.add_tasks([make_task(id=f"{id_}-001", run_id=id_)])
    for _ in range(2):
        await stores.retention.delete_runs(["old", "unknown"])
    assert [run.id for run in await stores.store.find_runs()] == ["new"]
    assert [job.id for job in await stores.store.find_jobs()] == ["card:new"]
    assert [report.run_id for report in await stores.store.find_reports(limit=9)] == ["new"]
    assert [len(await stores.links.find_links(id_)) for id_ in ("old", "new")] == [0, 1]
    assert [len(await stores.links.find_downloads(id_)) for id_ in ("old", "new")] == [0, 1]
    assert [len(await stores.tasks.find_tasks(run_id=id_)) for id_ in ("old", "new")] == [0, 1]


async def test_ended_jobs_of_no_run_are_purged_oldest_first(stores: StoreSet) -> None:
    for number in range(3):
        job = make_job(id=f"message:{number}", created_at=NOW + number * DAY, **ENDED)
        await stores.store.add_job(job)
    await stores.store.add_job(make_job(id="open"))
    await stores.store.add_job(make_job(id="of a run", run_id="r1", **ENDED))
    assert await stores.retention.purge_jobs(NOW + 2 * DAY, limit=1) == 1
    assert await stores.store.find_job("message:0") is None
    assert await stores.retention.purge_jobs(NOW + 2 * DAY, limit=9) == 1
    left = {job.id for job in await stores.store.find_jobs()}
    assert left == {"message:2", "open", "of a run"}


async def test_settled_lapses_are_purged_and_open_ones_stay(stores: StoreSet) -> None:
    for id_, state in (("settled", LapseState.SETTLED), ("open", LapseState.TOLD)):
        await stores.lapses.add_lapse(make_lapse(id=id_, found_at=NOW, state=state))
    assert await stores.retention.purge_lapses(NOW, limit=9) == 0
    assert await stores.retention.purge_lapses(NOW + DAY, limit=9) == 1
    assert await stores.lapses.find_lapse("open")


async def test_documents_are_deleted_by_id(stores: StoreSet) -> None:
    for collection, id_ in (("runs", "1"), ("runs", "2"), ("keys", "1")):
        await stores.documents.add_document(StoredDocument(collection=collection, id=id_, data={}))
    await stores.retention.delete_documents("runs", ["1", "unknown"])
    assert await stores.documents.find_document("runs", "1") is None
    assert await stores.documents.find_document("runs", "2")
    assert await stores.documents.find_document("keys", "1")


async def test_values_are_deleted_by_key(stores: StoreSet) -> None:
    for key in ("a", "b"):
        await stores.store.set_value(key, "1")
    await stores.retention.delete_values(["a", "unknown"])
    assert [await stores.store.find_value(key) for key in ("a", "b")] == [None, "1"]
