"""Old runs and their assets are deleted in small steps. What later runs are compared with stays."""

from datetime import timedelta
from unittest.mock import AsyncMock

import pytest

from bot.errors import TemporaryError, UserError
from bot.external.models import AssetUpload, ExternalRun
from bot.external.repository import ExternalRuns, uploads_key
from bot.models import Run, RunStatus
from bot.reports.comparison import load_report_input
from bot.reports.retention import BATCH_SIZE, MIN_RUNS_KEPT, RetentionPolicy, RunRecords, RunRetention
from bot.stores.sqlite.tasks import SqliteTaskStore
from bot.wiring.stores import StoreSet, sqlite_stores
from tests.conftest import CoreHarness
from tests.factories import NOW, make_run, make_schedule, make_task

DAY = timedelta(days=1)
POLICY = RetentionPolicy(runs=100 * DAY, assets=10 * DAY)


class Aging:
    """A store with runs, and what deletes them."""

    def __init__(self, core: CoreHarness) -> None:
        self.core = core
        self.stores: StoreSet = sqlite_stores(core.store)
        self.external = ExternalRuns(self.stores.documents)
        records = RunRecords(
            runs=core.store,
            retention=self.stores.retention,
            tasks=self.stores.tasks,
            external=self.external,
        )
        self.retention = RunRetention(records, clock=core.clock, policy=POLICY)

    async def ran(self, *ages: float, schedule: str = "s1") -> None:
        """Store ended runs with a task and an asset, by their age in days."""
        for age in ages:
            run = make_run(
                id=f"{schedule} {age:g}",
                schedule=make_schedule(id=schedule),
                start_time=NOW - age * DAY,
                end_time=NOW - age * DAY,
                status=RunStatus.FINISHED,
                task_ids=(f"{schedule} {age:g}-001",),
            )
            await self.core.store.add_run(run)
            await self.stores.tasks.add_tasks([make_task(id=run.task_ids[0], run_id=run.id)])
            await self.stores.tasks.save_assets(run.task_ids[0], "site", {"k": {"site": "https://a"}})

    async def left(self, schedule: str = "s1") -> list[str]:
        runs = await self.core.store.find_runs(schedule_id=schedule, limit=0)
        return [run.id.removeprefix(f"{schedule} ") for run in reversed(runs)]

    async def has_assets(self, id_: str) -> bool:
        return bool([each async for each in self.stores.tasks.iter_assets([f"{id_}-001"], "site")])

    async def run(self, id_: str) -> Run:
        found = await self.core.store.find_run(id_)
        assert found
        return found


@pytest.fixture
def aging(core: CoreHarness) -> Aging:
    return Aging(core)


RECENT = [float(age) for age in range(MIN_RUNS_KEPT)]


async def test_a_run_is_deleted_when_it_is_old_and_later_ones_stay(aging: Aging) -> None:
    await aging.ran(101, 99, *reversed(RECENT))
    assert await aging.retention.sweep() == 1
    assert await aging.left() == ["99", *(f"{age:g}" for age in reversed(RECENT))]
    assert not await aging.stores.tasks.find_tasks(run_id="s1 101")
    assert not await aging.has_assets("s1 101")


async def test_the_newest_runs_of_a_schedule_stay_however_old_they_are(aging: Aging) -> None:
    ages = [300.0 - number for number in range(MIN_RUNS_KEPT + 1)]
    await aging.ran(*ages, schedule="seldom")
    assert await aging.retention.sweep() == 1
    assert await aging.left("seldom") == [f"{age:g}" for age in ages[1:]]
    assert await aging.has_assets("seldom 299")


async def test_assets_are_deleted_before_their_run(aging: Aging) -> None:
    await aging.ran(50, 11, 9.5, *reversed(RECENT))
    await aging.retention.sweep()
    assert [await aging.has_assets(f"s1 {age}") for age in ("50", "11", "9.5")] == [False, False, True]
    assert [(await aging.run(f"s1 {age}")).assets_deleted for age in ("11", "9.5")] == [True, False]


async def test_assets_are_deleted_after_an_attempt_that_failed(
    aging: Aging, monkeypatch: pytest.MonkeyPatch
) -> None:
    await aging.ran(50, *reversed(RECENT))
    with monkeypatch.context() as broken:
        broken.setattr(SqliteTaskStore, "delete_assets", AsyncMock(side_effect=TemporaryError("away")))
        with pytest.raises(TemporaryError):
            await aging.retention.sweep()
    assert (await aging.run("s1 50")).assets_deleted  # nobody compares with half of them
    await aging.retention.sweep()
    assert not await aging.has_assets("s1 50")


async def test_no_run_is_left_out_where_a_batch_ends_within_an_instant(aging: Aging) -> None:
    schedules = [f"s{number}" for number in range(BATCH_SIZE + 2)]
    for schedule in schedules:
        await aging.ran(50, *reversed(RECENT), schedule=schedule)
    await aging.retention.sweep()
    assert not [schedule for schedule in schedules if await aging.has_assets(f"{schedule} 50")]


async def test_the_assets_of_a_seldom_run_are_deleted_when_newer_ones_have_taken_its_place(
    aging: Aging,
) -> None:
    weekly = [7.0 * number for number in range(MIN_RUNS_KEPT, 0, -1)]
    await aging.ran(*weekly)
    await aging.retention.sweep()
    assert await aging.has_assets(f"s1 {weekly[0]:g}")
    await aging.ran(0)
    aging.core.clock.turn(seconds=11 * DAY.total_seconds())
    await aging.retention.sweep()
    assert [await aging.has_assets(f"s1 {age:g}") for age in weekly[:2]] == [False, True]


async def test_assets_outlive_their_time_by_a_day_at_most_if_the_schedule_pauses(aging: Aging) -> None:
    """Three runs come after ten old ones. None of the three grows old before the next look."""
    ages = [20.0 - number / 10 for number in range(MIN_RUNS_KEPT)]
    await aging.ran(*ages)
    await aging.retention.sweep()
    await aging.ran(0.3, 0.2, 0.1)
    aging.core.clock.turn(seconds=DAY.total_seconds())
    await aging.retention.sweep()
    assert [await aging.has_assets(f"s1 {age:g}") for age in ages] == [False] * 3 + [True] * 7


async def test_a_burst_of_runs_leaves_no_assets_of_the_runs_before_it(aging: Aging) -> None:
    await aging.ran(*(20.0 - number / 10 for number in range(MIN_RUNS_KEPT)))
    await aging.retention.sweep()
    await aging.ran(*(1.0 - number / 100 for number in range(3 * MIN_RUNS_KEPT)))
    aging.core.clock.turn(seconds=11 * DAY.total_seconds())
    await aging.retention.sweep()
    left = [id_ for id_ in await aging.left() if await aging.has_assets(f"s1 {id_}")]
    assert left == (await aging.left())[-MIN_RUNS_KEPT:]


async def test_a_report_without_assets_is_refused_and_no_later_run_is_compared_with_it(aging: Aging) -> None:
    await aging.ran(11, *reversed(RECENT))
    await aging.retention.sweep()
    with pytest.raises(UserError, match="assets_deleted"):
        await aging.core.exports.ensure_retryable(await aging.run("s1 11"))
    compared = await load_report_input(aging.core.store, await aging.run("s1 0"))
    assert "s1 11" not in {run.id for run in compared.earlier}


async def test_uploads_of_other_systems_are_deleted_with_their_run(aging: Aging) -> None:
    await aging.ran(101, *reversed(RECENT))
    upload = AssetUpload(kind="host", place="upload-001", rows=1)
    reported = ExternalRun(id="s1 101", slug="s1", client_id="1", created_at=NOW, assets=(upload,))
    await aging.external.add(reported)
    await aging.stores.tasks.save_assets("upload-001", "site", {"k": {}})
    await aging.core.store.set_value(uploads_key("s1 101"), "upload-001")
    await aging.retention.sweep()
    assert await aging.core.store.find_value(uploads_key("s1 101")) is None
    assert await aging.external.find("s1 101") is None
    assert not await aging.external.find_by_client_id("1", "s1")
    assert not await aging.has_assets("upload")


async def test_each_sweep_deletes_a_limited_number_until_all_are_gone(aging: Aging) -> None:
    count = 2 * BATCH_SIZE + 1
    await aging.ran(*(101 + number / 1000 for number in range(count, 0, -1)), *reversed(RECENT))
    assert [await aging.retention.sweep() for _ in range(4)] == [BATCH_SIZE, BATCH_SIZE, 1, 0]
    assert len(await aging.left()) == MIN_RUNS_KEPT


async def test_old_runs_are_looked_for_once_an_hour(aging: Aging) -> None:
    await aging.ran(*reversed(RECENT))
    await aging.retention.sweep()
    await aging.ran(101)
    assert await aging.retention.sweep() == 0
    aging.core.clock.turn(seconds=3600)
    assert await aging.retention.sweep() == 1


async def test_an_open_run_is_never_deleted(aging: Aging) -> None:
    await aging.ran(101, *reversed(RECENT))
    await aging.core.store.update_run("s1 101", {"status": RunStatus.RUNNING})
    assert await aging.retention.sweep() == 0
    assert await aging.has_assets("s1 101")


async def test_a_sweep_that_died_is_repeated(aging: Aging, monkeypatch: pytest.MonkeyPatch) -> None:
    await aging.ran(101, *reversed(RECENT))
    with monkeypatch.context() as patched:
        patched.setattr(aging.stores.retention, "delete_runs", _die)
        with pytest.raises(OSError, match="killed"):
            await aging.retention.sweep()
    assert await aging.retention.sweep() == 1


async def _die(*_: object) -> None:
    raise OSError("killed")
