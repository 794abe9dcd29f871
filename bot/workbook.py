"""The Excel file of a run: documents in, workbook out; memory stays flat in rows. Pure but for the file.

Cells with text from outside are written as text, whatever they begin with, so that no formula comes of them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from bot.models import Run, Tally
from bot.sheets import (
    DOMAIN,
    IP,
    SERVICE,
    SITE,
    STATISTICS,
    Document,
    Row,
    SheetPlan,
    Statistics,
    domain_row,
    ip_row,
    ports_of,
    service_rows,
    site_row,
    text,
)

MOST_ROWS = 1_048_576  # of a sheet, Excel's own limit
MOST_CHARACTERS = 32_767  # of a cell, likewise
CUT = "…（已截断 / cut）"
KEYS = {"ip": "ip", "site": "site", "domain": "domain"}  # what the documents of a kind are merged by

_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_HEADER = PatternFill("solid", fgColor="1677FF")
_WHITE = Font(bold=True, color="FFFFFF")
_BOLD = Font(bold=True)

WORDS = {
    "zh-CN": {
        "overview": "概览", "schedule": "计划", "run": "执行", "trigger": "触发",
        "asked_by": "发起人",
        "start": "开始", "end": "结束", "seconds": "用时（秒）", "total": "子任务",
        "done": "成功", "error": "失败",
        "stop": "停止", "missing": "丢失", "found": "发现", "failures": "失败明细",
        "target": "目标", "status": "状态",
        "reason": "原因", "task": "子任务编号", "targets": "扫描目标",
        "tasks": "全部子任务编号", "message": "说明",
    },
    "en": {
        "overview": "Overview", "schedule": "Schedule", "run": "Run", "trigger": "Trigger",
        "asked_by": "Asked by", "start": "Start", "end": "End", "seconds": "Duration (s)", "total": "Tasks",
        "done": "Done", "error": "Failed", "stop": "Stopped", "missing": "Missing", "found": "Found",
        "failures": "Failures", "target": "Target", "status": "Status", "reason": "Reason", "task": "Task id",
        "targets": "Targets", "tasks": "All task ids", "message": "Message",
    },
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class WorkbookLook:
    """How people want to read it."""

    zone: ZoneInfo
    lang: str = "zh-CN"


class Sheet:
    """Rows of one plan; goes on in a second sheet when Excel's limit is reached."""

    def __init__(self, book: Workbook, plan: SheetPlan, *, most_rows: int = MOST_ROWS) -> None:
        self._book = book
        self._plan = plan
        self._most = most_rows
        self._parts = 0
        self._used = 0
        self.rows = 0
        self._begin()

    def _begin(self) -> None:
        self._parts += 1
        title = self._plan.title if self._parts == 1 else f"{self._plan.title} {self._parts}"
        self._sheet: Any = self._book.create_sheet(title)  # its stubs lack half of what it has
        for number, width in enumerate(self._plan.widths, 1):
            self._sheet.column_dimensions[get_column_letter(number)].width = width
        if self._plan.header:
            self._sheet.freeze_panes = "A2"
            self._sheet.append([header_cell(self._sheet, name) for name in self._plan.header])
        self._used = len(self._plan.header) and 1

    def append(self, row: Row) -> None:
        if self._used >= self._most:
            self._finish()
            self._begin()
        self._sheet.append([cell(self._sheet, value) for value in row])
        self._used += 1
        self.rows += 1

    def _finish(self) -> None:
        if self._plan.header:
            last = get_column_letter(len(self._plan.header))
            self._sheet.auto_filter.ref = f"A1:{last}{self._used}"

    close = _finish


def cell(sheet: WriteOnlyWorksheet, value: object) -> object:
    """A value as a cell takes it: numbers as numbers, anything else as inert text."""
    if value is None or isinstance(value, bool | int | float | datetime | Cell):
        return value
    clean = _UNWRITABLE.sub("", str(value))
    if len(clean) > MOST_CHARACTERS:
        clean = clean[: MOST_CHARACTERS - len(CUT)] + CUT
    if clean[:1] not in {"=", "#"}:
        return clean
    inert = WriteOnlyCell(sheet, value=clean)
    inert.data_type = "s"  # else openpyxl makes a formula, or an error, of it
    return inert


def header_cell(sheet: WriteOnlyWorksheet, name: str) -> Cell:
    styled = WriteOnlyCell(sheet, value=name)
    styled.font, styled.fill, styled.alignment = _WHITE, _HEADER, Alignment(vertical="center")
    return styled


def write_workbook(
    path: Path, run: Run, documents: Iterable[tuple[str, Document]], *, look: WorkbookLook
) -> int:
    """Write the report of an ended run; its data rows.

    `documents` are pairs of kind and document in the order `ip`, `site`, `domain`, those of a kind sorted
    by the
    key they are merged by. Raises `OSError` when the disk does.
    """
    book = Workbook(write_only=True)
    overview = Sheet(book, SheetPlan(title=WORDS[look.lang]["overview"], header=(), widths=(22, 40, 40, 46)))
    for row in overview_rows(run, look):
        overview.append(row)
    assets = Assets(book)
    for kind, group in merged(documents):
        assets.add(kind, group)
    counts = Sheet(book, SheetPlan(title=STATISTICS, header=(), widths=_wide({"A": 20, "F": 20, "K": 40})))
    for row in assets.statistics.rows():
        counts.append(row)
    rows = assets.close()
    book.save(path)
    return rows


class Assets:
    """ARL's sheets of assets; those of addresses are fed together, in one pass."""

    def __init__(self, book: Workbook) -> None:
        self.statistics = Statistics()
        self._site, self._ip, self._service, self._domain = (
            Sheet(book, plan) for plan in (SITE, IP, SERVICE, DOMAIN)
        )

    def add(self, kind: str, group: Sequence[Document]) -> None:
        """One merged thing; kinds without a sheet are left out."""
        if kind == "site":
            self._site.append(site_row(group))
        elif kind == "domain":
            self._domain.append(domain_row(group))
        elif kind == "ip":
            ports = ports_of(group)
            self._ip.append(ip_row(group, ports))
            for row in service_rows(text(group[0].get("ip")), ports):
                self._service.append(row)
            self.statistics.add(ports)

    def close(self) -> int:
        """Finish the sheets; their data rows."""
        sheets = (self._site, self._ip, self._service, self._domain)
        for sheet in sheets:
            sheet.close()
        return sum(sheet.rows for sheet in sheets)


def merged(documents: Iterable[tuple[str, Document]]) -> Iterator[tuple[str, list[Document]]]:
    """The documents of one thing together, as long as they stand together."""

    def key(pair: tuple[str, Document]) -> tuple[str, str]:
        kind, document = pair
        return kind, text(document.get(KEYS.get(kind, "")))

    for (kind, _), group in groupby(documents, key):
        yield kind, [document for _, document in group]


def overview_rows(run: Run, look: WorkbookLook) -> Iterator[Row]:
    """What was run, when, by whom, how it ended, and what failed and why."""
    words, tally = WORDS[look.lang], run.tally or Tally(total=0)
    seconds = round((run.end_time - run.start_time).total_seconds(), 1) if run.end_time else None
    facts: Mapping[str, Any] = {
        "schedule": run.schedule_name,
        "run": run.id,
        "trigger": run.trigger.value,
        "asked_by": text(run.asked_by),
        "start": _local(run.start_time, look),
        "end": _local(run.end_time, look),
        "seconds": seconds,
        "message": run.error_msg,
        "targets": ", ".join(run.schedule.targets),
        "total": tally.total,
        "done": tally.done,
        "error": tally.error,
        "stop": tally.stop,
        "missing": tally.missing,
        "found": ", ".join(f"{kind} {count}" for kind, count in sorted(tally.found.items())),
    }
    yield from ((words[name], value) for name, value in facts.items() if value not in {None, ""})
    if run.failures:
        yield ()
        yield (words["failures"],)
        yield tuple(words[name] for name in ("target", "status", "reason", "task"))
        for failure in run.failures:
            yield failure.target, failure.status.value, failure.reason, failure.task_id
    yield ()
    yield (words["tasks"],)
    for task_id in run.task_ids:
        yield (task_id,)


def _local(time: datetime | None, look: WorkbookLook) -> str:
    """A time with its zone, as text: Excel's own times know none."""
    return time.astimezone(look.zone).strftime("%Y-%m-%d %H:%M:%S %z") if time else ""


def _wide(widths: Mapping[str, int]) -> list[int]:
    return [widths.get(get_column_letter(number), 12) for number in range(1, 14)]
