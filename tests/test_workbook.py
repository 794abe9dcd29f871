"""The workbook: ARL's sheets without ARL's bugs, read back by another program."""

import zipfile
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from python_calamine import CalamineWorkbook

from bot.models import Failure, Person, Run, RunStatus, Tally, TaskStatus
from bot.sheets import SheetPlan
from bot.workbook import CUT, MOST_CHARACTERS, Sheet, WorkbookLook, write_workbook
from tests.factories import NOW, make_run

LOOK = WorkbookLook(zone=ZoneInfo("Asia/Shanghai"))
TITLES = ["概览", "站点", "IP", "系统服务", "域名", "资产统计"]


def ended_run() -> Run:
    return make_run(
        id="rabcdefghij",
        status=RunStatus.FINISHED,
        end_time=NOW + timedelta(seconds=90),
        asked_by=Person(id="user01", name="李雷"),
        task_ids=("t1", "t2"),
        tally=Tally(total=2, done=1, error=1, found={"site": 1}),
        failures=(Failure(task_id="t2", target="=1+1", status=TaskStatus.ERROR, reason="连接被拒绝"),),
    )


def port(number: object, service: str = "http", product: str = "nginx", version: str = "1") -> dict[str, Any]:
    return {"port_id": number, "service_name": service, "product": product, "version": version}


DOCUMENTS: list[tuple[str, dict[str, Any]]] = [
    ("ip", {"ip": "192.0.2.10", "port_info": [port(443, "https"), port(80)], "domain": ["b.com"]}),
    ("ip", {"ip": "192.0.2.10", "port_info": [port(80)], "domain": ["a.com"], "ip_type": "PUBLIC",
            "geo_city": {"country_name": "CN", "region_name": "浙江"}, "geo_asn": {"organization": "AS1"},
            "os_info": {"name": "Linux"}, "cdn_name": "cdn"}),
    ("ip", {"ip": "192.0.2.9", "port_info": [port("8080", "http-alt", "")]}),
    ("site", {"site": "http://a.com", "title": "", "finger": [{"name": "x"}]}),
    ("site", {"site": "http://a.com", "title": "首页", "status": 200, "favicon": {"hash": -5},
              "finger": [{"name": "x"}, {"name": "y, z"}]}),
    ("domain", {"domain": "a.com", "type": "A", "record": ["192.0.2.10", "192.0.2.9"], "ips": ["192.0.2.10",
                "192.0.2.9"]}),
]  # fmt: skip


def book(path: Path) -> dict[str, list[list[Any]]]:
    workbook = CalamineWorkbook.from_path(path)
    names = workbook.sheet_names
    return {name: workbook.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in names}


def written(
    tmp_path: Path, documents: Iterable[tuple[str, dict[str, Any]]], *, lang: str = "zh-CN"
) -> dict[str, list[list[Any]]]:
    path = tmp_path / "book.xlsx"
    look = WorkbookLook(zone=LOOK.zone, lang=lang)
    write_workbook(path, ended_run(), documents, look=look)
    return book(path)


def cells(rows: Sequence[Sequence[Any]]) -> set[str]:
    return {str(cell) for row in rows for cell in row}


def test_the_sheets_and_headers_are_arls(tmp_path: Path) -> None:
    sheets = written(tmp_path, DOCUMENTS)
    assert list(sheets) == TITLES
    assert sheets["站点"][0] == ["site", "title", "指纹", "状态码", "favicon hash"]
    assert sheets["IP"][0] == [
        "IP", "端口信息", "开放端口数目", "geo", "as 编号", "domain", "操作系统", "CDN", "类别",
    ]  # fmt: skip
    assert sheets["系统服务"][0] == ["IP", "端口", "服务", "产品", "版本"]
    assert sheets["域名"][0] == ["域名", "解析类型", "记录值", "关联ip"]


def test_what_several_tasks_found_is_one_row(tmp_path: Path) -> None:
    sheets = written(tmp_path, DOCUMENTS)
    assert sheets["IP"][1] == [
        "192.0.2.10", "80 \n443", 2, "CN/浙江", "AS1", "a.com \nb.com", "Linux", "cdn", "PUBLIC",
    ]  # fmt: skip
    assert sheets["站点"][1] == ["http://a.com", "首页", "x \ny, z", 200, "-5"]
    assert sheets["系统服务"][1:] == [
        ["192.0.2.10", 80, "http", "nginx", "1"],
        ["192.0.2.10", 443, "https", "nginx", "1"],
        ["192.0.2.9", 8080, "http-alt", "", "1"],
    ]


def test_addresses_sort_as_numbers(tmp_path: Path) -> None:
    assert written(tmp_path, DOCUMENTS)["域名"][1] == [
        "a.com",
        "A",
        "192.0.2.10 \n192.0.2.9",
        "192.0.2.9 \n192.0.2.10",
    ]


def test_the_statistics_count_ports_services_and_products(tmp_path: Path) -> None:
    rows = written(tmp_path, DOCUMENTS)["资产统计"]
    assert (rows[0][0], rows[0][5], rows[0][10]) == ("端口信息统计", "系统服务信息统计", "软件产品信息统计")
    assert rows[4][:3] == ["端口", "数量", "占比"]
    assert rows[5][10:13] == ["nginx", 2, "100.00%"]
    assert (rows[26][0], rows[27][0]) == ("端口开放总数", 3)
    assert rows[27][5] == 2


def test_the_overview_tells_what_failed_and_why(tmp_path: Path) -> None:
    told = cells(written(tmp_path, DOCUMENTS)["概览"])
    assert {"每日巡检", "rabcdefghij", "李雷", "=1+1", "连接被拒绝", "t2"} <= told
    assert "2026-11-24 11:00:00 +0800" in told


def test_the_overview_speaks_english_too(tmp_path: Path) -> None:
    sheets = written(tmp_path, [], lang="en")
    assert "Schedule" in cells(sheets["Overview"])


HOSTILE = ["=1+1", "=HYPERLINK(1)", "+1", "-1", "@x", "#N/A", "#REF!", "\x00\x08\x1f", "\ud800",
           "\ufffe\uffff", "\u202eabc", "x" * 40_000, "", None, 5, ["a"], {"a": 1}, True]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_stay_inert(tmp_path: Path, value: object) -> None:
    documents: list[tuple[str, dict[str, Any]]] = [
        ("ip", {"ip": value, "port_info": [port(value, "=s", "=p", "=v"), value], "domain": [value]}),
        ("site", {"site": "k", "title": value, "status": value, "finger": [{"name": value}, value],
                  "favicon": value}),
        ("domain", {"domain": "d", "type": value, "record": [value], "ips": value}),
        ("unheard", {"of": value}),
    ]  # fmt: skip
    written(tmp_path, documents)
    with zipfile.ZipFile(tmp_path / "book.xlsx") as archive:
        xml = b"".join(archive.read(name) for name in archive.namelist() if "sheet" in name)
    assert b"<f>" not in xml
    assert b't="e"' not in xml


def test_a_long_cell_is_cut_with_a_mark(tmp_path: Path) -> None:
    title = written(tmp_path, [("site", {"site": "a", "title": "x" * 40_000})])["站点"][1][1]
    assert len(title) == MOST_CHARACTERS
    assert title.endswith(CUT)


def test_a_full_sheet_goes_on_in_a_second_one(tmp_path: Path) -> None:
    workbook = Workbook(write_only=True)
    sheet = Sheet(workbook, SheetPlan(title="站点", header=("a",), widths=(9,)), most_rows=3)
    for number in range(5):
        sheet.append([number])
    sheet.close()
    workbook.save(tmp_path / "full.xlsx")
    assert book(tmp_path / "full.xlsx") == {
        "站点": [["a"], [0], [1]], "站点 2": [["a"], [2], [3]], "站点 3": [["a"], [4]],
    }  # fmt: skip


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from([
    "ip", "site", "domain", "title", "status", "finger", "favicon", "port_info", "record", "ips", "type",
    "geo_city", "geo_asn", "os_info", "cdn_name", "ip_type",
])  # fmt: skip
DOCUMENT = st.tuples(st.sampled_from(["ip", "site", "domain"]), st.dictionaries(FIELDS, ANYTHING, max_size=8))


@settings(
    derandomize=True,
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(documents=st.lists(DOCUMENT, max_size=4))
def test_no_document_breaks_a_workbook(tmp_path: Path, documents: list[tuple[str, dict[str, Any]]]) -> None:
    assert list(written(tmp_path, documents)) == TITLES
