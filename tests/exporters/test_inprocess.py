"""The exporter's child process: beside the loop, flat in memory, gone when it should be."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.errors import Temporary
from bot.exporters.inprocess import InProcessExporter
from bot.models import RunStatus, Tally
from tests.factories import NOW, make_run
from tests.fakes import FakeEngine
from tests.test_workbook import book

RUN = make_run(status=RunStatus.FINISHED, end_time=NOW, tally=Tally(total=1, done=1), task_ids=("t1",))

Assets = AsyncIterator[Mapping[str, Any]]


class FullEngine(FakeEngine):
    """An engine with so many sites; `pause` is awaited in the middle."""

    def __init__(self, sites: int, pause: Callable[[], Any] | None = None) -> None:
        super().__init__()
        self.sites, self.pause = sites, pause

    def assets(self, task_ids: Collection[str], kind: str) -> Assets:
        return self._sites() if kind == "site" else super().assets(task_ids, kind)

    async def _sites(self) -> Assets:
        for number in range(self.sites):
            if number == self.sites // 2 and self.pause:
                await self.pause()
            yield {"site": f"http://{number:06}.example", "title": "标题\ud800", "status": 200}


def exporter(engine: FakeEngine) -> InProcessExporter:
    return InProcessExporter(engine, zone="Asia/Shanghai", lang="zh-CN")


async def test_a_workbook_is_written_by_a_child(tmp_path: Path) -> None:
    rows = await exporter(FullEngine(20)).export(RUN, tmp_path / "r.xlsx")
    assert (rows, len(book(tmp_path / "r.xlsx")["站点"])) == (20, 21)
    assert os.listdir(tmp_path) == ["r.xlsx"]


async def test_the_loop_stays_free_during_an_export(tmp_path: Path) -> None:
    longest, loop = 0.0, asyncio.get_running_loop()

    async def feel() -> None:
        nonlocal longest
        while True:
            before = loop.time()
            await asyncio.sleep(0.005)
            longest = max(longest, loop.time() - before)

    feeling = asyncio.create_task(feel())
    await exporter(FullEngine(20_000)).export(RUN, tmp_path / "r.xlsx")  # more than a second of writing
    feeling.cancel()
    assert longest < 0.6


async def test_progress_is_told_while_it_lasts(tmp_path: Path) -> None:
    seen: list[int | None] = []

    async def look() -> None:
        async with asyncio.timeout(10):
            while not works.progress(RUN.id):  # noqa: ASYNC110 - the child tells it in its own time
                await asyncio.sleep(0.01)
        seen.append(works.progress(RUN.id))

    works = exporter(FullEngine(8_000, look))
    await works.export(RUN, tmp_path / "r.xlsx")
    assert seen[0] in range(1, 4_001)
    assert works.progress(RUN.id) is None


def children() -> list[int]:
    here = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text()
    found = [int(pid) for pid in here.split()]
    return [pid for pid in found if b"bot.exporters.child" in Path(f"/proc/{pid}/cmdline").read_bytes()]


async def test_a_killed_child_leaves_nothing_and_is_temporary(tmp_path: Path) -> None:
    async def kill() -> None:
        for pid in children():
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(Temporary, match="cannot be written"):
        await exporter(FullEngine(5_000, kill)).export(RUN, tmp_path / "r.xlsx")
    assert os.listdir(tmp_path) == []


async def test_a_cancelled_export_ends_its_child_and_leaves_nothing(tmp_path: Path) -> None:
    paused = asyncio.Event()

    async def pause() -> None:
        paused.set()
        await asyncio.Event().wait()

    export = asyncio.create_task(exporter(FullEngine(5_000, pause)).export(RUN, tmp_path / "r.xlsx"))
    await paused.wait()
    export.cancel()
    await asyncio.gather(export, return_exceptions=True)
    assert (children(), os.listdir(tmp_path)) == ([], [])


async def test_an_engine_that_fails_meanwhile_is_told(tmp_path: Path) -> None:
    async def fail() -> None:
        raise Temporary("the engine is away")

    with pytest.raises(Temporary, match="engine is away"):
        await exporter(FullEngine(10, fail)).export(RUN, tmp_path / "r.xlsx")
    assert os.listdir(tmp_path) == []


async def test_a_place_that_cannot_be_written_is_temporary(tmp_path: Path) -> None:
    with pytest.raises(Temporary, match="cannot be written"):
        await exporter(FullEngine(1)).export(RUN, tmp_path / "no" / "folder" / "r.xlsx")


async def test_two_exports_at_once_wait_for_each_other(tmp_path: Path) -> None:
    works = exporter(FullEngine(50))
    paths = [tmp_path / f"{number}.xlsx" for number in range(2)]
    assert await asyncio.gather(*(works.export(RUN, path) for path in paths)) == [50, 50]
