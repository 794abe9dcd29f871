"""Write values as the cells of a sheet: numbers, times, and everything else as inert text. Pure.

openpyxl takes about 50 µs for a cell. Nearly all cells of a report are plain text or numbers, which take
one or two here. Measured in one process: 72,000 rows/s here, 18,000 with XlsxWriter, 13,000 with openpyxl.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from string import ascii_uppercase
from unicodedata import east_asian_width
from zoneinfo import ZoneInfo

from bot.assets.values import MAX_EXACT_NUMBER, Percentage, text
from bot.workbook.masking import Secret
from bot.workbook.severities import Severity
from cards.catalogue import load_words

MAX_SHEET_ROWS = 1_048_576  # Excel's limit
MAX_CELL_CHARACTERS = 32_767  # Excel's limit, in UTF-16 code units
TRUNCATION_MARK = "…"
MAX_VISIBLE_LINES = 6  # of a row
LINE_HEIGHT_POINTS = 15
ACTIVE_CHARACTERS = frozenset("=+-@＝＋－＠\t\r\n")  # spreadsheets may run what starts with these

_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SPECIAL = re.compile("[&<>\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]|_x[0-9A-Fa-f]{4}_")
_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")  # Excel reads _x0041_ as A
_LETTERS = ascii_uppercase  # no sheet has more columns
_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - Excel's times have no zone
_FIRST_DAY = datetime(1900, 3, 1)  # noqa: DTZ001 - Excel believes in 29 February 1900


@dataclass(frozen=True, kw_only=True)
class WorkbookOptions:
    """Options of a workbook. With `show_secrets`, passwords and keys are not masked."""

    zone: ZoneInfo
    lang: str = "zh-CN"
    show_secrets: bool = False
    max_rows: int = MAX_SHEET_ROWS  # per sheet; a second sheet takes the rest


@dataclass(frozen=True, kw_only=True)
class Styles:
    """Style ids of a workbook."""

    header: int
    plain: int
    percentage: int
    time: int
    inert: int  # stays text when the cell is edited
    multiline: int  # wraps text
    inert_multiline: int
    severities: Mapping[str, int]


class RowWriter:
    """Writes rows as the XML of a sheet."""

    def __init__(self, styles: Styles, options: WorkbookOptions) -> None:
        self._styles = styles
        self._text_styles = ((styles.plain, styles.inert), (styles.multiline, styles.inert_multiline))
        self._options = options

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

    def _text(self, reference: str, value: str) -> str:
        if len(value) > MAX_CELL_CHARACTERS // 2 or _SPECIAL.search(value):
            value = escape_xml(value)
        if not value:
            return ""
        style = self._text_styles["\n" in value][value[0] in ACTIVE_CHARACTERS]
        return (
            f'<c r="{reference}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{value}</t></is></c>'
        )

    def _other(self, reference: str, value: object) -> str:
        if (
            isinstance(value, int)
            and not isinstance(value, bool)
            and -MAX_EXACT_NUMBER < value < MAX_EXACT_NUMBER
        ):
            return f'<c r="{reference}" s="{self._styles.plain}"><v>{value}</v></c>'
        if isinstance(value, float) and isfinite(value):
            style = self._styles.percentage if isinstance(value, Percentage) else self._styles.plain
            return f'<c r="{reference}" s="{style}"><v>{value!r}</v></c>'
        if isinstance(value, Severity):
            style = self._styles.severities[value.name]
            said = self.display_text(value)
            return f'<c r="{reference}" s="{style}" t="inlineStr"><is><t>{said}</t></is></c>'
        if isinstance(value, datetime):
            value = local_time(value, self._options.zone)
            if isinstance(value, datetime):
                return f'<c r="{reference}" s="{self._styles.time}"><v>{excel_days(value)!r}</v></c>'
        return self._text(reference, self.display_text(value))

    def display_text(self, value: object) -> str:
        """Return a value as text. Secrets are masked, pairs become lines of `column: value`."""
        if isinstance(value, Secret):
            return value.plain if self._options.show_secrets else value.masked
        if isinstance(value, Severity):
            return load_words("severities", self._options.lang)[value.name]
        if isinstance(value, list):
            return "\n".join(f"{column}: {self.display_text(inner)}" for column, inner in value)
        if isinstance(value, datetime):
            return str(local_time(value, self._options.zone))
        return text(value)


def _row_height(cells: Iterable[str]) -> str:
    """Return the height for the lines of a row, limited so that the next rows stay visible."""
    lines = min(max(cell.count("\n") for cell in cells) + 1, MAX_VISIBLE_LINES)
    return f' ht="{lines * LINE_HEIGHT_POINTS}" customHeight="1"'


def local_time(time: datetime, zone: ZoneInfo) -> datetime | str:
    """Return a time in the zone, without its zone; as text when Excel has no such date."""
    try:
        shown = (time.astimezone(zone) if time.tzinfo else time).replace(tzinfo=None)
    except (OverflowError, ValueError):
        return time.isoformat(" ")
    return shown if shown >= _FIRST_DAY else time.isoformat(" ")


def excel_days(time: datetime) -> float:
    """Return a time as the number of days that Excel stores."""
    return (time - _DAY_ZERO) / timedelta(days=1)


def escape_xml(value: str) -> str:
    """Truncate, clean and escape text for the XML of a sheet."""
    return clean(truncate(value)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def display_width(value: str) -> int:
    """Return the width of one line in characters of a column. Chinese characters take two."""
    if value.isascii():
        return len(value)
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in value)


def clean(value: str) -> str:
    """Remove characters that XML cannot hold, and escape what Excel would decode."""
    return _ESCAPE.sub("_x005F_", _UNWRITABLE.sub("", value))


def truncate(value: str) -> str:
    """Truncate text to the limit of a cell, with a mark at the end."""
    if len(value) <= MAX_CELL_CHARACTERS // 2:
        return value
    wide = _UNWRITABLE.sub("", value).encode("utf-16-le")
    if len(wide) <= MAX_CELL_CHARACTERS * 2:
        return value
    return (
        wide[: (MAX_CELL_CHARACTERS - len(TRUNCATION_MARK)) * 2].decode("utf-16-le", errors="ignore")
        + TRUNCATION_MARK
    )
