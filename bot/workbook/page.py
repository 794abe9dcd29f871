"""A short sheet that prints on one page: merged cells, wrapped text, and rows as high as their text."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.hyperlink import Hyperlink

from bot.assets.values import text
from bot.workbook.cells import (
    ACTIVE_CHARACTERS,
    LINE_HEIGHT_POINTS,
    WorkbookOptions,
    clean,
    display_width,
    local_time,
    truncate,
)
from bot.workbook.writer import FONT_NAME, TIME_FORMAT, style_header

MARGIN_INCHES = 0.4
MAX_WRAPPED_LINES = 4  # of a text; the cell has all of it
TEXT_PER_WIDTH = 1.1  # characters of text in the width of a digit, in which columns are measured
_LINK = Font(name=FONT_NAME, color="1677FF", underline="single")


@dataclass(frozen=True, kw_only=True)
class CellStyle:
    """Format of a cell. Colors are RGB in hexadecimal, "" for none."""

    bold: bool = False
    size: int = 11
    color: str = ""
    fill: str = ""
    wrap: bool = False
    shrink: bool = False
    header: bool = False
    align: str = ""  # "left" or "right"; "" = text and times left, numbers right


PLAIN, LABEL, HEADING = CellStyle(), CellStyle(color="667085", shrink=True), CellStyle(bold=True, size=12)
WRAPPED, HEADER, SHRUNK = CellStyle(wrap=True), CellStyle(header=True, wrap=True), CellStyle(shrink=True)
VALUE, NUMBER_HEADER = CellStyle(align="left"), CellStyle(header=True, shrink=True, align="right")


@dataclass(frozen=True, kw_only=True)
class Span:
    """A value in one or more columns, which are merged. `link` is the title of a sheet of this workbook."""

    value: object
    columns: int = 1
    style: CellStyle = PLAIN
    link: str = ""


class Page:
    """The sheet, written row by row."""

    def __init__(self, sheet: Any, options: WorkbookOptions, widths: Sequence[int]) -> None:
        self.sheet = sheet
        self.rows = 0
        self._options = options
        self._widths = widths

    def append(self, *spans: Span) -> None:
        """Append a row. Without spans it is empty."""
        self.rows += 1
        cells: list[Any] = []
        lines, size = 1, PLAIN.size
        for span in spans:
            if span.columns > 1:
                first, last = len(cells) + 1, len(cells) + span.columns
                self._merge(first, last)
            lines = max(lines, self._lines(span, len(cells)))
            size = max(size, span.style.size)
            cells += self._cells(span)
        if lines > 1 or size > PLAIN.size:
            height = lines * LINE_HEIGHT_POINTS * size / PLAIN.size
            self.sheet.row_dimensions[self.rows].height = height
        self.sheet.append(cells)

    def skip(self, rows: int) -> None:
        """Leave rows empty, such as those below a chart."""
        for _ in range(rows):
            self.append()

    def end_of_print(self) -> None:
        """Fit everything so far to one printed page in portrait. What follows is not printed."""
        sheet = self.sheet
        sheet.page_setup.orientation = "portrait"
        sheet.page_setup.fitToWidth = sheet.page_setup.fitToHeight = 1
        sheet.print_options.horizontalCentered = True
        margins = sheet.page_margins
        margins.left = margins.right = margins.top = margins.bottom = MARGIN_INCHES
        sheet.print_area = f"A1:{get_column_letter(len(self._widths))}{self.rows}"

    def _merge(self, first: int, last: int) -> None:
        reference = f"{get_column_letter(first)}{self.rows}:{get_column_letter(last)}{self.rows}"
        self.sheet.merged_cells.add(reference)

    def _lines(self, span: Span, at: int) -> int:
        """Return the number of lines that a wrapped text takes."""
        if not span.style.wrap:
            return 1
        columns = sum(self._widths[at : at + span.columns])
        room = max(columns * TEXT_PER_WIDTH * PLAIN.size / span.style.size, 8)
        wrapped = sum(ceil(max(display_width(line), 1) / room) for line in text(span.value).split("\n"))
        return min(wrapped, MAX_WRAPPED_LINES)

    def _cells(self, span: Span) -> Iterator[Cell]:
        cell = self._cell(span.value)
        if span.link:
            cell.hyperlink = Hyperlink(ref="", location=f"'{span.link}'!A1")
        yield _styled(cell, span.style, link=bool(span.link))
        for _ in range(span.columns - 1):
            yield _styled(WriteOnlyCell(self.sheet), span.style)

    def _cell(self, value: object) -> Cell:
        """Build a cell. Text stays text, whatever it starts with."""
        if isinstance(value, datetime):
            value = local_time(value, self._options.zone)
        if value is None or isinstance(value, int | float | datetime):
            cell = WriteOnlyCell(self.sheet, value=value)
            if isinstance(value, datetime):
                cell.number_format = TIME_FORMAT
            return cell
        shown = clean(truncate(text(value)))
        cell = WriteOnlyCell(self.sheet, value=shown)
        cell.data_type, cell.quotePrefix = "s", shown[:1] in ACTIVE_CHARACTERS
        return cell


def spans(values: Iterable[object], style: CellStyle = PLAIN) -> list[Span]:
    """Return a cell for each value."""
    return [Span(value=value, style=style) for value in values]


def _styled(cell: Cell, style: CellStyle, *, link: bool = False) -> Cell:
    if style.header:
        style_header(cell)
    elif link:
        cell.font = _LINK
    elif style.bold or style.color or style.size != PLAIN.size:
        cell.font = Font(name=FONT_NAME, bold=style.bold, size=style.size, color=style.color or None)
    if style.fill:
        cell.fill = PatternFill("solid", fgColor=style.fill)
    cell.alignment = Alignment(
        horizontal=style.align or ("left" if isinstance(cell.value, str | datetime) else None),
        vertical="center" if style.header else "top",
        wrap_text=style.wrap or None,
        shrink_to_fit=style.shrink or None,
    )
    return cell
