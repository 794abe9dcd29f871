"""What is kept for a limited time is deleted."""

from datetime import timedelta

import pytest

from bot.external.models import AssetUpload, ExternalRun, RunFile
from bot.external.repository import ExternalRuns, Leftover
from bot.external.retention import ExternalRetention
from bot.wiring.stores import StoreSet, sqlite_stores
from tests.conftest import CoreHarness
from tests.factories import NOW

HOUR = timedelta(hours=1)
KEPT, REPLACED = "r1:kept", "r1:replaced"
FILES = {name: RunFile(name=name, path=f"2026-11-24/{name}", size=1, sha256="0") for name in (KEPT, REPLACED)}


@pytest.fixture
def stores(core: CoreHarness) -> StoreSet:
    return sqlite_stores(core.store)


class Swept:
    """A run with uploads, and the retention that deletes what it no longer refers to."""

    def __init__(self, core: CoreHarness, stores: StoreSet) -> None:
        self.runs, self.tasks, self.clock = ExternalRuns(stores.documents), stores.tasks, core.clock
        self.removed: list[str] = []
        self.retention = ExternalRetention(stores.documents, stores.tasks, self._remove, clock=core.clock)

    async def _remove(self, path: str) -> None:
        self.removed.append(path)

    async def uploaded(self, *places: str) -> None:
        """Store uploads, of which the run refers to the first."""
        upload = AssetUpload(kind="host", place=places[0], rows=1)
        run = ExternalRun(
            id="r1", slug="s", client_id="1", created_at=NOW, assets=(upload,), files=(FILES[KEPT],)
        )
        await self.runs.add(run)
        for place in places:
            await self.tasks.save_assets(place, "host", {"k": {"v": place}})
            await self.runs.mark_leftover(Leftover(run_id="r1", place=place), self.clock() + HOUR)

    async def kept(self) -> list[str]:
        return [each["v"] async for each in self.tasks.iter_assets([KEPT, REPLACED], "host")]


@pytest.fixture
def swept(core: CoreHarness, stores: StoreSet) -> Swept:
    return Swept(core, stores)


async def test_a_log_is_deleted_when_its_time_is_over(swept: Swept) -> None:
    await swept.runs.append_log("r1", "x", max_bytes=9, expires=swept.clock() + HOUR)
    assert await swept.retention.sweep() == 0
    swept.clock.turn(seconds=3601)
    assert await swept.retention.sweep() == 1
    assert await swept.runs.find_log("r1") == ""


async def test_assets_that_no_run_refers_to_are_deleted_after_a_while(swept: Swept) -> None:
    await swept.uploaded(KEPT, REPLACED)
    await swept.retention.sweep()
    assert await swept.kept() == [KEPT, REPLACED]
    swept.clock.turn(seconds=3601)
    assert [await swept.retention.sweep() for _ in range(2)] == [2, 0]
    assert await swept.kept() == [KEPT]


async def test_a_file_that_its_run_refers_to_stays(swept: Swept) -> None:
    await swept.uploaded(KEPT)
    for file in FILES.values():
        await swept.runs.mark_leftover(Leftover(run_id="r1", path=file.path), swept.clock())
    swept.clock.turn(seconds=1)
    await swept.retention.sweep()
    assert swept.removed == [FILES[REPLACED].path]
