"""The exporter's child process: beside the loop, flat in memory, gone when it should be."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from bot.errors import TemporaryError
from bot.exporters.local.child import PARENT_GONE_EXIT_CODE
from bot.exporters.local.exporter import LocalExporter
from bot.models import RunStatus, Task, TaskCounts, TaskStatus
from bot.ports import ReportInput
from bot.telemetry.rescues import Rescue
from tests.factories import NOW, make_run
from tests.fakes import FakeEngine
from tests.workbooks import book, cells, run_before

RUN = make_run(
    status=RunStatus.FINISHED, end_time=NOW, task_counts=TaskCounts(total=1, done=1), task_ids=("t1",)
)
STORY = ReportInput(run=RUN)

CHILD = b"bot.exporters.local.child"
Assets = AsyncIterator[Mapping[str, Any]]


class FullEngine(FakeEngine):
    """An engine with so many sites; `pause` is awaited in the middle."""

    def __init__(self, sites: int, pause: Callable[[], Any] | None = None) -> None:
        super().__init__()
        self.sites, self.pause = sites, pause

    def iter_assets(self, task_ids: Collection[str], kind: str) -> Assets:
        return self._sites() if kind == "site" else super().iter_assets(task_ids, kind)

    async def _sites(self) -> Assets:
        for number in range(self.sites):
            if number == self.sites // 2 and self.pause:
                await self.pause()
            yield {"site": f"http://{number:06}.example", "title": "标题\ud800", "status": 200}


def exporter(engine: FakeEngine) -> LocalExporter:
    return LocalExporter(engine, zone="Asia/Shanghai", lang="zh-CN")


async def test_a_workbook_is_written_by_a_child(tmp_path: Path) -> None:
    findings = await exporter(FullEngine(20)).export(STORY, tmp_path / "r.xlsx")
    assert (findings.rows, len(book(tmp_path / "r.xlsx")["站点"])) == (20, 21)
    assert os.listdir(tmp_path) == ["r.xlsx"]


@pytest.mark.parametrize("at_once", [1, 2])
async def test_concurrency_limits_simultaneous_exports(tmp_path: Path, at_once: int) -> None:
    under_way, most, go = 0, 0, asyncio.Event()

    async def pause() -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == at_once:
            go.set()
        await go.wait()
        under_way -= 1

    pen = LocalExporter(FullEngine(2, pause), zone="Asia/Shanghai", lang="zh-CN", concurrency=at_once)
    await asyncio.gather(*(pen.export(STORY, tmp_path / f"{number}.xlsx") for number in range(3)))
    assert most == at_once


async def test_the_event_loop_stays_free_during_an_export(tmp_path: Path) -> None:
    longest, loop = 0.0, asyncio.get_running_loop()

    async def feel() -> None:
        nonlocal longest
        while True:
            before = loop.time()
            await asyncio.sleep(0.005)
            longest = max(longest, loop.time() - before)

    feeling = asyncio.create_task(feel())
    await exporter(FullEngine(20_000)).export(STORY, tmp_path / "r.xlsx")  # more than a second of writing
    feeling.cancel()
    assert longest < 0.6


async def test_progress_is_reported_during_an_export(tmp_path: Path) -> None:
    seen: list[int | None] = []

    async def look() -> None:
        seen.append(works.progress(RUN.id))

    works = exporter(FullEngine(8_000, look))
    await works.export(STORY, tmp_path / "r.xlsx")
    assert seen == [4_000]
    assert works.progress(RUN.id) is None


def children() -> list[int]:
    """Return our export children. `/proc/…/children` may leave some out while others end."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = folder.joinpath("stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == os.getpid() and CHILD in folder.joinpath("cmdline").read_bytes():
                found.append(int(folder.name))
    return sorted(found)


@pytest.mark.rescue(Rescue.EXPORT_CHILD_DIED)
async def test_a_killed_child_leaves_nothing_and_is_temporary(tmp_path: Path) -> None:
    async def kill() -> None:
        for pid in children():
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(TemporaryError, match="cannot be written"):
        await exporter(FullEngine(5_000, kill)).export(STORY, tmp_path / "r.xlsx")
    assert os.listdir(tmp_path) == []


async def test_a_cancelled_export_ends_its_child_and_leaves_nothing(tmp_path: Path) -> None:
    paused = asyncio.Event()

    async def pause() -> None:
        paused.set()
        await asyncio.Event().wait()

    export = asyncio.create_task(exporter(FullEngine(5_000, pause)).export(STORY, tmp_path / "r.xlsx"))
    await paused.wait()
    export.cancel()
    await asyncio.gather(export, return_exceptions=True)
    assert (children(), os.listdir(tmp_path)) == ([], [])


async def test_an_engine_error_during_an_export_is_raised(tmp_path: Path) -> None:
    async def fail() -> None:
        raise TemporaryError("the engine is away")

    with pytest.raises(TemporaryError, match="engine is away"):
        await exporter(FullEngine(10, fail)).export(STORY, tmp_path / "r.xlsx")
    assert os.listdir(tmp_path) == []


async def test_a_place_that_cannot_be_written_is_temporary(tmp_path: Path) -> None:
    with pytest.raises(TemporaryError, match="cannot be written"):
        await exporter(FullEngine(1)).export(STORY, tmp_path / "no" / "folder" / "r.xlsx")


async def test_an_export_that_was_killed_can_be_repeated(tmp_path: Path) -> None:
    async def kill() -> None:
        for pid in children():
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(TemporaryError):
        await exporter(FullEngine(5_000, kill)).export(STORY, tmp_path / "r.xlsx")
    assert (await exporter(FullEngine(5_000)).export(STORY, tmp_path / "r.xlsx")).rows == 5_000
    assert os.listdir(tmp_path) == ["r.xlsx"]


async def test_two_exports_at_once_wait_for_each_other(tmp_path: Path) -> None:
    works = exporter(FullEngine(50))
    paths = [tmp_path / f"{number}.xlsx" for number in range(2)]
    made = await asyncio.gather(*(works.export(STORY, path) for path in paths))
    assert [findings.rows for findings in made] == [50, 50]


async def test_two_exporters_at_once_on_one_run_give_one_whole_file(tmp_path: Path) -> None:
    works = [exporter(FullEngine(500)) for _ in range(2)]
    made = await asyncio.gather(*(each.export(STORY, tmp_path / "r.xlsx") for each in works))
    assert [findings.rows for findings in made] == [500, 500]
    assert os.listdir(tmp_path) == ["r.xlsx"]
    assert len(book(tmp_path / "r.xlsx")["站点"]) == 501


class EngineOfTwo(FakeEngine):
    """An engine that keeps what each task found."""

    def __init__(self, found: Mapping[str, Mapping[str, list[dict[str, Any]]]]) -> None:
        super().__init__()
        self.found = found
        for id_ in found:
            self.all_tasks[id_] = Task(id=id_, run_id="", target="a.example", status=TaskStatus.DONE)

    async def iter_assets(self, task_ids: Collection[str], kind: str) -> Assets:
        for task_id in task_ids:
            for document in self.found.get(task_id, {}).get(kind, ()):
                yield document


async def test_the_run_before_is_compared(tmp_path: Path) -> None:
    before = [{"domain": f"{number:04}.example"} for number in range(0, 900, 2)]
    now = [{"domain": f"{number:04}.example"} for number in range(0, 900, 3)]
    works = exporter(EngineOfTwo({"old": {"domain": before}, "t1": {"domain": now}}))
    await works.export(ReportInput(run=RUN, earlier=(run_before(task_ids=("old",)),)), tmp_path / "r.xlsx")
    verdicts = [row[1] for row in book(tmp_path / "r.xlsx")["变化"][1:]]
    assert (verdicts.count("新增"), verdicts.count("消失"), verdicts.count("变化")) == (150, 300, 0)


PARTS: dict[str, TaskStatus] = {"o1": TaskStatus.DONE, "o2": TaskStatus.DONE, "p2": TaskStatus.STOP}


async def test_after_a_stopped_run_and_a_retry_nothing_false_is_gone_or_new(tmp_path: Path) -> None:
    """A whole run, one of which the second half was stopped, a retry of that half, a whole run."""
    first = {"domain": [{"domain": "a.example"}]}
    second = {"vuln": [{"target": "b.example:22", "vul_name": "弱口令", "plg_type": "brute"}]}
    engine = EngineOfTwo({
        "o1": first,
        "o2": second,
        "p1": first,
        "p2": {},
        "q2": second,
        "t1": first,
        "t2": second,
    })
    for id_, task in engine.all_tasks.items():
        target = "b.example" if id_.endswith("2") else task.target
        engine.all_tasks[id_] = replace(task, status=PARTS.get(id_, task.status), target=target)
    whole = run_before(task_ids=("o1", "o2"))
    tally = TaskCounts(total=2, done=1, stop=1)
    stopped = run_before(task_ids=("p1", "p2"), task_counts=tally)
    retry = run_before(task_ids=("q2",), task_counts=TaskCounts(total=1, done=1))
    last = replace(RUN, task_ids=("t1", "t2"), task_counts=TaskCounts(total=2, done=2))
    for run, earlier in ((stopped, (whole,)), (retry, (stopped, whole)), (last, (retry, stopped, whole))):
        path = tmp_path / f"{len(earlier)}.xlsx"
        await exporter(engine).export(ReportInput(run=run, earlier=earlier), path)
        assert [row[0] for row in book(path)["变化"][1:]] == ["与上次相同，没有变化"]


async def test_documents_with_odd_values_travel(tmp_path: Path) -> None:
    odd = {"vuln": [{"target": "a", "vul_name": NOW, "save_date": NOW, "verify_data": {1: float("nan")}}]}
    await exporter(EngineOfTwo({"t1": odd})).export(STORY, tmp_path / "r.xlsx")
    assert "2026-11-24 03:00:00+00:00" in cells(book(tmp_path / "r.xlsx")["漏洞"])


async def test_secrets_are_hidden_unless_the_exporter_is_told_otherwise(tmp_path: Path) -> None:
    found = EngineOfTwo({"t1": {"wih": [{"record_type": "app_key", "content": "secret"}]}})
    await exporter(found).export(STORY, tmp_path / "hidden.xlsx")
    works = LocalExporter(found, zone="Asia/Shanghai", lang="zh-CN", show_secrets=True)
    await works.export(STORY, tmp_path / "open.xlsx")
    assert "secret" not in cells(book(tmp_path / "hidden.xlsx")["WIH"])
    assert "secret" in cells(book(tmp_path / "open.xlsx")["WIH"])


def test_a_child_whose_parent_dies_leaves_nothing(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    place = {"path": str(tmp_path / "r.xlsx"), "part": str(tmp_path / "r.part"), "scratch": str(spool)}
    options = {"zone": "UTC", "lang": "en", "show_secrets": False}
    story = TypeAdapter(ReportInput).dump_python(STORY, mode="json")
    request = json.dumps({**place, **options, "report_input": story})
    lines = request + '\nsite current [{"site": "a"}]\n'
    for said in ("", lines):
        done = subprocess.run(
            [sys.executable, "-m", "bot.exporters.local.child"],
            input=said,
            text=True,
            check=False,
        )
        assert done.returncode == PARENT_GONE_EXIT_CODE
    assert os.listdir(tmp_path) == []
