"""A workbook as several smaller ones that each open alone; memory stays flat in rows. Pure but for the files.

Rows travel as the XML they are, with new numbers. Long sheets are shared out, a piece in each part under the
sheet's first row; everything else (the overview, short sheets, charts, styles) stands whole in every part.
The overview's last line says which part it is.
"""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile

MAX_PARTS = 20
MIN_ROWS_TO_SPLIT = 500  # rows of a sheet that is not worth sharing out
CHUNK_BYTES = 1 << 18  # bytes read at once
SHEET_PREFIX = "xl/worksheets/sheet"
WORKBOOK_NAME = "xl/workbook.xml"

_ROW_NUMBER = re.compile(rb'(<row\b[^>]*?\br=")\d+')
_CELL_NUMBER = re.compile(rb'(<c\b[^>]*?\br="[A-Z]+)\d+')
_FILTER = re.compile(rb'(<autoFilter ref="[A-Z]+\d+:[A-Z]+)\d+')
_SIZE = re.compile(rb"<dimension\b[^>]*/>")
_ROW_REFERENCES = re.compile(  # what names rows that are elsewhere by now
    rb"<(mergeCells|hyperlinks|conditionalFormatting|dataValidations)\b.*?</\1>", re.DOTALL
)
_FILTER_NAME = re.compile(rb"<definedName\b[^>]*_xlnm\._FilterDatabase[^>]*>[^<]*</definedName>")
_NO_NAMES = re.compile(rb"<definedNames>\s*</definedNames>")


class TooBigError(Exception):
    """Not even the most parts are small enough"""


@dataclass(frozen=True, kw_only=True)
class SplitPlan:
    """How a workbook is cut: into files of at most `max_bytes`, named after `stem` in `folder`."""

    folder: Path
    stem: str
    max_bytes: int

    def path(self, number: int, parts: int) -> Path:
        return self.folder / f"{self.stem}_{number}-{parts}.xlsx"


def split(source: Path, cut: SplitPlan) -> list[Path]:
    """Write the parts, in their order. Raises `TooBig`."""
    parts = max(math.ceil(source.stat().st_size * 1.1 / cut.max_bytes), 2)
    while parts <= MAX_PARTS:
        paths = [cut.path(number, parts) for number in range(1, parts + 1)]
        _write(source, paths)
        biggest = max(path.stat().st_size for path in paths)
        if biggest <= cut.max_bytes:
            return paths
        for path in paths:
            path.unlink()
        parts = max(parts + 1, math.ceil(parts * biggest / cut.max_bytes))
    raise TooBigError


def _write(source: Path, paths: Sequence[Path]) -> None:
    """All parts at once."""
    with ExitStack() as stack:
        book = stack.enter_context(ZipFile(source))
        parts = [stack.enter_context(ZipFile(path, "w", ZIP_DEFLATED)) for path in paths]
        for name in book.namelist():
            if name == f"{SHEET_PREFIX}1.xml":
                _write_overview(book, name, parts)
            elif name.startswith(SHEET_PREFIX) and _count_rows(book, name) > MIN_ROWS_TO_SPLIT:
                _distribute_rows(book, name, parts)
            else:
                _copy(book, name, parts)


def _copy(book: ZipFile, name: str, parts: Sequence[ZipFile]) -> None:
    content = book.read(name)
    if name == WORKBOOK_NAME:  # Excel makes the names of filters anew
        content = _NO_NAMES.sub(b"", _FILTER_NAME.sub(b"", content))
    for part in parts:
        part.writestr(name, content)


def _write_overview(book: ZipFile, name: str, parts: Sequence[ZipFile]) -> None:
    """The overview, with a last line more."""
    head, end, tail = book.read(name).rpartition(b"</sheetData>")
    rows = [int(number) for number in re.findall(rb'<row\b[^>]*?\br="(\d+)', head)]
    line = (rows[-1] if rows else 0) + 2
    for number, part in enumerate(parts, 1):
        words = f"第 {number} 部分，共 {len(parts)} 部分 / part {number} of {len(parts)}".encode()
        cell = b'<c r="A%d" t="inlineStr"><is><t>%s</t></is></c>' % (line, words)
        row = b'<row r="%d">%s</row>' % (line, cell)
        part.writestr(name, head + row + end + tail)


def _distribute_rows(book: ZipFile, name: str, parts: Sequence[ZipFile]) -> None:
    """The first row to every part, the others in their order, so many to each."""
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
    """The rows of a sheet as they are written; `head` and `tail` are what stands around them."""

    def __init__(self, sheet: IO[bytes]) -> None:
        self._sheet = sheet
        self.tail = b""
        read = b""
        while b"<sheetData>" not in read and (piece := sheet.read(CHUNK_BYTES)):
            read += piece
        head, begin, self._rest = read.partition(b"<sheetData>")
        self.head = head + begin

    def __iter__(self) -> Iterator[bytes]:
        while True:
            *rows, self._rest = self._rest.split(b"</row>")
            for row in rows:
                yield row + b"</row>"
            piece = self._sheet.read(CHUNK_BYTES)
            if not piece:
                self.tail = self._rest
                return
            self._rest += piece
