"""The page 概览: what is on top, what is masked, and that it prints on one page."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from openpyxl import load_workbook

from bot.models import Failure, TaskCounts, TaskStatus, Trend
from bot.ports import ReportInput
from bot.workbook.severities import SEVERITIES
from bot.workbook.writer import FONT_ORDER
from tests.workbooks import Documents, cells, compared_story, ended_run, written

LONG = '=HYPERLINK("http://evil.example","x") 很长的名字' * 40
NUCLEI = [
    {"vuln_url": f"http://{number}.com", "template_id": "t", "vuln_name": "x", "vuln_severity": severity}
    for number, severity in enumerate(["low", "critical", "odd", "info", "CRITICAL", "high"])
]


def overview(folder: Path, story: ReportInput, now: Documents, before: Documents | None = None) -> Any:
    """Write a workbook, and return its first sheet as another program reads it."""
    written(folder, now, before, story=story)
    return load_workbook(folder / "book.xlsx").worksheets[0]


def failed(count: int) -> tuple[Failure, ...]:
    return tuple(
        Failure(task_id=f"t{number}", target=LONG, status=TaskStatus.ERROR, reason=LONG)
        for number in range(count)
    )


def test_the_verdict_and_the_difference_are_on_top(tmp_path: Path) -> None:
    story = replace(compared_story(), run=ended_run(trend=Trend(was_well=True)))
    rows = written(tmp_path, {"site": [{"site": "a"}, {"site": "b"}]}, {"site": [{"site": "a"}]}, story=story)
    assert [row[0] for row in rows["概览"][:3]] == [
        "每日巡检",
        "变红，失败 1/2",
        "较 2026-11-23 11:00：站点 +1",
    ]


def test_a_first_run_has_no_difference(tmp_path: Path) -> None:
    run = ended_run(task_counts=TaskCounts(total=2, done=2), failures=())
    rows = written(tmp_path, {}, story=ReportInput(run=run))["概览"]
    assert [row[0] for row in rows[1:3]] == ["全部成功", "没有可对比的历史执行"]


@pytest.mark.parametrize("failures", [0, 3, 100])
def test_the_page_prints_in_portrait_on_one_sheet_of_paper(tmp_path: Path, failures: int) -> None:
    run = ended_run(task_counts=TaskCounts(total=200, error=failures), failures=failed(failures))
    sheet = overview(tmp_path, ReportInput(run=run, history=(run,) * 10), {})
    page = sheet.page_setup
    assert (page.orientation, page.paperSize, page.fitToWidth, page.fitToHeight) == ("portrait", 9, 1, 1)
    assert sheet.sheet_properties.pageSetUpPr.fitToPage
    rows = int(sheet.print_area.rpartition("$")[2])
    height = sum(sheet.row_dimensions[row].height or 15 for row in range(1, rows + 1))
    assert height < 1.9 * 780  # printed at more than half size


def test_what_is_not_on_the_page_follows_below(tmp_path: Path) -> None:
    run = ended_run(task_counts=TaskCounts(total=20, error=20), failures=failed(20))
    sheet = overview(tmp_path, ReportInput(run=run), {})
    last = int(sheet.print_area.rpartition("$")[2])
    titles = {sheet.cell(row, 1).value: row for row in range(1, sheet.max_row + 1)}
    assert titles["关于本报告"] < last < titles["其余失败"] < titles["全部子任务编号"]
    assert "另有 12 个，列在打印页之后" in titles


@pytest.mark.parametrize(("lang", "said"), [("zh-CN", "已脱敏"), ("en", "masked")])
def test_the_report_says_what_is_masked(tmp_path: Path, lang: str, said: str) -> None:
    story = ReportInput(run=ended_run())
    (sheet, *_) = written(tmp_path, {}, story=story, lang=lang).values()
    assert any(said in cell and "••••••" in cell for cell in cells(sheet))
    (sheet, *_) = written(tmp_path, {}, story=story, lang=lang, show_secrets=True).values()
    assert not any("••••••" in cell for cell in cells(sheet))


def test_severities_are_counted_in_their_order(tmp_path: Path) -> None:
    rows = written(tmp_path, {"nuclei_result": NUCLEI})["概览"]
    (found,) = [row for row in rows if row[0] == "Nuclei 结果" and row[1] == 6]
    assert [cell for cell in found[2:] if cell] == ["严重 2", "高危 1", "低危 1", "信息 1"]


def test_all_severities_are_counted_on_the_printed_page(tmp_path: Path) -> None:
    findings = [
        {"vuln_url": f"http://{name}.com", "template_id": "t", "vuln_name": "x", "vuln_severity": name}
        for name in SEVERITIES
    ]
    sheet = overview(tmp_path, compared_story(), {"nuclei_result": findings}, {})
    shown = [row for row in sheet.iter_rows(values_only=True) if row[:2] == ("Nuclei 结果", 6)]
    assert shown[0][5:10] == ("严重 1", "高危 1", "中危 1", "低危 1", "信息 1 · 未知 1")
    assert sheet.print_area.startswith("'概览'!$A$1:$J$")


def test_the_worst_findings_come_first_in_their_colors(tmp_path: Path) -> None:
    written(tmp_path, {"nuclei_result": NUCLEI})
    sheet = load_workbook(tmp_path / "book.xlsx")["Nuclei 结果"]
    shown = [(row[2].value, row[2].fill.fgColor.rgb) for row in sheet.iter_rows(min_row=2)]
    assert [name for name, _ in shown] == ["严重", "严重", "高危", "低危", "信息", "odd"]
    assert shown[0][1] == shown[1][1] == "00A8071A"
    assert len({color for _, color in shown}) == 5


def test_columns_are_as_wide_as_their_content_within_limits(tmp_path: Path) -> None:
    written(tmp_path, {"site": [{"site": "http://a.com", "title": "很长的标题" * 50}]})
    widths = load_workbook(tmp_path / "book.xlsx")["站点"].column_dimensions
    assert (widths["A"].width, widths["B"].width, widths["D"].width) == (14, 40, 10)


def test_long_sheets_repeat_their_header_on_each_printed_page(tmp_path: Path) -> None:
    written(tmp_path, {"site": [{"site": "a"}]})
    with ZipFile(tmp_path / "book.xlsx") as archive:
        names = archive.read("xl/workbook.xml").decode()
    titles = re.findall(r"_xlnm\.Print_Titles[^>]*>([^<]*)<", names)
    assert "'站点'!$1:$1" in titles


def test_properties_of_fonts_are_in_the_order_of_the_schema(tmp_path: Path) -> None:
    written(tmp_path, {"nuclei_result": NUCLEI})
    with ZipFile(tmp_path / "book.xlsx") as archive:
        styles = archive.read("xl/styles.xml")
    fonts = [re.findall(rb"<(\w+)\b", font) for font in re.findall(rb"<font>(.*?)</font>", styles)]
    assert len(fonts) > 5
    assert all(font == sorted(font, key=FONT_ORDER.index) for font in fonts)
