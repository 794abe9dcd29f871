"""The Excel file of a run: documents in, workbook out; memory stays flat in rows. Pure but for the file.

概览, 变化, ARL's sheets, then one sheet for every other kind that has documents.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.assets.external_sort import ExternalSort
from bot.cells import WorkbookLook
from bot.diff import Change, Finds, Pair, Sorted, Verdict, changes, paired
from bot.findings import FINDINGS, KINDS, shown
from bot.overview import WIDTHS, Found, Overview
from bot.package import Book, Sheet
from bot.ports import Story
from bot.sheets import ARL_KINDS, IP, SERVICE, Kind, Row, SheetPlan, ip_row, services_of
from bot.statistics import PLAN, Statistics
from bot.values import Document, ip_order, text
from bot.words import WORDS


@dataclass(kw_only=True)
class Section:
    """The things of one kind: their sheet, once there is one, and how they differ from the run before."""

    plan: SheetPlan
    sheet: Sheet | None = None
    counts: Counter[Verdict] = field(default_factory=Counter)
    held: bool = True

    def append(self, book: Book, row: Row) -> None:
        if self.sheet is None:
            self.sheet = book.sheet(self.plan)
        self.sheet.append(row)

    def told(self) -> Found:
        """What 概览 tells of it."""
        rows = self.sheet.rows if self.sheet else None
        return Found(title=self.plan.title, rows=rows, changes=self.counts, held=self.held)


def write_workbook(path: Path, story: Story, finds: Iterable[Finds], *, look: WorkbookLook) -> int:
    """Write the report of an ended run; its data rows. Raises `OSError` when the disk does."""
    made = story.run.end_time or story.run.start_time
    book = Book(look, made=made)
    try:
        contents = Contents(book, story)
        for each in finds:
            contents.add(each)
        rows = contents.finish()
        book.save(path)
    finally:
        book.close()
    return rows


class Contents:
    """The sheets of one workbook, filled kind by kind."""

    def __init__(self, book: Book, story: Story) -> None:
        self._book = book
        self._story = story
        self._words = WORDS[book.look.lang]
        lang, zone = book.look.lang, book.look.zone.key
        self._kinds = KINDS | {name: shown(kind, lang, zone) for name, kind in FINDINGS.items()}
        self._overview = book.plain_sheet(self._words["overview"], WIDTHS)
        self._changes = book.sheet(self._changes_plan())
        self._sections: dict[str, Section] = {}
        for plan in (ARL_KINDS["site"].plan, IP, SERVICE, ARL_KINDS["domain"].plan):
            self._section(plan).sheet = book.sheet(plan)
        self._counted = book.sheet(PLAN)
        self._statistics = Statistics()

    def _changes_plan(self) -> SheetPlan:
        compared = ("kind", "verdict", "name", "column", "before", "after")
        header = [self._words[name] for name in compared] if self._story.previous else []
        return SheetPlan(title=self._words["changes"], header=header, widths=(14, 10, 50, 18, 50, 50))

    def _section(self, plan: SheetPlan) -> Section:
        if plan.title not in self._sections:
            self._sections[plan.title] = Section(plan=plan)
        return self._sections[plan.title]

    def add(self, finds: Finds) -> None:
        """Everything of one kind; a kind that is not known is left out."""
        kind = self._kinds.get(finds.kind)
        if kind is None:
            return
        mine, theirs = Sorted(finds.mine, kind.asset.key), Sorted(finds.theirs, kind.asset.key)
        pairs = paired(mine, theirs)
        if finds.kind == "ip":
            self._add_addresses(pairs)
        else:
            self._add_things(kind, pairs)
        section = self._sections.get(kind.plan.title)
        if section:
            section.held = mine.held and theirs.held

    def _add_things(self, kind: Kind, pairs: Iterator[Pair]) -> None:
        for pair in pairs:
            after = kind.row(pair.mine) if pair.mine else None
            before = after if pair.same else kind.row(pair.theirs) if pair.theirs else None
            self._put(self._section(kind.plan), before, after)

    def _add_addresses(self, pairs: Iterator[Pair]) -> None:
        """Addresses come in the order of their letters and are shown in that of their numbers."""
        addresses, services = self._section(IP), self._section(SERVICE)
        with ExternalSort() as sort:
            for pair in pairs:
                sides = [pair.mine] if pair.same else [pair.theirs, pair.mine]
                sort.add((ip_order(pair.key[0]).hex(),), [_address(side) for side in sides])
            for _, sides in sort:
                before, after = sides[0], sides[-1]
                self._put(addresses, before and before[0], after and after[0])
                self._put_services(services, before, after)

    def _put_services(self, section: Section, before: Any, after: Any) -> None:
        if after:
            self._statistics.add(after[1])
            for service in after[1]:
                section.append(self._book, (after[0][0], *service))
        if before is not after and self._story.previous:
            was, now = _by_port(before), _by_port(after)
            for port in dict.fromkeys((*now, *was)):
                self._compare(section, _joined(was.get(port, ())), _joined(now.get(port, ())))

    def _put(self, section: Section, before: Row | None, after: Row | None) -> None:
        if after is not None:
            section.append(self._book, after)
        self._compare(section, before, after)

    def _compare(self, section: Section, before: Row | None, after: Row | None) -> None:
        if not self._story.previous or before == after:
            return
        found = list(changes(section.plan, before, after))
        for change in found:
            self._changes.append(self._change_row(section.plan, change))
        if found:
            section.counts[found[0].verdict] += 1

    def _change_row(self, plan: SheetPlan, change: Change) -> Row:
        name = " ".join(map(self._book.cells.plain, change.name))
        return (plan.title, self._words[change.verdict], name, change.column, change.before, change.after)

    def finish(self) -> int:
        """Close all sheets; the data rows of those of assets."""
        if not self._changes.rows:
            self._changes.append((self._words["same" if self._story.previous else "no_previous"],))
        for row in self._statistics.rows():
            self._counted.append(row)
        sections = self._sections.values()
        for sheet in (self._changes, self._counted, *(section.sheet for section in sections)):
            if sheet:
                sheet.close()
        found = [section.told() for section in sections]
        Overview(self._overview, self._book.look).write(self._story, found)
        return sum(each.rows or 0 for each in found)


def _address(documents: Sequence[Document]) -> tuple[Row, Sequence[Row]] | None:
    if not documents:
        return None
    services = services_of(documents)
    return ip_row(documents, services), services


def _by_port(address: Any) -> dict[object, list[Row]]:
    """The rows of what answers at an address, by port."""
    found: dict[object, list[Row]] = {}
    row, services = address or (("",), ())
    for service in services:
        found.setdefault(service[0], []).append((row[0], *service))
    return found


def _joined(rows: Sequence[Row]) -> Row | None:
    """All that answers at one port as one row, to be compared with another time."""
    if not rows:
        return None
    columns = zip(*rows, strict=True)
    return tuple(values[0] if len(rows) == 1 else _lines(values) for values in columns)


def _lines(values: Sequence[object]) -> object:
    different = list(dict.fromkeys(values))
    return different[0] if len(different) == 1 else "\n".join(map(text, different))
