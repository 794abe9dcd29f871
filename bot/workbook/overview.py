"""Write the sheet 概览: facts and results of the run, failures, and a history of recent runs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.chart import BarChart, LineChart, Reference
from openpyxl.styles import Font
from openpyxl.worksheet.hyperlink import Hyperlink

from bot.assets.kinds import by_importance
from bot.assets.values import text
from bot.models import UNSUBMITTED, Failure, KindSummary, Run, TaskCounts
from bot.ports import ReportInput
from bot.workbook.cells import ACTIVE_CHARACTERS, WorkbookOptions, clean, local_time, truncate
from bot.workbook.diff import ChangeKind
from bot.workbook.writer import TIME_FORMAT, style_header
from cards.catalogue import display_name, explain, load_words

COLUMN_WIDTHS = (36, 30, 40, 30, 12, 12, 12, 12)
CHART_PLACES = ("J2", "T2")  # side by side, above the table of recent runs
MAX_CHART_LINES = 8
UNIT_STEP_LIMIT = 10  # charts below it have an axis in steps of 1
FAILURE_COLUMNS = ("target", "status", "reason", "task")
MAX_LISTED_NAMES = 5  # of runs or targets in one cell
_BOLD = Font(bold=True)
_LINK = Font(color="1677FF", underline="single")


@dataclass(frozen=True, kw_only=True)
class SheetSummary:
    """The counts of one kind, and the title of its sheet, if it has one."""

    summary: KindSummary
    sheet: str = ""
    in_order: bool = True  # False when the engine broke the order, so the comparison may be incomplete


@dataclass(frozen=True, kw_only=True)
class ChartRange:
    """The columns and rows that a chart shows, and their highest value."""

    columns: tuple[int, int]
    rows: int
    highest: int


class Overview:
    """The sheet 概览, written row by row."""

    def __init__(self, sheet: Any, options: WorkbookOptions) -> None:
        self._sheet = sheet
        self._options = options
        self._words = load_words("workbook", options.lang)
        self._row_count = 0

    def write(self, report_input: ReportInput, found: Sequence[SheetSummary]) -> None:
        self._write_facts(report_input)
        self._write_counts(report_input, found)
        self._write_failures(report_input.run)
        self._write_history(report_input.history)
        self._write_table("tasks", (), ((id_,) for id_ in report_input.run.submitted_task_ids))

    def _append(self, values: Iterable[object]) -> None:
        self._sheet.append([self._cell(value) for value in values])
        self._row_count += 1

    def _cell(self, value: object) -> object:
        """Build a cell. Text stays text, whatever it starts with."""
        if isinstance(value, datetime):
            value = local_time(value, self._options.zone)
        if value is None or isinstance(value, int | float | Cell):
            return value
        if isinstance(value, datetime):
            cell = WriteOnlyCell(self._sheet, value=value)
            cell.number_format = TIME_FORMAT
            return cell
        shown = clean(truncate(text(value)))
        cell = WriteOnlyCell(self._sheet, value=shown)
        cell.data_type, cell.quotePrefix = "s", shown[:1] in ACTIVE_CHARACTERS
        return cell

    def _header_cell(self, value: str) -> Cell:
        cell = WriteOnlyCell(self._sheet, value=clean(value))
        cell.data_type = "s"
        style_header(cell)
        return cell

    def _bold_cell(self, value: str) -> Cell:
        cell = WriteOnlyCell(self._sheet, value=value)
        cell.font = _BOLD
        return cell

    def _link_cell(self, name: str, sheet: str) -> Cell:
        """Link to a sheet of this workbook. Values from a scan never become links."""
        cell = WriteOnlyCell(self._sheet, value=name)
        cell.hyperlink = Hyperlink(ref="", location=f"'{sheet}'!A1")
        cell.font = _LINK
        return cell

    def _write_table(self, title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Write a table with a title below the last row, unless it has no rows."""
        for number, row in enumerate(rows):
            if number == 0:
                self._append(())
                self._append((self._bold_cell(self._words[title]),))
                if header:
                    self._append([self._header_cell(name) for name in header])
            self._append(row)

    def _write_facts(self, report_input: ReportInput) -> None:
        for name, value in run_facts(report_input, self._options):
            self._append((self._bold_cell(name), value))

    def _write_counts(self, report_input: ReportInput, found: Sequence[SheetSummary]) -> None:
        words = self._words
        changes = list(ChangeKind) if report_input.baseline else []
        header = [words["kind"], words["rows"], *(words[change] for change in changes)]
        rows = (
            (
                self._name(each),
                each.summary.total,
                *(getattr(each.summary, change) for change in changes),
            )
            for each in found
        )
        self._write_table("found", header, rows)
        self._write_notes(report_input, found)

    def _name(self, found: SheetSummary) -> object:
        name = display_name(found.summary.kind, self._options.lang)
        return self._link_cell(name, found.sheet) if found.sheet else name

    def _write_notes(self, report_input: ReportInput, found: Sequence[SheetSummary]) -> None:
        """Write what the comparison leaves out."""
        words, baseline = self._words, report_input.baseline
        if baseline is None:
            return
        if report_input.unfinished:
            self._append((words["partial_note"].format(count=len(report_input.unfinished)),))
        if report_input.run.is_retry:
            self._append((words["retry_note"],))
        if baseline.first_covered:
            self._append((words["first_note"].format(targets=shorten(baseline.first_covered)),))
        for each in found:
            if not each.in_order:
                kind = display_name(each.summary.kind, self._options.lang)
                self._append((words["order_note"].format(kind=kind),))

    def _write_failures(self, run: Run) -> None:
        header, lang = [self._words[name] for name in FAILURE_COLUMNS], self._options.lang
        rows = (
            (each.target, self._words[each.status.value], explain(each.reason, lang), _engine_task_id(each))
            for each in run.failures
        )
        self._write_table("failures", header, rows)
        hidden = run.task_counts.failed - len(run.failures) if run.task_counts and run.failures else 0
        if hidden > 0:
            self._append((self._words["more"].format(count=hidden),))

    def _write_history(self, history: Sequence[Run]) -> None:
        """Write the table of recent runs, with its charts."""
        kinds = found_kinds(history)
        names = ("start", "run", "seconds", "done", "failed")
        labels = [display_name(kind, self._options.lang) for kind in kinds]
        header = [*(self._words[name] for name in names), *labels]
        rows = [history_row(run, kinds) for run in history]
        self._write_table("history", [name.format(zone=self._options.zone.key) for name in header], rows)
        if rows:
            shown = kinds[:MAX_CHART_LINES]
            self._draw_tasks(history, (len(names) - 1, len(names)))
            if shown:
                self._draw_kinds(history, shown, (len(names) + 1, len(names) + len(shown)))

    def _draw_tasks(self, history: Sequence[Run], columns: tuple[int, int]) -> None:
        chart: Any = BarChart()
        chart.grouping, chart.overlap = "stacked", 100
        highest = max(run.task_counts.ended if run.task_counts else 0 for run in history)
        self._draw(
            chart,
            "chart_tasks",
            CHART_PLACES[0],
            ChartRange(columns=columns, rows=len(history), highest=highest),
        )

    def _draw_kinds(self, history: Sequence[Run], kinds: Sequence[str], columns: tuple[int, int]) -> None:
        chart: Any = LineChart()
        highest = max(asset_counts(run).get(kind, 0) for run in history for kind in kinds)
        self._draw(
            chart,
            "chart_found",
            CHART_PLACES[1],
            ChartRange(columns=columns, rows=len(history), highest=highest),
        )
        for line in chart.series:
            line.smooth = False  # openpyxl's default is a curve that overshoots
            line.marker.symbol, line.marker.size = "circle", 5  # a single run is a point without a line

    def _draw(self, chart: Any, title: str, place: str, block: ChartRange) -> None:
        """Place a chart of the last table beside it."""
        (first, last), top = block.columns, self._row_count - block.rows  # `top` is the header
        data = Reference(self._sheet, min_col=first, max_col=last, min_row=top, max_row=self._row_count)
        chart.add_data(data, titles_from_data=True)
        chart.title, chart.height, chart.width = self._words[title], 7.5, 16
        chart.title.overlay = chart.legend.overlay = False
        chart.x_axis.number_format, chart.y_axis.number_format = "mm-dd hh:mm", "#,##0"
        chart.x_axis.delete, chart.y_axis.delete, chart.y_axis.scaling.min = False, False, 0
        if block.highest < UNIT_STEP_LIMIT:  # Excel would choose steps of 0.5
            chart.y_axis.majorUnit = 1
        chart.set_categories(Reference(self._sheet, min_col=1, min_row=top + 1, max_row=self._row_count))
        self._sheet.add_chart(chart, place)


def run_facts(report_input: ReportInput, options: WorkbookOptions) -> Iterator[tuple[str, object]]:
    """Yield the facts of a run with their labels. Unknown facts are left out."""
    words, run, baseline = load_words("workbook", options.lang), report_input.run, report_input.baseline
    counts = run.task_counts or TaskCounts(total=0)
    values: Mapping[str, object] = {
        "schedule": run.schedule_name,
        "run": run.id,
        "trigger": words[run.trigger.value],
        "asked_by": text(run.asked_by),
        "start": run.start_time,
        "end": run.end_time,
        "seconds": duration_seconds(run),
        "message": explain(run.error_msg, options.lang),
        "targets": ", ".join(run.schedule.targets),
        "total": counts.total,
        "done": counts.done,
        "error": counts.error,
        "stop": counts.stop,
        "missing": counts.missing,
        "previous": shorten([each.id for each in baseline.runs]) if baseline else words["no_previous"],
        "previous_start": baseline.runs[0].start_time if baseline else None,
        "secrets": words["open" if options.show_secrets else "hidden"],
    }
    offset = f"{run.start_time.astimezone(options.zone):%z}"
    zone = f"{options.zone.key} {offset[:3]}:{offset[3:]}"
    yield from (
        (words[name].format(zone=zone), value) for name, value in values.items() if value not in {None, ""}
    )


def shorten(names: Sequence[str]) -> str:
    """Return the first names, and the total when some are left out."""
    shown = ", ".join(names[:MAX_LISTED_NAMES])
    return f"{shown}, … ({len(names)})" if len(names) > MAX_LISTED_NAMES else shown


def duration_seconds(run: Run) -> float | None:
    return round((run.end_time - run.start_time).total_seconds(), 1) if run.end_time else None


def asset_counts(run: Run) -> Mapping[str, int]:
    """Return the counts of a run's report by kind. Empty without a report."""
    return {each.kind: each.total for each in run.findings.kinds} if run.findings else {}


def found_kinds(history: Iterable[Run]) -> list[str]:
    """Return the kinds that any of these runs found, the most important first."""
    found = {kind for run in history for kind, total in asset_counts(run).items() if total}
    return sorted(found, key=by_importance)


def history_row(run: Run, kinds: Sequence[str]) -> Sequence[object]:
    """Return a row of the history. Unknown counts stay empty."""
    tasks, assets = run.task_counts or TaskCounts(total=0), asset_counts(run)
    totals = (assets.get(kind, 0) if run.findings else None for kind in kinds)
    return (run.start_time, run.id, duration_seconds(run), tasks.done, tasks.failed, *totals)


def _engine_task_id(failure: Failure) -> str:
    """Return the id of the engine's task, or "" for one that was never submitted."""
    return "" if failure.task_id.startswith(UNSUBMITTED) else failure.task_id
