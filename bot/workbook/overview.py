"""Write the sheet 概览: one printed page with the verdict, results, failures, charts and what is masked.

What does not fit the page follows below it: the other failures, and the ids of all tasks.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from bot.models import UNSUBMITTED, Failure, KindSummary, Run
from bot.ports import ReportInput
from bot.workbook.cells import WorkbookOptions
from bot.workbook.charts import ChartData, ChartPlace, draw_kinds, draw_tasks
from bot.workbook.diff import ChangeKind
from bot.workbook.masking import MASK, MAX_VISIBLE_KEY_CHARACTERS
from bot.workbook.page import (
    HEADER,
    HEADING,
    LABEL,
    NUMBER_HEADER,
    SHRUNK,
    VALUE,
    WRAPPED,
    CellStyle,
    Page,
    Span,
    spans,
)
from bot.workbook.run_facts import (
    asset_counts,
    difference,
    found_kinds,
    history_row,
    run_facts,
    shorten,
    verdict,
    verdict_colors,
    zone_name,
)
from bot.workbook.severities import COLORS, SEVERITIES
from cards.catalogue import display_name, explain, load_words

COLUMN_WIDTHS = (24, 20, 11, 11, 11, 11, 11, 11, 11, 11)
COLUMNS = len(COLUMN_WIDTHS)
CHART_WIDTHS_CM = (11.9, 13.0)
CHART_COLUMNS = ("A", "E")
CHART_ROWS = 15
MAX_PRINTED_FAILURES = 8
MAX_CHART_LINES = 5  # kinds of assets, which are the columns of the page that are left
_TITLE = CellStyle(bold=True, size=16, wrap=True)


@dataclass(frozen=True, kw_only=True)
class SheetSummary:
    """The counts of one kind, and the title of its sheet, if it has one."""

    summary: KindSummary
    sheet: str = ""
    in_order: bool = True  # False when the engine broke the order, so the comparison may be incomplete
    severities: Mapping[str, int] = field(default_factory=dict)


class Overview:
    """The sheet 概览, written row by row."""

    def __init__(self, sheet: Any, options: WorkbookOptions) -> None:
        self._page = Page(sheet, options, COLUMN_WIDTHS)
        self._options = options
        self._words = load_words("workbook", options.lang)

    def write(self, report_input: ReportInput, found: Sequence[SheetSummary]) -> None:
        self._write_verdict(report_input)
        self._write_facts(report_input)
        self._write_counts(report_input, found)
        failures = report_input.run.failures
        listed, others = failures[:MAX_PRINTED_FAILURES], failures[MAX_PRINTED_FAILURES:]
        self._write_failures("failures", listed)
        self._write_unlisted(report_input.run, len(others))
        self._write_history(report_input.history)
        self._write_about(report_input)
        self._page.end_of_print()
        self._write_failures("other_failures", others)
        self._write_table("tasks", (), ([Span(value=id_)] for id_ in report_input.run.submitted_task_ids))

    def _write_verdict(self, report_input: ReportInput) -> None:
        run, lang = report_input.run, self._options.lang
        fill, color = verdict_colors(run)
        style = CellStyle(bold=True, size=14, color=color, fill=fill, wrap=True)
        told = difference(run, report_input.baseline, lang, self._options.zone)
        self._page.append(Span(value=run.schedule_name, columns=COLUMNS, style=_TITLE))
        self._page.append(Span(value=verdict(run, lang), columns=COLUMNS, style=style))
        self._page.append(Span(value=told, columns=COLUMNS, style=WRAPPED))

    def _write_facts(self, report_input: ReportInput) -> None:
        """Write short facts in two columns, and long ones in rows of their own."""
        facts = dict(run_facts(report_input, self._options))
        long = {self._words[name]: facts.pop(self._words[name], None) for name in ("message", "targets")}
        pairs = list(facts.items())
        half = (len(pairs) + 1) // 2
        self._page.skip(1)
        for left, right in zip_longest(pairs[:half], pairs[half:]):
            self._page.append(*_fact(left, 1, 3), *(_fact(right, 2, 4) if right else ()))
        for name, value in long.items():
            if value:
                self._page.append(
                    Span(value=name, style=LABEL), Span(value=value, columns=COLUMNS - 1, style=WRAPPED)
                )

    def _write_table(
        self, title: str, header: Sequence[Span], rows: Iterable[Sequence[Span]], *, skip: bool = True
    ) -> None:
        """Write a table with a title, unless it has no rows."""
        for number, row in enumerate(rows):
            if number == 0:
                self._page.skip(skip)
                self._page.append(Span(value=self._words[title], style=HEADING))
                if header:
                    self._page.append(*header)
            self._page.append(*row)

    def _write_counts(self, report_input: ReportInput, found: Sequence[SheetSummary]) -> None:
        words = self._words
        changes = list(ChangeKind) if report_input.baseline else []
        header = [words["kind"], words["rows"], *(words[change] for change in changes)]
        rows = (
            [
                Span(value=display_name(each.summary.kind, self._options.lang), link=each.sheet),
                *spans([each.summary.total, *(getattr(each.summary, change) for change in changes)]),
                *self._severities(each, COLUMNS - len(header)),
            ]
            for each in found
        )
        self._write_table("found", _header(header, texts=1), rows)
        self._write_notes(report_input, found)

    def _severities(self, found: SheetSummary, columns: int) -> Iterator[Span]:
        """Yield counts by severity in their colors, the worst first. The last column has all others."""
        words = load_words("severities", self._options.lang)
        names = [name for name in SEVERITIES if found.severities.get(name)]
        groups = [*([name] for name in names[: columns - 1]), names[columns - 1 :]]
        for group in filter(None, groups):
            fill, color = COLORS[group[0]]
            said = " · ".join(f"{words[name]} {found.severities[name]:,}" for name in group)
            yield Span(value=said, style=CellStyle(fill=fill, color=color, bold=True, shrink=True))

    def _write_notes(self, report_input: ReportInput, found: Sequence[SheetSummary]) -> None:
        """Write what the comparison leaves out."""
        for note in self._notes(report_input, found):
            self._page.append(Span(value=note, columns=COLUMNS, style=WRAPPED))

    def _notes(self, report_input: ReportInput, found: Sequence[SheetSummary]) -> Iterator[str]:
        words, baseline = self._words, report_input.baseline
        if baseline is None:
            return
        if report_input.unfinished:
            yield words["partial_note"].format(count=len(report_input.unfinished))
        if report_input.run.is_retry:
            yield words["selection_note" if report_input.run.is_selection else "retry_note"]
        if baseline.first_covered:
            yield words["first_note"].format(targets=shorten(baseline.first_covered))
        for each in found:
            if not each.in_order:
                yield words["order_note"].format(kind=display_name(each.summary.kind, self._options.lang))

    def _write_failures(self, title: str, failures: Sequence[Failure]) -> None:
        words, lang = self._words, self._options.lang
        columns = {"target": 2, "status": 1, "reason": 5, "task": 2}
        header = [Span(value=words[name], columns=n, style=HEADER) for name, n in columns.items()]
        rows = (
            (
                Span(value=each.target, columns=2, style=WRAPPED),
                Span(value=words[each.status.value]),
                Span(value=explain(each.reason, lang), columns=5, style=WRAPPED),
                Span(value=_engine_task_id(each), columns=2, style=SHRUNK),
            )
            for each in failures
        )
        self._write_table(title, header, rows)

    def _write_unlisted(self, run: Run, below: int) -> None:
        """Tell how many failures are listed below the page, or nowhere."""
        hidden = run.task_counts.failed - len(run.failures) if run.task_counts and run.failures else 0
        for key, count in (("listed_below", below), ("more", hidden)):
            if count > 0:
                self._page.append(Span(value=self._words[key].format(count=count), columns=COLUMNS))

    def _write_history(self, history: Sequence[Run]) -> None:
        """Write the charts of the recent runs, and their table."""
        if not history:
            return
        kinds = found_kinds(history)
        names = ("start", "run", "seconds", "done", "failed")
        zone = self._options.zone.key
        header = [self._words[name].format(zone=zone) for name in names]
        header += [display_name(kind, self._options.lang) for kind in kinds]
        self._page.skip(1)
        top = self._page.rows + 1
        self._page.skip(CHART_ROWS)
        rows = (spans(history_row(run, kinds)) for run in history)
        self._write_table("history", _header(header, texts=2), rows)
        self._draw(history, kinds[:MAX_CHART_LINES], top)

    def _draw(self, history: Sequence[Run], kinds: Sequence[str], top: int) -> None:
        """Draw the charts of the table that was just written, from a row on."""
        sheet, last = self._page.sheet, self._page.rows
        tasks, assets = (
            ChartPlace(cell=f"{column}{top}", width=width, title=self._words[title])
            for column, width, title in zip(
                CHART_COLUMNS, CHART_WIDTHS_CM, ("chart_tasks", "chart_found"), strict=True
            )
        )
        header = last - len(history)
        highest = max(run.task_counts.ended if run.task_counts else 0 for run in history)
        draw_tasks(sheet, tasks, ChartData(columns=(4, 5), header=header, last=last, highest=highest))
        if kinds:
            highest = max(asset_counts(run).get(kind, 0) for run in history for kind in kinds)
            columns = (6, 5 + len(kinds))
            draw_kinds(sheet, assets, ChartData(columns=columns, header=header, last=last, highest=highest))

    def _write_about(self, report_input: ReportInput) -> None:
        """Write what is masked and why, and how the comparison is made."""
        words = self._words
        secrets = words["about_open" if self._options.show_secrets else "about_hidden"]
        lines = [secrets.format(mask=MASK, visible=MAX_VISIBLE_KEY_CHARACTERS)]
        lines += [words["about_compared"]] if report_input.baseline else []
        lines.append(words["about_made"].format(zone=zone_name(report_input.run, self._options)))
        rows = ([Span(value=line, columns=COLUMNS, style=WRAPPED)] for line in lines)
        self._write_table("about", (), rows)


def _header(names: Sequence[str], *, texts: int) -> Sequence[Span]:
    """Return the header of a table whose first columns are texts, and the others numbers."""
    return [*spans(names[:texts], HEADER), *spans(names[texts:], NUMBER_HEADER)]


def _fact(fact: tuple[str, object], label_columns: int, value_columns: int) -> Sequence[Span]:
    name, value = fact
    return (
        Span(value=name, columns=label_columns, style=LABEL),
        Span(value=value, columns=value_columns, style=VALUE),
    )


def _engine_task_id(failure: Failure) -> str:
    """Return the id of the engine's task, or "" for one that was never submitted."""
    return "" if failure.task_id.startswith(UNSUBMITTED) else failure.task_id
