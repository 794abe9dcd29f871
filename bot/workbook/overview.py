"""The sheet 概览: what was run, when, for whom, how it ended, what is new, and how the last runs went."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.chart import BarChart, LineChart, Reference
from openpyxl.styles import Font
from openpyxl.worksheet.hyperlink import Hyperlink

from bot.assets.kinds import by_importance, display_name
from bot.assets.values import text
from bot.models import UNSUBMITTED, Failure, KindSummary, Run, TaskCounts
from bot.ports import ReportInput
from bot.workbook.cells import ACTIVE_CHARACTERS, WorkbookOptions, clean, local_time, truncate
from bot.workbook.diff import ChangeKind
from bot.workbook.labels import WORDS
from bot.workbook.writer import TIME_FORMAT, style_header

COLUMN_WIDTHS = (36, 30, 40, 30, 12, 12, 12, 12)
MAX_CHART_LINES = 8
UNIT_STEP_LIMIT = 10
MAX_LISTED_NAMES = 5  # of runs and targets
_BOLD = Font(bold=True)
_LINK = Font(color="1677FF", underline="single")


@dataclass(frozen=True, kw_only=True)
class SheetSummary:
    """What was found of one kind, and the sheet it stands on, if there is one."""

    summary: KindSummary
    sheet: str = ""
    in_order: bool = True  # the documents came in order, so the comparison is complete


@dataclass(frozen=True, kw_only=True)
class ChartRange:
    """Columns and rows of a chart, and the highest number in them."""

    columns: tuple[int, int]
    rows: int
    highest: int


class Overview:
    """Writes the sheet, row by row."""

    def __init__(self, sheet: Any, look: WorkbookOptions) -> None:
        self._sheet = sheet
        self._options = look
        self._words = WORDS[look.lang]
        self._row_count = 0

    def write(self, story: ReportInput, found: Sequence[SheetSummary]) -> None:
        self._write_facts(story)
        self._write_counts(story, found)
        self._write_failures(story.run)
        self._write_history(story.history)
        self._write_table("tasks", (), ((id_,) for id_ in story.run.submitted_task_ids))

    def _append(self, values: Iterable[object]) -> None:
        self._sheet.append([self._cell(value) for value in values])
        self._row_count += 1

    def _cell(self, value: object) -> object:
        """Text from outside stays text, whatever it begins with."""
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
        """To a sheet of this workbook; nothing found by a scan becomes a link."""
        cell = WriteOnlyCell(self._sheet, value=name)
        cell.hyperlink = Hyperlink(ref="", location=f"'{sheet}'!A1")
        cell.font = _LINK
        return cell

    def _write_table(self, title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A titled table below what is there; one without rows is left out."""
        for number, row in enumerate(rows):
            if number == 0:
                self._append(())
                self._append((self._bold_cell(self._words[title]),))
                if header:
                    self._append([self._header_cell(name) for name in header])
            self._append(row)

    def _write_facts(self, story: ReportInput) -> None:
        for name, value in run_facts(story, self._options):
            self._append((self._bold_cell(name), value))

    def _write_counts(self, story: ReportInput, found: Sequence[SheetSummary]) -> None:
        words = self._words
        verdicts = list(ChangeKind) if story.baseline else []
        header = [words["kind"], words["rows"], *(words[verdict] for verdict in verdicts)]
        rows = (
            (
                self._name(each),
                each.summary.total,
                *(getattr(each.summary, verdict) for verdict in verdicts),
            )
            for each in found
        )
        self._write_table("found", header, rows)
        self._write_notes(story, found)

    def _name(self, found: SheetSummary) -> object:
        name = display_name(found.summary.kind, self._options.lang)
        return self._link_cell(name, found.sheet) if found.sheet else name

    def _write_notes(self, story: ReportInput, found: Sequence[SheetSummary]) -> None:
        """Say what the comparison leaves out."""
        words, base = self._words, story.baseline
        if base is None:
            return
        if story.unfinished:
            self._append((words["partial_note"].format(count=len(story.unfinished)),))
        if story.run.is_retry:
            self._append((words["retry_note"],))
        if base.first_covered:
            self._append((words["first_note"].format(targets=shorten(base.first_covered)),))
        for each in found:
            if not each.in_order:
                kind = display_name(each.summary.kind, self._options.lang)
                self._append((words["order_note"].format(kind=kind),))

    def _write_failures(self, run: Run) -> None:
        header = [self._words[name] for name in ("target", "status", "reason", "task")]
        rows = (
            (each.target, self._words[each.status.value], each.reason, _engine_task_id(each))
            for each in run.failures
        )
        self._write_table("failures", header, rows)
        hidden = run.task_counts.failed - len(run.failures) if run.task_counts and run.failures else 0
        if hidden > 0:
            self._append((self._words["more"].format(count=hidden),))

    def _write_history(self, history: Sequence[Run]) -> None:
        """The table of the last runs, and the charts that show it."""
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
            chart, "chart_tasks", "J2", ChartRange(columns=columns, rows=len(history), highest=highest)
        )

    def _draw_kinds(self, history: Sequence[Run], kinds: Sequence[str], columns: tuple[int, int]) -> None:
        chart: Any = LineChart()
        highest = max(asset_counts(run).get(kind, 0) for run in history for kind in kinds)
        self._draw(
            chart, "chart_found", "J18", ChartRange(columns=columns, rows=len(history), highest=highest)
        )
        for line in chart.series:
            line.smooth = False  # openpyxl's own choice is a curve, which overshoots
            line.marker.symbol, line.marker.size = "circle", 5  # a single run is a point, and no line

    def _draw(self, chart: Any, title: str, place: str, block: ChartRange) -> None:
        """Put a chart of the table at the end of the sheet beside the others."""
        (first, last), top = block.columns, self._row_count - block.rows  # `top` is the header
        data = Reference(self._sheet, min_col=first, max_col=last, min_row=top, max_row=self._row_count)
        chart.add_data(data, titles_from_data=True)
        chart.title, chart.height, chart.width = self._words[title], 7.5, 16
        chart.title.overlay = chart.legend.overlay = False
        chart.x_axis.number_format, chart.y_axis.number_format = "mm-dd hh:mm", "#,##0"
        chart.x_axis.delete, chart.y_axis.delete, chart.y_axis.scaling.min = False, False, 0
        if block.highest < UNIT_STEP_LIMIT:  # Excel would take steps of a half
            chart.y_axis.majorUnit = 1
        chart.set_categories(Reference(self._sheet, min_col=1, min_row=top + 1, max_row=self._row_count))
        self._sheet.add_chart(chart, place)


def run_facts(story: ReportInput, look: WorkbookOptions) -> Iterator[tuple[str, object]]:
    """What was run, when, for whom and how it ended; what is not known is left out."""
    words, run, base = WORDS[look.lang], story.run, story.baseline
    tally = run.task_counts or TaskCounts(total=0)
    values: Mapping[str, object] = {
        "schedule": run.schedule_name,
        "run": run.id,
        "trigger": words[run.trigger.value],
        "asked_by": text(run.asked_by),
        "start": run.start_time,
        "end": run.end_time,
        "seconds": duration_seconds(run),
        "message": run.error_msg,
        "targets": ", ".join(run.schedule.targets),
        "total": tally.total,
        "done": tally.done,
        "error": tally.error,
        "stop": tally.stop,
        "missing": tally.missing,
        "previous": shorten([each.id for each in base.runs]) if base else words["no_previous"],
        "previous_start": base.runs[0].start_time if base else None,
        "secrets": words["open" if look.show_secrets else "hidden"],
    }
    offset = f"{run.start_time.astimezone(look.zone):%z}"
    zone = f"{look.zone.key} {offset[:3]}:{offset[3:]}"
    yield from (
        (words[name].format(zone=zone), value) for name, value in values.items() if value not in {None, ""}
    )


def shorten(names: Sequence[str]) -> str:
    """Return the first names, and how many there are when some are left out."""
    shown = ", ".join(names[:MAX_LISTED_NAMES])
    return f"{shown}, … ({len(names)})" if len(names) > MAX_LISTED_NAMES else shown


def duration_seconds(run: Run) -> float | None:
    return round((run.end_time - run.start_time).total_seconds(), 1) if run.end_time else None


def asset_counts(run: Run) -> Mapping[str, int]:
    """Return what the report of a run counted, each asset once; a run without a report has no numbers."""
    return {each.kind: each.total for each in run.findings.kinds} if run.findings else {}


def found_kinds(history: Iterable[Run]) -> list[str]:
    """Return the kinds that any of these runs found, the most important first."""
    found = {kind for run in history for kind, total in asset_counts(run).items() if total}
    return sorted(found, key=by_importance)


def history_row(run: Run, kinds: Sequence[str]) -> Sequence[object]:
    """Return one line of the table; a number that nobody counted stays empty."""
    tally, counts = run.task_counts or TaskCounts(total=0), asset_counts(run)
    numbers = (counts.get(kind, 0) if run.findings else None for kind in kinds)
    return (run.start_time, run.id, duration_seconds(run), tally.done, tally.failed, *numbers)


def _engine_task_id(failure: Failure) -> str:
    """Return the id of the engine's task, or "" for one that was never submitted."""
    return "" if failure.task_id.startswith(UNSUBMITTED) else failure.task_id
