"""The sheet 概览: what was run, when, for whom, how it ended, what is new, and how the last runs went."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.chart import BarChart, LineChart, Reference
from openpyxl.styles import Font
from openpyxl.worksheet.hyperlink import Hyperlink

from bot.cells import ACTIVE, WorkbookLook, cleaned, cut, local
from bot.diff import Verdict
from bot.models import UNSUBMITTED, Failure, Run, Tally
from bot.package import TIME_FORMAT, dress
from bot.ports import Story
from bot.values import text
from bot.words import WORDS

WIDTHS = (36, 30, 40, 30, 12, 12, 12, 12)
SHOWN_KINDS = 8  # lines of the chart
_BOLD = Font(bold=True)
_LINK = Font(color="1677FF", underline="single")


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was found of one kind, and how that differs from the run before."""

    title: str
    rows: int | None  # of its sheet; None when it has none
    changes: Mapping[Verdict, int]
    held: bool = True  # the documents came in order, so the comparison is complete


class Overview:
    """Writes the sheet, row by row."""

    def __init__(self, sheet: Any, look: WorkbookLook) -> None:
        self._sheet = sheet
        self._look = look
        self._words = WORDS[look.lang]
        self._used = 0

    def write(self, story: Story, found: Sequence[Found]) -> None:
        self._facts(story)
        self._counts(story, found)
        self._failures(story.run)
        self._last_runs(story.history)
        self._block("tasks", (), ((id_,) for id_ in story.run.submitted_task_ids))

    def _row(self, values: Iterable[object]) -> None:
        self._sheet.append([self._cell(value) for value in values])
        self._used += 1

    def _cell(self, value: object) -> object:
        """Text from outside stays text, whatever it begins with."""
        if isinstance(value, datetime):
            value = local(value, self._look.zone)
        if value is None or isinstance(value, int | float | Cell):
            return value
        if isinstance(value, datetime):
            cell = WriteOnlyCell(self._sheet, value=value)
            cell.number_format = TIME_FORMAT
            return cell
        shown = cleaned(cut(text(value)))
        cell = WriteOnlyCell(self._sheet, value=shown)
        cell.data_type, cell.quotePrefix = "s", shown[:1] in ACTIVE
        return cell

    def _dressed(self, value: str) -> Cell:
        cell = WriteOnlyCell(self._sheet, value=cleaned(value))
        cell.data_type = "s"
        dress(cell)
        return cell

    def _bold(self, value: str) -> Cell:
        cell = WriteOnlyCell(self._sheet, value=value)
        cell.font = _BOLD
        return cell

    def _link(self, title: str) -> Cell:
        """To a sheet of this workbook; nothing found by a scan becomes a link."""
        cell = WriteOnlyCell(self._sheet, value=title)
        cell.hyperlink = Hyperlink(ref="", location=f"'{title}'!A1")
        cell.font = _LINK
        return cell

    def _block(self, title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A titled table below what is there; one without rows is left out."""
        for number, row in enumerate(rows):
            if number == 0:
                self._row(())
                self._row((self._bold(self._words[title]),))
                if header:
                    self._row([self._dressed(name) for name in header])
            self._row(row)

    def _facts(self, story: Story) -> None:
        for name, value in facts(story, self._look):
            self._row((self._bold(name), value))

    def _counts(self, story: Story, found: Sequence[Found]) -> None:
        words = self._words
        verdicts = list(Verdict) if story.previous else []
        header = [words["kind"], words["rows"], *(words[verdict] for verdict in verdicts)]
        rows = (
            (
                each.title if each.rows is None else self._link(each.title),
                each.rows or 0,
                *(each.changes.get(verdict, 0) for verdict in verdicts),
            )
            for each in found
        )
        self._block("found", header, rows)
        if story.previous and story.run.tally and story.run.tally.failed:
            self._row((words["gone_note"],))
        for each in found:
            if story.previous and not each.held:
                self._row((words["order_note"].format(kind=each.title),))

    def _failures(self, run: Run) -> None:
        header = [self._words[name] for name in ("target", "status", "reason", "task")]
        rows = ((each.target, each.status.value, each.reason, _shown_id(each)) for each in run.failures)
        self._block("failures", header, rows)
        hidden = run.tally.failed - len(run.failures) if run.tally and run.failures else 0
        if hidden > 0:
            self._row((self._words["more"].format(count=hidden),))

    def _last_runs(self, history: Sequence[Run]) -> None:
        """The table of the last runs, and the charts that show it."""
        kinds = kinds_of(history)
        names = ("start", "run", "seconds", "done", "failed")
        header = [*(self._words[name] for name in names), *kinds]
        rows = [history_row(run, kinds) for run in history]
        self._block("history", [name.format(zone=self._look.zone.key) for name in header], rows)
        if rows:
            self._chart(len(rows), len(names), len(kinds))

    def _chart(self, runs: int, facts: int, kinds: int) -> None:
        """Tasks by how they ended and, where any was counted, what the runs found."""
        last, top = self._used, self._used - runs  # `top` is the header
        times = Reference(self._sheet, min_col=1, min_row=top + 1, max_row=last)
        tasks: Any = BarChart()
        tasks.grouping, tasks.overlap, tasks.y_axis.scaling.min = "stacked", 100, 0
        tasks.add_data(
            Reference(self._sheet, min_col=facts - 1, max_col=facts, min_row=top, max_row=last),
            titles_from_data=True,
        )
        charts: list[tuple[Any, str, str]] = [(tasks, "chart_tasks", "J2")]
        if kinds:
            assets = LineChart()
            shown = facts + min(kinds, SHOWN_KINDS)
            data = Reference(self._sheet, min_col=facts + 1, max_col=shown, min_row=top, max_row=last)
            assets.add_data(data, titles_from_data=True)
            charts.append((assets, "chart_found", "J18"))
        for chart, title, place in charts:
            chart.title, chart.height, chart.width = self._words[title], 7.5, 16
            chart.x_axis.number_format, chart.x_axis.delete, chart.y_axis.delete = "mm-dd hh:mm", False, False
            chart.set_categories(times)
            self._sheet.add_chart(chart, place)


def facts(story: Story, look: WorkbookLook) -> Iterator[tuple[str, object]]:
    """What was run, when, for whom and how it ended; what is not known is left out."""
    words, run, before = WORDS[look.lang], story.run, story.previous
    tally = run.tally or Tally(total=0)
    values: Mapping[str, object] = {
        "schedule": run.schedule_name,
        "run": run.id,
        "trigger": words[run.trigger.value],
        "asked_by": text(run.asked_by),
        "start": run.start_time,
        "end": run.end_time,
        "seconds": seconds_of(run),
        "message": run.error_msg,
        "targets": ", ".join(run.schedule.targets),
        "total": tally.total,
        "done": tally.done,
        "error": tally.error,
        "stop": tally.stop,
        "missing": tally.missing,
        "previous": before.id if before else words["no_previous"],
        "previous_start": before.start_time if before else None,
        "secrets": words["open" if look.show_secrets else "hidden"],
    }
    offset = f"{run.start_time.astimezone(look.zone):%z}"
    zone = f"{look.zone.key} {offset[:3]}:{offset[3:]}"
    yield from (
        (words[name].format(zone=zone), value) for name, value in values.items() if value not in {None, ""}
    )


def seconds_of(run: Run) -> float | None:
    return round((run.end_time - run.start_time).total_seconds(), 1) if run.end_time else None


def kinds_of(history: Iterable[Run]) -> list[str]:
    """The kinds of assets that any of these runs counted."""
    return sorted({kind for run in history if run.tally for kind in run.tally.found})


def history_row(run: Run, kinds: Sequence[str]) -> Sequence[object]:
    tally = run.tally or Tally(total=0)
    counts = (tally.found.get(kind, 0) for kind in kinds)
    return (run.start_time, run.id, seconds_of(run), tally.done, tally.failed, *counts)


def _shown_id(failure: Failure) -> str:
    """The id of the engine's task; "" for one that never was."""
    return "" if failure.task_id.startswith(UNSUBMITTED) else failure.task_id
