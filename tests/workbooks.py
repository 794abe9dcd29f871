"""Writes workbooks from plain lists, and reads them back with another program."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from python_calamine import CalamineWorkbook

from bot.assets.values import Document
from bot.models import Failure, Person, Run, RunStatus, TaskCounts, TaskStatus
from bot.ports import Baseline, ReportInput
from bot.workbook.builder import write_workbook
from bot.workbook.cells import WorkbookOptions
from bot.workbook.diff import AssetSides, Side
from bot.workbook.finding_sheets import KIND_SHEETS
from tests.factories import NOW, make_run

LOOK = WorkbookOptions(zone=ZoneInfo("Asia/Shanghai"))
TITLES = ["概览", "变化", "站点", "IP", "系统服务", "域名", "资产统计"]  # of every workbook

Documents = Mapping[str, Sequence[Document]]
Book = dict[str, list[list[Any]]]


def ended_run(**changes: Any) -> Run:
    defaults: dict[str, Any] = {
        "id": "rabcdefghij",
        "status": RunStatus.FINISHED,
        "end_time": NOW + timedelta(seconds=90),
        "asked_by": Person(id="user01", name="李雷"),
        "task_ids": ("t1", "t2"),
        "task_counts": TaskCounts(total=2, done=1, error=1, found={"site": 1}),
        "failures": (Failure(task_id="t2", target="=1+1", status=TaskStatus.ERROR, reason="连接被拒绝"),),
    }
    return make_run(**(defaults | changes))


def run_before(**changes: Any) -> Run:
    times = {
        "start_time": NOW - timedelta(days=1),
        "end_time": NOW - timedelta(days=1) + timedelta(seconds=70),
    }
    tally = TaskCounts(total=2, done=2, found={"site": 2})
    return ended_run(**({"id": "rbefore", "task_counts": tally, "failures": (), **times} | changes))


def finds(mine: Documents, theirs: Documents | None = None) -> list[AssetSides]:
    """What two runs found, as an engine gives it: sorted by key."""
    return finds_of({Side.CURRENT: mine, Side.EARLIER: theirs or {}})


def finds_of(sides: Mapping[Side, Documents]) -> list[AssetSides]:
    """What was found, by side, as an engine gives it: sorted by key."""
    found = []
    for kind in dict.fromkeys((*KIND_SHEETS, *(kind for side in sides.values() for kind in side))):
        key = KIND_SHEETS[kind].asset.key if kind in KIND_SHEETS else str
        by_side = {side: sorted(each.get(kind, ()), key=key) for side, each in sides.items()}
        found.append(AssetSides(kind=kind, sides=by_side))
    return found


def compared_story(**changes: Any) -> ReportInput:
    """A run that has one before it to be compared with."""
    return ReportInput(run=ended_run(), baseline=Baseline(runs=(run_before(),), complete=("t0",)), **changes)


def written(
    folder: Path,
    mine: Documents,
    theirs: Documents | None = None,
    story: ReportInput | None = None,
    **look: Any,
) -> Book:
    """A workbook, written and read back; with `theirs` there was a run before."""
    told = story or (ReportInput(run=ended_run()) if theirs is None else compared_story())
    write_workbook(folder / "book.xlsx", told, finds(mine, theirs), options=replace(LOOK, **look))
    return book(folder / "book.xlsx")


def book(path: Path) -> Book:
    workbook = CalamineWorkbook.from_path(path)
    names = workbook.sheet_names
    return {name: workbook.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in names}


def cells(rows: Sequence[Sequence[Any]]) -> set[str]:
    return {str(cell) for row in rows for cell in row}


def facts(rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Labels and values of the sheet 概览, which has two pairs in a row."""
    right = {str(row[4]): row[6] for row in rows if len(row) > 6}
    return right | {str(row[0]): row[1] for row in rows if len(row) > 1}


def port(number: object, service: str = "http", product: str = "nginx", version: str = "1") -> dict[str, Any]:
    return {"port_id": number, "service_name": service, "product": product, "version": version}
