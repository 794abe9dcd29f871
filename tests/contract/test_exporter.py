"""The contract of the Exporter port."""

import os
from pathlib import Path

import pytest

from bot.errors import TemporaryError
from bot.exporters.local.exporter import LocalExporter
from bot.models import RunStatus, TaskCounts
from bot.ports import Exporter, ReportInput
from bot.stores.sqlite.store import SqliteStore
from tests.factories import NOW, make_run
from tests.fakes import FakeEngine, FakeExporter
from tests.worker_harness import WorkerHarness

RUN = make_run(
    status=RunStatus.FINISHED, end_time=NOW, task_counts=TaskCounts(total=1, done=1), task_ids=("t1",)
)
STORY = ReportInput(run=RUN)


@pytest.fixture(params=["inprocess", "celery", "fake"])
async def exporter(request: pytest.FixtureRequest, store: SqliteStore, tmp_path: Path) -> Exporter:
    if request.param == "fake":
        return FakeExporter()
    here = LocalExporter(FakeEngine(), zone="Asia/Shanghai", lang="zh-CN")
    if request.param == "inprocess":
        return here
    await store.add_run(RUN)
    return WorkerHarness(store, tmp_path / "shared", local_exporter=here).exporter()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bot").mkdir()
    return tmp_path / "bot"


async def test_the_file_is_there_when_it_returns(exporter: Exporter, folder: Path) -> None:
    findings = await exporter.export(STORY, folder / "r.xlsx")
    assert findings.rows >= 0
    assert os.listdir(folder) == ["r.xlsx"]


async def test_on_an_error_nothing_is_left(exporter: Exporter, folder: Path) -> None:
    if isinstance(exporter, FakeExporter):
        exporter.trouble = [TemporaryError("disk full")]
    with pytest.raises(TemporaryError):
        await exporter.export(STORY, folder / "missing" / "r.xlsx")
    assert os.listdir(folder) == []


async def test_without_an_export_there_is_no_progress(exporter: Exporter, folder: Path) -> None:
    await exporter.export(STORY, folder / "r.xlsx")
    assert exporter.progress(RUN.id) is None
