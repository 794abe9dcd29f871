"""Split a workbook into smaller ones that can each be opened alone.

Rows are copied as XML, with new numbers. The rows of a long sheet are distributed over the parts, each
under the first row of the sheet. Everything else (the overview, short sheets, charts, styles) is repeated
in every part. The last row of the overview names the part. Memory use is independent of the number of rows.
"""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile

from cards.catalogue import load_words

MAX_PARTS = 20
MIN_ROWS_TO_SPLIT = 500  # shorter sheets are repeated in every part
CHUNK_BYTES = 1 << 18
SHEET_PREFIX = "xl/worksheets/sheet"
WORKBOOK_NAME = "xl/workbook.xml"

_ROW_NUMBER = re.compile(rb'(<row\b[^>]*?\br=")\d+')
_CELL_NUMBER = re.compile(rb'(<c\b[^>]*?\br="[A-Z]+)\d+')
_FILTER = re.compile(rb'(<autoFilter ref="[A-Z]+\d+:[A-Z]+)\d+')
_SIZE = re.compile(rb"<dimension\b[^>]*/>")
_ROW_REFERENCES = re.compile(  # they refer to rows that have moved
    rb"<(mergeCells|hyperlinks|conditionalFormatting|dataValidations)\b.*?</\1>", re.DOTALL
)
_FILTER_NAME = re.compile(rb"<definedName\b[^>]*_xlnm\._FilterDatabase[^>]*>[^<]*</definedName>")
_NO_NAMES = re.compile(rb"<definedNames>\s*</definedNames>")


class TooBigError(Exception):
    """`MAX_PARTS` parts are still larger than the limit."""


@dataclass(frozen=True, kw_only=True)
class SplitPlan:
    """Plan for splitting a workbook into files of at most `max_bytes` in `folder`, named after `stem`."""

    folder: Path
    stem: str
    max_bytes: int
    lang: str = "zh-CN"  # of the row that names the part

    def path(self, number: int, parts: int) -> Path:
        return self.folder / f"{self.stem}_{number}-{parts}.xlsx"


def split(source: Path, plan: SplitPlan) -> list[Path]:
    """Write the parts and return their paths, in order. Raises `TooBigError`."""
    parts = max(math.ceil(source.stat().st_size * 1.1 / plan.max_bytes), 2)
    while parts <= MAX_PARTS:
        paths = [plan.path(number, parts) for number in range(1, parts + 1)]
        _write(source, paths, load_words("workbook", plan.lang)["part"])
        biggest = max(path.stat().st_size for path in paths)
        if biggest <= plan.max_bytes:
            return paths
        for path in paths:
            path.unlink()
        parts = max(parts + 1, math.ceil(parts * biggest / plan.max_bytes))
    raise TooBigError


def _write(source: Path, paths: Sequence[Path], label: str) -> None:
    """Write all parts in one pass over the source."""
    with ExitStack() as stack:
        book = stack.enter_context(ZipFile(source))
        parts = [stack.enter_context(ZipFile(path, "w", ZIP_DEFLATED)) for path in paths]
        for name in book.namelist():
            if name == f"{SHEET_PREFIX}1.xml":
                _write_overview(book, name, parts, label)
            elif name.startswith(SHEET_PREFIX) and _count_rows(book, name) > MIN_ROWS_TO_SPLIT:
                _distribute_rows(book, name, parts)
            else:
                _copy(book, name, parts)


def _copy(book: ZipFile, name: str, parts: Sequence[ZipFile]) -> None:
    content = book.read(name)
    if name == WORKBOOK_NAME:  # Excel creates the names of filters again
        content = _NO_NAMES.sub(b"", _FILTER_NAME.sub(b"", content))
    for part in parts:
        part.writestr(name, content)


def _write_overview(book: ZipFile, name: str, parts: Sequence[ZipFile], label: str) -> None:
    """Copy the overview to every part, with a last row that names the part."""
    head, end, tail = book.read(name).rpartition(b"</sheetData>")
    rows = [int(number) for number in re.findall(rb'<row\b[^>]*?\br="(\d+)', head)]
    line = (rows[-1] if rows else 0) + 2
    for number, part in enumerate(parts, 1):
        words = label.format(number=number, parts=len(parts)).encode()
        cell = b'<c r="A%d" t="inlineStr"><is><t>%s</t></is></c>' % (line, words)
        row = b'<row r="%d">%s</row>' % (line, cell)
        part.writestr(name, head + row + end + tail)


def _distribute_rows(book: ZipFile, name: str, parts: Sequence[ZipFile]) -> None:
    """Copy the first row to every part, and an equal share of the others, in order."""
    total = _count_rows(book, name) - 1
    with ExitStack() as stack:
        rows = _Rows(stack.enter_context(book.open(name)))
        files = [stack.enter_context(part.open(name, "w", force_zip64=True)) for part in parts]
        used = [1] * len(files)
        each = iter(rows)
        first = next(each)
        for file in files:
            file.write(_SIZE.sub(b"", rows.head) + first)
        for at, row in enumerate(each):
            place = at * len(files) // total
            used[place] += 1
            files[place].write(_renumbered(row, used[place]))
        for file, last in zip(files, used, strict=True):
            file.write(_FILTER.sub(rb"\g<1>%d" % last, _ROW_REFERENCES.sub(b"", rows.tail)))


def _renumbered(row: bytes, number: int) -> bytes:
    new = rb"\g<1>%d" % number
    return _CELL_NUMBER.sub(new, _ROW_NUMBER.sub(new, row))


def _count_rows(book: ZipFile, name: str) -> int:
    with book.open(name) as sheet:
        return sum(1 for _ in _Rows(sheet))


class _Rows:
    """The rows of a sheet as XML. `head` and `tail` are the XML before and after them."""

    def __init__(self, sheet: IO[bytes]) -> None:
        self._sheet = sheet
        self.tail = b""
        read = b""
        while b"<sheetData>" not in read and (chunk := sheet.read(CHUNK_BYTES)):
            read += chunk
        head, begin, self._rest = read.partition(b"<sheetData>")
        self.head = head + begin

    def __iter__(self) -> Iterator[bytes]:
        while True:
            *rows, self._rest = self._rest.split(b"</row>")
            for row in rows:
                yield row + b"</row>"
            chunk = self._sheet.read(CHUNK_BYTES)
            if not chunk:
                self.tail = self._rest
                return
            self._rest += chunk
