"""What every Exporter promises."""

import os
from pathlib import Path

import pytest

from bot.errors import Temporary
from bot.exporters.inprocess import InProcessExporter
from bot.models import RunStatus, Tally
from bot.ports import Exporter, Story
from tests.factories import NOW, make_run
from tests.fakes import FakeEngine, FakeExporter

RUN = make_run(status=RunStatus.FINISHED, end_time=NOW, tally=Tally(total=1, done=1), task_ids=("t1",))
STORY = Story(run=RUN)


@pytest.fixture(params=["inprocess", "fake"])
def exporter(request: pytest.FixtureRequest) -> Exporter:
    if request.param == "inprocess":
        return InProcessExporter(FakeEngine(), zone="Asia/Shanghai", lang="zh-CN")
    return FakeExporter()


async def test_the_file_is_there_when_it_returns(exporter: Exporter, tmp_path: Path) -> None:
    rows = await exporter.export(STORY, tmp_path / "r.xlsx")
    assert rows >= 0
    assert os.listdir(tmp_path) == ["r.xlsx"]


async def test_on_an_error_nothing_is_left(exporter: Exporter, tmp_path: Path) -> None:
    if isinstance(exporter, FakeExporter):
        exporter.trouble = [Temporary("disk full")]
    with pytest.raises(Temporary):
        await exporter.export(STORY, tmp_path / "missing" / "r.xlsx")
    assert os.listdir(tmp_path) == []


async def test_without_an_export_there_is_no_progress(exporter: Exporter, tmp_path: Path) -> None:
    await exporter.export(STORY, tmp_path / "r.xlsx")
    assert exporter.progress(RUN.id) is None
