"""Build the Excel report of a run from the documents that an engine found.

The sheets are 概览, 变化, those of ARL's export, then one for every other kind that has documents. Memory
use is independent of the number of rows. No I/O but files.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bot.assets.external_sort import ExternalSort
from bot.assets.kinds import HIGHLIGHTS, AssetKind, by_importance
from bot.assets.values import Document, ip_order
from bot.models import EXTERNAL, Findings, KindSummary, Run
from bot.ports import ReportInput
from bot.workbook.cells import WorkbookOptions
from bot.workbook.diff import (
    AssetSides,
    Change,
    ChangeKind,
    PairedAsset,
    SortedGroups,
    compare_rows,
    pair_assets,
)
from bot.workbook.finding_sheets import EXTRA_SHEETS, KIND_SHEETS, localized
from bot.workbook.overview import COLUMN_WIDTHS, Overview, SheetSummary
from bot.workbook.reported_sheets import reported_sheet
from bot.workbook.severities import Severity, parse_severity, severity_rank
from bot.workbook.sheets import (
    ARL_SHEETS,
    SERVICE,
    KindSheet,
    Row,
    SheetLayout,
    join_services,
    parse_address,
    services_by_port,
    translated,
)
from bot.workbook.statistics import LAYOUT, Statistics
from bot.workbook.writer import SheetWriter, WorkbookWriter
from cards.catalogue import display_name, load_words

MAX_ADDRESSES_IN_MEMORY = 500  # while they are sorted; each may have thousands of ports


@dataclass(kw_only=True)
class SheetSection:
    """The assets of one kind: their sheet, created with the first row, and their changes."""

    kind: str
    layout: SheetLayout
    sheet: SheetWriter | None = None
    counts: Counter[ChangeKind] = field(default_factory=Counter)
    in_order: bool = True
    severities: Counter[str] = field(default_factory=Counter)

    def append(self, book: WorkbookWriter, row: Row) -> None:
        if self.sheet is None:
            self.sheet = book.sheet(self.layout)
        self.sheet.append(row)

    def summary(self) -> KindSummary:
        """Return the counts of this kind."""
        return KindSummary(
            kind=self.kind,
            total=self.sheet.rows if self.sheet else 0,
            new=self.counts[ChangeKind.NEW],
            gone=self.counts[ChangeKind.GONE],
            changed=self.counts[ChangeKind.CHANGED],
        )


@dataclass(kw_only=True)
class Highlights:
    """Counts of the assets that need attention, and how many of them are new."""

    totals: Counter[str] = field(default_factory=Counter)
    new: Counter[str] = field(default_factory=Counter)

    def add(self, kind: AssetKind, pair: PairedAsset, *, compared: bool) -> None:
        """Count one asset of this run."""
        for name in kind.highlights(pair.now[0]) if pair.now else ():
            self.totals[name] += 1
            self.new[name] += compared and not pair.known

    def summaries(self) -> tuple[KindSummary, ...]:
        """Return the counts, the most important first."""
        found = [name for name in HIGHLIGHTS if self.totals[name]]
        return tuple(KindSummary(kind=name, total=self.totals[name], new=self.new[name]) for name in found)


def write_workbook(
    path: Path, report_input: ReportInput, assets: Iterable[AssetSides], *, options: WorkbookOptions
) -> Findings:
    """Write the report of an ended run and return its counts. Raises `OSError`."""
    made = report_input.run.end_time or report_input.run.start_time
    book = WorkbookWriter(options, made=made)
    try:
        builder = WorkbookBuilder(book, report_input)
        for each in assets:
            builder.add(each)
        findings = builder.finish()
        book.save(path)
    finally:
        book.close()
    return findings


class WorkbookBuilder:
    """The sheets of one workbook, filled one kind after the other."""

    def __init__(self, book: WorkbookWriter, report_input: ReportInput) -> None:
        self._book = book
        self._input = report_input
        self._words = load_words("workbook", book.options.lang)
        lang, zone = book.options.lang, book.options.zone.key
        self._kinds = KIND_SHEETS | {name: localized(kind, lang, zone) for name, kind in EXTRA_SHEETS.items()}
        self._kinds |= {
            name: replace(kind, layout=translated(kind.layout, name, lang))
            for name, kind in ARL_SHEETS.items()
        }
        self._service_layout = translated(SERVICE, "service", lang)
        self._kinds |= {kind.name: reported_sheet(kind) for kind in report_input.kinds}
        self._overview = book.plain_sheet(self._words["overview"], COLUMN_WIDTHS)
        self._changes = book.sheet(self._changes_layout())
        self._sections: dict[str, SheetSection] = {}
        self._highlights = Highlights()
        self._statistics_sheet = self._add_sheets_of_arl() if not is_reported(report_input) else None
        self._statistics = Statistics()

    def _add_sheets_of_arl(self) -> SheetWriter:
        """Add the sheets that ARL's own export always has, and return that of the statistics."""
        for kind in ("site", "ip", "service", "domain"):
            layout = self._service_layout if kind == "service" else self._kinds[kind].layout
            self._section(kind, layout).sheet = self._book.sheet(layout)
        return self._book.sheet(translated(LAYOUT, "", self._book.options.lang))

    def _changes_layout(self) -> SheetLayout:
        compared = ("kind", "change", "name", "column", "before", "after")
        header = [self._words[name] for name in compared] if self._input.baseline else []
        return SheetLayout(title=self._words["changes"], header=header, widths=(14, 10, 50, 18, 50, 50))

    def _section(self, kind: str, layout: SheetLayout) -> SheetSection:
        if kind not in self._sections:
            self._sections[kind] = SheetSection(kind=kind, layout=layout)
        return self._sections[kind]

    def add(self, assets: AssetSides) -> None:
        """Add all assets of one kind. Unknown kinds are ignored."""
        kind = self._kinds.get(assets.kind)
        if kind is None:
            return
        streams = {side: SortedGroups(documents, kind.asset.key) for side, documents in assets.sides.items()}
        pairs = pair_assets(streams)
        if assets.kind == "ip":
            self._add_addresses(pairs)
        else:
            self._add_assets(kind, pairs)
        section = self._sections.get(assets.kind)
        if section:
            section.in_order = all(stream.in_order for stream in streams.values())

    def _add_assets(self, kind: KindSheet, pairs: Iterator[PairedAsset]) -> None:
        with ExternalSort() as by_severity:
            for pair in pairs:
                self._add_asset(kind, pair, by_severity)
            for _, documents in by_severity:
                self._append_finding(kind, documents)

    def _add_asset(self, kind: KindSheet, pair: PairedAsset, by_severity: ExternalSort) -> None:
        after = kind.row(pair.now) if pair.now else None
        before = after if pair.same else kind.row(pair.before) if pair.before else None
        if after is None and not pair.comparable:
            return
        section = self._section(kind.asset.name, kind.layout)
        if after is not None and kind.severity:
            by_severity.add((severity_rank(pair.now, kind.severity),), pair.now)
        elif after is not None:
            section.append(self._book, after)
        self._highlights.add(kind.asset, pair, compared=self._input.baseline is not None)
        if pair.comparable or not pair.known:
            self._compare(section, before, after)

    def _append_finding(self, kind: KindSheet, documents: Sequence[Document]) -> None:
        section = self._section(kind.asset.name, kind.layout)
        section.append(self._book, kind.row(documents))
        severity = parse_severity(documents, kind.severity)
        if isinstance(severity, Severity):
            section.severities[severity.name] += 1

    def _add_addresses(self, pairs: Iterator[PairedAsset]) -> None:
        """Add the addresses in numeric order; engines sort them as text."""
        with ExternalSort(chunk=MAX_ADDRESSES_IN_MEMORY) as sort:
            for pair in pairs:
                earlier = pair.before if pair.comparable else pair.known
                sides = [pair.now] if pair.comparable and pair.same else [earlier, pair.now]
                addresses = [parse_address(side) for side in sides]
                sort.add((ip_order(pair.key[0]).hex(),), (pair.comparable, addresses))
            for _, (comparable, addresses) in sort:
                self._append_address(addresses[0], addresses[-1], comparable=comparable)

    def _append_address(self, before: Any, after: Any, *, comparable: bool) -> None:
        addresses = self._section("ip", self._kinds["ip"].layout)
        services = self._section("service", self._service_layout)
        if after:
            addresses.append(self._book, after[0])
            self._statistics.add(after[1])
            for service in after[1]:
                services.append(self._book, (after[0][0], *service))
        if comparable or not before:
            self._compare(addresses, before and before[0], after and after[0])
        if before is after:
            return
        was, now = services_by_port(before), services_by_port(after)
        for port in dict.fromkeys((*now, *was)):
            if comparable or port not in was:
                self._compare(services, join_services(was.get(port, ())), join_services(now.get(port, ())))

    def _compare(self, section: SheetSection, before: Row | None, after: Row | None) -> None:
        if not self._input.baseline or before == after:
            return
        found = list(compare_rows(section.layout, before, after))
        for change in found:
            self._changes.append(self._change_row(section, change))
        if found:
            section.counts[found[0].kind] += 1

    def _change_row(self, section: SheetSection, change: Change) -> Row:
        name = " ".join(map(self._book.cells.display_text, change.name))
        kind = display_name(section.kind, self._book.options.lang)
        return (kind, self._words[change.kind], name, change.column, change.before, change.after)

    def finish(self) -> Findings:
        """Close all sheets and return their counts."""
        if not self._changes.rows:
            self._changes.append((self._words["same" if self._input.baseline else "no_previous"],))
        if self._statistics_sheet:
            for row in self._statistics.rows(self._book.options.lang):
                self._statistics_sheet.append(row)
        sections = sorted(self._sections.values(), key=lambda section: by_importance(section.kind))
        for sheet in (self._changes, self._statistics_sheet, *(section.sheet for section in sections)):
            if sheet:
                sheet.close()
        summaries = [section.summary() for section in sections]
        findings = Findings(
            rows=sum(summary.total for summary in summaries),
            compared=self._input.baseline is not None,
            kinds=tuple(summaries),
            highlights=self._highlights.summaries(),
        )
        found = [
            SheetSummary(
                summary=summary,
                sheet=section.layout.title if section.sheet else "",
                in_order=section.in_order,
                severities=section.severities,
            )
            for section, summary in zip(sections, summaries, strict=True)
        ]
        run = replace(self._input.run, findings=findings)
        report_input = replace(self._input, run=run, history=with_findings(self._input, findings))
        Overview(self._overview, self._book.options).write(report_input, found)
        return findings


def is_reported(report_input: ReportInput) -> bool:
    """Tell if another system reports the run, which has none of ARL's sheets then but those with assets."""
    return report_input.run.schedule.engine == EXTERNAL


def with_findings(report_input: ReportInput, findings: Findings) -> tuple[Run, ...]:
    """Return the recent runs; this one has the counts of the report just written."""
    return tuple(
        replace(run, findings=findings) if run.id == report_input.run.id else run
        for run in report_input.history
    )
