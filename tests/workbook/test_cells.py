"""Cells: numbers and times as such, and nothing from outside is ever more than text."""

import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.assets.values import Percentage
from bot.workbook.cells import (
    ACTIVE_CHARACTERS,
    MAX_CELL_CHARACTERS,
    TRUNCATION_MARK,
    RowWriter,
    Styles,
    WorkbookOptions,
    escape_xml,
    local_time,
    truncate,
)
from bot.workbook.finding_sheets import KIND_SHEETS
from tests.workbooks import TITLES, Book, Documents, compared_story, port, written
from tests.workbooks import ended_run as ended

ZONE = ZoneInfo("Asia/Shanghai")
CELLS = RowWriter(
    Styles(header=1, plain=6, percentage=7, time=2, inert=3, multiline=4, inert_multiline=5, severities={}),
    WorkbookOptions(zone=ZONE),
)

HOSTILE = [
    "=1+1", "=HYPERLINK(1)", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "＝1+1", "#N/A", "#REF!", "{=1}",
    "\x00\x08\x1f", "\x00=1", "\ud800", "\ufffe\uffff", "\u202eabc\u200f", "x" * 40_000, "💥" * 20_000,
    "]]>", "</t></is></c>", "<f>1</f>", "&#61;1", "_x003D_1", "", " ", None, 0, 5, -0.0, 1e308, 10**400,
    float("nan"), float("inf"), ["a"], {"a": 1}, [None, "a", 1], {"a": [None]}, True, b"\xff", ("=1",),
]  # fmt: skip


def everywhere(value: object) -> Documents:
    """A value in every field of every kind, and in the places within."""
    inner: dict[str, Any] = {
        "port_info": [port(value, "=s", "=p", "=v"), value],
        "finger": [{"name": value}, value],
        "favicon": {"hash": value},
        "geo_city": {"country_name": value, "region_name": value},
        "cert": {"validity": {"start": value}, "names": [value], "fingerprint": {"sha256": value}},
        "verify_data": {"username": value, "password": value},
    }
    return {
        name: [
            dict.fromkeys(kind.asset.columns, value),
            {field: inner.get(field, [value]) for field in kind.asset.columns},
            {},
        ]
        for name, kind in KIND_SHEETS.items()
    }


def sheets_xml(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return b"".join(archive.read(name) for name in archive.namelist() if "worksheets/sheet" in name)


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_stay_inert(tmp_path: Path, value: object) -> None:
    sheets = written(tmp_path, everywhere(value), everywhere("other"))
    assert list(sheets)[: len(TITLES)] == TITLES
    made = sheets_xml(tmp_path / "book.xlsx")
    assert not re.search(rb'<f[ >/]|t="(e|str|b)"', made)


@pytest.mark.parametrize(
    "text", [value for value in HOSTILE if isinstance(value, str) and 1 < len(value) < 99]
)
def test_text_reads_back_as_it_was(tmp_path: Path, text: str) -> None:
    shown = re.sub("[\x00-\x08\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "", text).replace("\r", "\n")
    sheets = written(tmp_path, {"domain": [{"domain": "d", "type": text}]})
    assert sheets["域名"][1][1] == shown


@pytest.mark.parametrize("first", sorted(ACTIVE_CHARACTERS - {"\n", "\r"}))
def test_what_begins_like_a_formula_stays_text_when_it_is_edited(first: str) -> None:
    assert f's="3" t="inlineStr"><is><t xml:space="preserve">{first}1<' in CELLS.row(1, [f"{first}1"])


@pytest.mark.parametrize(("lines", "height"), [(2, 30), (6, 90), (500, 90)])
def test_several_lines_have_room_but_never_the_whole_screen(lines: int, height: int) -> None:
    row = CELLS.row(1, ["one", "=\n" + "x\n" * (lines - 2), 5, "a\nb"])
    assert row.startswith(f'<row r="1" ht="{height}" customHeight="1">')
    assert ('r="B1" s="5"' in row, 'r="D1" s="4"' in row) == (True, True)


@pytest.mark.parametrize("text", ["x" * 40_000, "💥" * 20_000, "\x01" * 9 + "=" * 40_000])
def test_a_long_cell_is_cut_with_a_mark(text: str) -> None:
    short = truncate(text)
    assert MAX_CELL_CHARACTERS - 1 <= len(short.encode("utf-16-le")) // 2 <= MAX_CELL_CHARACTERS
    assert short.endswith(TRUNCATION_MARK)


def test_a_cell_that_just_fits_is_left_alone() -> None:
    assert (
        truncate("x" * MAX_CELL_CHARACTERS)
        == escape_xml("x" * MAX_CELL_CHARACTERS)
        == "x" * MAX_CELL_CHARACTERS
    )


CASES: list[tuple[object, str]] = [
    (80, '<c r="A1" s="6"><v>80</v></c>'),
    (Percentage(0.25), '<c r="A1" s="7"><v>0.25</v></c>'),
    (0.5, '<c r="A1" s="6"><v>0.5</v></c>'),
    (datetime(2026, 11, 24, 3, 0, tzinfo=UTC), '<c r="A1" s="2"><v>46350.458333333336</v></c>'),
    (10**15, '<c r="A1" s="6" t="inlineStr"><is><t xml:space="preserve">1000000000000000</t></is></c>'),
    (None, ""),
    ("", ""),
    ("\x00", ""),
]


@pytest.mark.parametrize(("value", "cell"), CASES)
def test_a_value_becomes_a_cell(value: object, cell: str) -> None:
    assert CELLS.row(1, [value]) == f'<row r="1">{cell}</row>'


def test_a_date_that_excel_lacks_becomes_text() -> None:
    assert local_time(datetime(1850, 1, 1, tzinfo=UTC), ZONE) == "1850-01-01 00:00:00+00:00"
    assert (
        local_time(datetime.min.replace(tzinfo=UTC), ZoneInfo("America/New_York"))
        == "0001-01-01 00:00:00+00:00"
    )


TEXT = st.text(st.characters(), max_size=30)  # surrogates, control characters and all
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.sampled_from(HOSTILE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
FIELDS = sorted({field for kind in KIND_SHEETS.values() for field in kind.asset.columns})
DOCUMENT = st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=8)
FINDS = st.dictionaries(st.sampled_from(list(KIND_SHEETS)), st.lists(DOCUMENT, max_size=3), max_size=4)

thorough: Callable[..., Any] = settings(
    derandomize=True,
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@thorough
@given(current=FINDS, earlier=FINDS)
def test_no_document_breaks_a_workbook(tmp_path: Path, current: Documents, earlier: Documents) -> None:
    story = replace(compared_story(), run=ended())
    sheets: Book = written(tmp_path, current, earlier, story)
    assert list(sheets)[: len(TITLES)] == TITLES
    assert not re.search(rb'<f[ >/]|t="(e|str|b)"', sheets_xml(tmp_path / "book.xlsx"))


@thorough
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_any_text_reads_back_without_what_no_file_can_hold(tmp_path: Path, text: str) -> None:
    shown = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "", text)
    shown = shown.replace("\r\n", "\n").replace("\r", "\n")
    rows = written(tmp_path, {"domain": [{"domain": "d", "type": f"[{text}]"}]})["域名"]
    assert rows[1][1] == f"[{shown}]"
