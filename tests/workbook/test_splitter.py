"""A report too big to send becomes parts that each open alone."""

import asyncio
import os
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.chart import BarChart, Reference
from openpyxl.styles import Font
from python_calamine import CalamineWorkbook

from bot.errors import PermanentError, TemporaryError
from bot.exporters.local.splitter import split_report
from bot.workbook.splitter import MAX_PARTS, MIN_ROWS_TO_SPLIT, SplitPlan, TooBigError, split

WHEN = datetime(2026, 11, 24, 3, 0)  # noqa: DTZ001 - Excel's times know no zone
HEAD = ["地址", "端口", "时间", "标题"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A report of 6,000 rows, hard to compress."""
    book = Workbook(write_only=True)
    overview = book.create_sheet("概览")
    overview.append(["计划", "每日巡检"])
    book.create_sheet("空").append(HEAD)
    book.create_sheet("没有")
    sites = book.create_sheet("站点")
    sites.freeze_panes = "A2"
    sites.column_dimensions["A"].width = 33
    bold = [WriteOnlyCell(sites, value=name) for name in HEAD]
    for each in bold:
        each.font = Font(bold=True)
    sites.append(bold)
    for number in range(6_000):
        evil = WriteOnlyCell(sites, value=f"=HYPERLINK({sha256(str(number).encode()).hexdigest()})")
        evil.data_type = "s"
        sites.append([f"192.0.2.{number}", number, WHEN, evil])
    sites.auto_filter.ref = "A1:D6001"
    path = tmp_path / "report.xlsx"
    book.save(path)
    return path


def cut(source: Path, share: float) -> SplitPlan:
    return SplitPlan(folder=source.parent, stem="每日巡检", max_bytes=int(source.stat().st_size * share))


def rows(path: Path, sheet: str) -> list[list[Any]]:
    return CalamineWorkbook.from_path(path).get_sheet_by_name(sheet).to_python()


def test_every_row_is_in_exactly_one_part_in_its_order(source: Path) -> None:
    order = cut(source, 0.4)
    parts = split(source, order)
    assert all(path.stat().st_size <= order.max_bytes for path in parts)
    together = [row for path in parts for row in rows(path, "站点")[1:]]
    assert together == rows(source, "站点")[1:]
    assert {tuple(rows(path, "站点")[0]) for path in parts} == {tuple(HEAD)}


@pytest.mark.parametrize(("lang", "label"), [("zh-CN", "第 {} 部分，共 2 部分"), ("en", "Part {} of 2")])
def test_each_part_says_which_it_is_and_what_was_run(source: Path, lang: str, label: str) -> None:
    parts = split(source, replace(cut(source, 0.6), lang=lang))
    assert [path.name for path in parts] == ["每日巡检_1-2.xlsx", "每日巡检_2-2.xlsx"]
    for number, path in enumerate(parts, 1):
        first, _, last = rows(path, "概览")
        assert first[:2] == ["计划", "每日巡检"]
        assert last[0] == label.format(number)
        assert CalamineWorkbook.from_path(path).sheet_names == ["概览", "空", "没有", "站点"]


def test_text_stays_text_and_times_stay_times(source: Path) -> None:
    (first, *_) = split(source, cut(source, 0.6))
    sheet = load_workbook(first)["站点"]
    title, when = sheet["D2"], sheet["C2"]
    assert (title.data_type, title.value[:11]) == ("s", "=HYPERLINK(")
    assert (when.is_date, when.value) == (True, WHEN)
    assert (sheet["A1"].font.b, sheet.column_dimensions["A"].width) == (True, 33)
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:D3001")


def test_a_report_too_big_for_all_parts_raises(source: Path) -> None:
    with pytest.raises(TooBigError):
        split(source, cut(source, 1 / (2 * MAX_PARTS)))
    assert list(source.parent.glob("*.xlsx")) == [source]


def test_charts_and_short_sheets_stand_whole_in_every_part(tmp_path: Path) -> None:
    book = Workbook()
    overview: Any = book.active  # its stubs know neither its charts nor those of a sheet that was read
    counts, sites = book.create_sheet("资产统计"), book.create_sheet("站点")
    for number in range(5):
        counts.append(["nginx", number])
    chart = BarChart()
    chart.add_data(Reference(counts, min_col=2, min_row=1, max_row=5))
    overview.append(["计划"])
    overview.add_chart(chart, "A3")
    for number in range(4 * MIN_ROWS_TO_SPLIT):
        sites.append([sha256(str(number).encode()).hexdigest()])
    book.save(path := tmp_path / "chart.xlsx")
    for part in split(path, cut(path, 0.7)):
        read = load_workbook(part)
        first: Any = read.worksheets[0]
        assert len(first._charts) == 1
        assert [row[1].value for row in read["资产统计"].iter_rows()] == list(range(5))


def test_words_that_look_like_rows_stay_as_they_are(tmp_path: Path) -> None:
    book = Workbook(write_only=True)
    book.create_sheet("概览").append(["计划"])
    sheet, evil = book.create_sheet("站点"), '</row><row r="9"><c r="A7"> <c r="B1" & r="C3"'
    for number in range(2 * MIN_ROWS_TO_SPLIT):
        sheet.append([evil, number, None, f"x{number}"])
    book.save(path := tmp_path / "evil.xlsx")
    parts = split(path, cut(path, 0.9))
    together = [row for part in parts for row in rows(part, "站点")[1:]]
    assert together == rows(path, "站点")[1:]
    assert together[0][0] == evil


def test_rows_of_unlike_size_are_cut_finer_until_all_parts_fit(tmp_path: Path) -> None:
    book = Workbook(write_only=True)
    book.create_sheet("概览").append(["计划"])
    sheet = book.create_sheet("站点")
    for number in range(4_000):
        sheet.append([sha256(str(number).encode()).hexdigest() if number < 2_000 else "same"])
    book.save(path := tmp_path / "uneven.xlsx")
    parts = split(path, order := cut(path, 0.6))
    assert len(parts) > 2
    assert max(part.stat().st_size for part in parts) <= order.max_bytes
    assert sum(len(rows(part, "站点")) - 1 for part in parts) == 3_999
    assert sorted(tmp_path.glob("每日巡检*")) == sorted(parts)


async def test_a_cancelled_child_is_killed(tmp_path: Path) -> None:
    os.mkfifo(source := tmp_path / "endless.xlsx")
    cutting = asyncio.create_task(split_report(source, tmp_path, "x", 10_000_000))
    writer = await asyncio.to_thread(os.open, source, os.O_WRONLY)  # returns once the child reads
    cutting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cutting
    with pytest.raises(BrokenPipeError):
        os.write(writer, b"nobody reads this")
    os.close(writer)


async def test_the_child_does_the_same(source: Path, tmp_path: Path) -> None:
    order = cut(source, 0.6)
    parts = await split_report(source, tmp_path, order.stem, order.max_bytes)
    assert [path.name for path in parts] == ["每日巡检_1-2.xlsx", "每日巡检_2-2.xlsx"]


async def test_the_child_reports_its_errors(source: Path, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"web\.public_url"):
        await split_report(source, tmp_path, "x", 100)
    with pytest.raises(TemporaryError, match="No such file"):
        await split_report(tmp_path / "gone.xlsx", tmp_path, "x", 10_000)
