"""Values as the cells of a sheet: numbers as numbers, times as times, anything else as inert text. Pure.

openpyxl writes a cell in about 50 µs; most of ours are plain text and numbers, and made here in one or two.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from string import ascii_uppercase
from zoneinfo import ZoneInfo

from bot.assets.values import MAX_EXACT_NUMBER, Percentage, text
from bot.workbook.masking import Secret

MAX_SHEET_ROWS = 1_048_576  # of a sheet, Excel's own limit
MAX_CELL_CHARACTERS = 32_767  # of a cell, likewise; in UTF-16
TRUNCATION_MARK = "…（已截断 / cut）"
MAX_VISIBLE_LINES, LINE_HEIGHT_POINTS = 6, 15  # of a row, in points
ACTIVE_CHARACTERS = frozenset("=+-@＝＋－＠\t\r\n")  # spreadsheets may run what starts with these

_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SPECIAL = re.compile("[&<>\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]|_x[0-9A-Fa-f]{4}_")
_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")  # Excel reads _x0041_ as A
_LETTERS = ascii_uppercase  # no sheet of ours has more columns
_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - Excel's days have no zone
_FIRST_DAY = datetime(1900, 3, 1)  # noqa: DTZ001 - before it, Excel counts wrong


@dataclass(frozen=True, kw_only=True)
class WorkbookOptions:
    """How people want to read it. `show_secrets` leaves cracked passwords and keys as they were found."""

    zone: ZoneInfo
    lang: str = "zh-CN"
    show_secrets: bool = False
    max_rows: int = MAX_SHEET_ROWS  # of a sheet


@dataclass(frozen=True, kw_only=True)
class Styles:
    """Numbers of the styles that a workbook has for them."""

    header: int
    plain: int
    percentage: int
    time: int
    inert: int  # stays text even when a person edits the cell
    multiline: int  # shows several lines
    inert_multiline: int


class RowWriter:
    """Rows as the XML of a sheet."""

    def __init__(self, styles: Styles, look: WorkbookOptions) -> None:
        self._styles = styles
        self._text_styles = ((styles.plain, styles.inert), (styles.multiline, styles.inert_multiline))
        self._options = look

    def header(self, number: int, names: Sequence[str]) -> str:
        style = self._styles.header
        cells = (
            f'<c r="{letter}{number}" s="{style}" t="inlineStr"><is><t>{escape_xml(name)}</t></is></c>'
            for letter, name in zip(_LETTERS, names, strict=False)
        )
        return f'<row r="{number}">{"".join(cells)}</row>'

    def row(self, number: int, values: Iterable[object]) -> str:
        parts = []
        for letter, value in zip(_LETTERS, values, strict=False):
            if isinstance(value, str):
                parts.append(self._text(f"{letter}{number}", value))
            elif value is not None:
                parts.append(self._other(f"{letter}{number}", value))
        cells = "".join(parts)
        height = _row_height(parts) if "\n" in cells else ""
        return f'<row r="{number}"{height}>{cells}</row>'

    def _text(self, place: str, value: str) -> str:
        if len(value) > MAX_CELL_CHARACTERS // 2 or _SPECIAL.search(value):
            value = escape_xml(value)
        if not value:
            return ""
        style = self._text_styles["\n" in value][value[0] in ACTIVE_CHARACTERS]
        return f'<c r="{place}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{value}</t></is></c>'

    def _other(self, place: str, value: object) -> str:
        if (
            isinstance(value, int)
            and not isinstance(value, bool)
            and -MAX_EXACT_NUMBER < value < MAX_EXACT_NUMBER
        ):
            return f'<c r="{place}" s="{self._styles.plain}"><v>{value}</v></c>'
        if isinstance(value, float) and isfinite(value):
            style = self._styles.percentage if isinstance(value, Percentage) else self._styles.plain
            return f'<c r="{place}" s="{style}"><v>{value!r}</v></c>'
        if isinstance(value, datetime):
            value = local_time(value, self._options.zone)
            if isinstance(value, datetime):
                return f'<c r="{place}" s="{self._styles.time}"><v>{excel_days(value)!r}</v></c>'
        return self._text(place, self.display_text(value))

    def display_text(self, value: object) -> str:
        """A value in words, as people may see it; lines of `column: value` for a thing as a whole."""
        if isinstance(value, Secret):
            return value.plain if self._options.show_secrets else value.masked
        if isinstance(value, list):
            return "\n".join(f"{column}: {self.display_text(inner)}" for column, inner in value)
        if isinstance(value, datetime):
            return str(local_time(value, self._options.zone))
        return text(value)


def _row_height(cells: Iterable[str]) -> str:
    """Room for the lines of a row, but never so much that the next rows are out of sight."""
    lines = min(max(cell.count("\n") for cell in cells) + 1, MAX_VISIBLE_LINES)
    return f' ht="{lines * LINE_HEIGHT_POINTS}" customHeight="1"'


def local_time(time: datetime, zone: ZoneInfo) -> datetime | str:
    """A time as a clock in the zone shows it; in words where Excel has no such day."""
    try:
        shown = (time.astimezone(zone) if time.tzinfo else time).replace(tzinfo=None)
    except (OverflowError, ValueError):
        return time.isoformat(" ")
    return shown if shown >= _FIRST_DAY else time.isoformat(" ")


def excel_days(time: datetime) -> float:
    """A time of day as Excel counts it."""
    return (time - _DAY_ZERO) / timedelta(days=1)


def escape_xml(value: str) -> str:
    """Text as it may stand in the file: cut to what a cell takes, cleaned, escaped."""
    return clean(truncate(value)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def clean(value: str) -> str:
    """Text without what no file can hold, and so that Excel shows all of the rest."""
    return _ESCAPE.sub("_x005F_", _UNWRITABLE.sub("", value))


def truncate(value: str) -> str:
    """Text as long as a cell takes it, counted as Excel does; what was cut says so."""
    if len(value) <= MAX_CELL_CHARACTERS // 2:
        return value
    wide = _UNWRITABLE.sub("", value).encode("utf-16-le")
    if len(wide) <= MAX_CELL_CHARACTERS * 2:
        return value
    return (
        wide[: (MAX_CELL_CHARACTERS - len(TRUNCATION_MARK)) * 2].decode("utf-16-le", errors="ignore")
        + TRUNCATION_MARK
    )
