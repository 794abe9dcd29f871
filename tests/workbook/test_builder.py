"""The workbook as data: written by us, read back by another program."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from bot.models import UNSUBMITTED, Failure, Findings, KindSummary, Run, TaskCounts, TaskStatus
from bot.ports import ReportInput
from bot.workbook.builder import write_workbook
from bot.workbook.diff import Side
from bot.workbook.finding_sheets import EXTRA_SHEETS
from tests.factories import NOW, make_schedule
from tests.workbooks import (
    LOOK,
    TITLES,
    Documents,
    book,
    cells,
    compared_story,
    ended_run,
    facts,
    finds,
    finds_of,
    port,
    run_before,
    written,
)

DOCUMENTS: dict[str, list[dict[str, Any]]] = {
    "ip": [
        {"ip": "192.0.2.10", "port_info": [port(443, "https"), port(80)], "domain": ["b.com"]},
        {"ip": "192.0.2.10", "port_info": [port(80)], "domain": ["a.com"], "ip_type": "PUBLIC",
         "geo_city": {"country_name": "CN", "region_name": "浙江"}, "geo_asn": {"organization": "AS1"},
         "os_info": {"name": "Linux"}, "cdn_name": "cdn"},
        {"ip": "192.0.2.9", "port_info": [port("8080", "http-alt", ""), port(9.0, "x")]},
    ],
    "site": [
        {"site": "http://a.com", "title": "", "finger": [{"name": "x"}]},
        {"site": "http://a.com", "title": "首页", "status": 200, "favicon": {"hash": -5, "data": "AAAA"},
         "finger": [{"name": "x"}, {"name": "y, z"}]},
    ],
    "domain": [
        {"domain": "a.com", "type": "A", "record": ["192.0.2.10", "192.0.2.9"],
         "ips": ["192.0.2.10", "192.0.2.9"]},
    ],
}  # fmt: skip


def test_the_sheets_and_headers_are_arls(tmp_path: Path) -> None:
    sheets = written(tmp_path, DOCUMENTS)
    assert list(sheets) == TITLES
    assert sheets["站点"][0] == ["site", "title", "指纹", "状态码", "favicon hash"]
    assert sheets["IP"][0] == [
        "IP", "端口信息", "开放端口数目", "geo", "as 编号", "domain", "操作系统", "CDN", "类别",
    ]  # fmt: skip
    assert sheets["系统服务"][0] == ["IP", "端口", "服务", "产品", "版本"]
    assert sheets["域名"][0] == ["域名", "解析类型", "记录值", "关联ip"]


def test_an_asset_of_several_tasks_is_one_row(tmp_path: Path) -> None:
    sheets = written(tmp_path, DOCUMENTS)
    assert sheets["IP"][2] == [
        "192.0.2.10", "80 \n443", 2, "CN/浙江", "AS1", "a.com \nb.com", "Linux", "cdn", "PUBLIC",
    ]  # fmt: skip
    assert sheets["站点"][1:] == [["http://a.com", "首页", "x \ny, z", 200, -5]]
    assert sheets["域名"][1:] == [
        ["a.com", "A", "192.0.2.10 \n192.0.2.9", "192.0.2.9 \n192.0.2.10"],
    ]


def test_addresses_and_ports_are_sorted_as_numbers(tmp_path: Path) -> None:
    assert written(tmp_path, DOCUMENTS)["系统服务"][1:] == [
        ["192.0.2.9", 9, "x", "nginx", "1"],
        ["192.0.2.9", 8080, "http-alt", "", "1"],
        ["192.0.2.10", 80, "http", "nginx", "1"],
        ["192.0.2.10", 443, "https", "nginx", "1"],
    ]


def test_of_services_of_one_kind_only_https_alt_is_counted_with_https_as_arl_does(tmp_path: Path) -> None:
    ports = [port(number, name) for number, name in enumerate(("http", "http-alt", "https", "https-alt"), 1)]
    rows = written(tmp_path, {"ip": [{"ip": "192.0.2.9", "port_info": ports}]})["资产统计"]
    counts = {row[5]: row[6] for row in rows[5:25] if row[5]}
    assert counts == {"http": 1, "http-alt": 1, "https": 2}


def test_the_statistics_count_ports_services_and_products(tmp_path: Path) -> None:
    rows = written(tmp_path, DOCUMENTS)["资产统计"]
    assert (rows[0][0], rows[0][5], rows[0][10]) == ("端口信息统计", "系统服务信息统计", "软件产品信息统计")
    assert rows[4][:3] == ["端口", "数量", "占比"]
    assert rows[5][10:13] == ["nginx", 3, 1.0]
    assert (rows[26][0], rows[27][0]) == ("端口开放总数", 4)


def test_the_overview_tells_what_when_who_how_long_and_what_failed(tmp_path: Path) -> None:
    rows = written(tmp_path, DOCUMENTS)["概览"]
    told = facts(rows)
    assert (told["计划"], told["执行"], told["发起人"]) == ("每日巡检", "rabcdefghij", "李雷")
    assert told["开始（Asia/Shanghai +08:00）"] == datetime(2026, 11, 24, 11, 0)  # noqa: DTZ001 - as shown
    assert (told["耗时（秒）"], told["成功"], told["出错"], told["站点"]) == (90, 1, 1, 1)
    assert {"=1+1", "出错", "连接被拒绝", "t2"} <= cells(rows)


def test_an_unsubmitted_task_has_no_id(tmp_path: Path) -> None:
    never = f"{UNSUBMITTED}s1-1:b.example"
    failure = Failure(task_id=never, target="b.example", status=TaskStatus.MISSING, reason="没有提交")
    run = ended_run(task_ids=("t1", never), failures=(failure,))
    shown = cells(written(tmp_path, {}, story=ReportInput(run=run))["概览"])
    assert {"t1", "b.example"} <= shown
    assert not any(UNSUBMITTED in str(cell) for cell in shown)


def test_failures_that_are_not_listed_are_counted(tmp_path: Path) -> None:
    run = ended_run(task_counts=TaskCounts(total=300, error=250, done=50))
    assert "另有 249 个失败未列出" in cells(written(tmp_path, {}, story=ReportInput(run=run))["概览"])


def test_an_english_workbook_has_no_chinese(tmp_path: Path) -> None:
    story = ReportInput(run=ended_run(schedule=make_schedule(name="daily"), asked_by=None, failures=()))
    documents: dict[str, list[dict[str, Any]]] = {name: [{}] for name in EXTRA_SHEETS}
    sheets = written(tmp_path, documents, story=story, lang="en")
    texts = {str(cell) for rows in sheets.values() for cell in cells(rows)} | set(sheets)
    assert {"Overview", "Vulnerabilities", "Severity", "Sites", "Statistics", "Open ports"} <= texts
    assert {text for text in texts if re.search("[\u4e00-\u9fff]", text)} == set()


def test_the_overview_speaks_english_too(tmp_path: Path) -> None:
    sheets = written(tmp_path, {"cert": [{"ip": "192.0.2.1", "port": 443}]}, lang="en")
    assert {"Schedule", "Certificates"} <= cells(sheets["Overview"])
    assert sheets["Certificates"][0][:2] == ["Subject", "Issuer"]


def test_the_last_runs_stand_in_a_table_with_native_charts(tmp_path: Path) -> None:
    history = (run_before(), ended_run())
    rows = written(tmp_path, {}, story=ReportInput(run=ended_run(), history=history))["概览"]
    table = [row[1:5] for row in rows if isinstance(row[0], datetime)]
    assert table == [["rbefore", 70, 2, 0], ["rabcdefghij", 90, 1, 1]]
    assert len(parts(tmp_path / "book.xlsx", "charts/chart")) == 1


MANY_KINDS = ("stat_finger", "cip", "cert", "domain", "ip", "site", "npoc_service", "url", "vuln", "unheard")
PAST = Findings(rows=20, kinds=tuple(KindSummary(kind=kind, total=2) for kind in MANY_KINDS))


@pytest.mark.parametrize(
    ("lang", "sheet", "vulns"), [("zh-CN", "概览", "漏洞"), ("en", "Overview", "Vulnerabilities")]
)
def test_the_trend_shows_the_most_important_kinds_in_the_language(
    tmp_path: Path, lang: str, sheet: str, vulns: str
) -> None:
    history = (run_before(findings=PAST), ended_run())
    story = ReportInput(run=ended_run(), history=history)
    rows = written(tmp_path, {"site": [{"site": "a"}]}, story=story, lang=lang)[sheet]
    (header,) = [row for row in rows if vulns in row[5:6]]
    assert header[6:7] == (["站点"] if lang == "zh-CN" else ["Sites"])
    assert [row[5:7] for row in rows if isinstance(row[0], datetime)] == [[2, 2], [0, 1]]


def test_the_trend_is_drawn_in_straight_lines_and_whole_numbers(tmp_path: Path) -> None:
    history = (run_before(findings=PAST), ended_run())
    written(tmp_path, {}, story=ReportInput(run=ended_run(), history=history))
    tasks, assets = parts(tmp_path / "book.xlsx", "charts/chart")
    for chart in (tasks, assets):
        assert b'formatCode="#,##0"' in chart
        assert b'<majorUnit val="1"' in chart
    assert assets.count(b'<smooth val="0"') == assets.count(b'<symbol val="circle"') == 5
    assert b'<smooth val="1"' not in assets


def test_what_the_report_counted_is_told_with_what_is_new(tmp_path: Path) -> None:
    weak = {"target": "192.0.2.9:22", "plg_name": "SSHBrute", "plg_type": "brute", "vul_name": "弱口令"}
    hole = {"target": "http://a.com", "plg_name": "x", "plg_type": "poc", "vul_name": "RCE"}
    now: Documents = {"vuln": [weak, hole, hole], "ip": DOCUMENTS["ip"], "wih": [{"record_type": "ip"}]}
    found = write_workbook(
        tmp_path / "book.xlsx", compared_story(), finds(now, {"vuln": [hole]}), options=LOOK
    )
    assert found.compared
    assert [(each.kind, each.total, each.new) for each in found.highlights] == [
        ("vuln", 2, 1), ("weak_password", 1, 1),
    ]  # fmt: skip
    totals = {each.kind: each.total for each in found.kinds}
    assert totals == {"vuln": 2, "wih": 1, "site": 0, "ip": 2, "service": 4, "domain": 0}
    assert list(totals)[:2] == ["vuln", "wih"]
    assert found.rows == sum(totals.values())
    listed = facts(book(tmp_path / "book.xlsx")["概览"])
    assert (listed["漏洞"], listed["IP"], listed["系统服务"]) == (2, 2, 4)


CHART_ROWS = 15  # of 7.5 cm


def parts(path: Path, name: str) -> list[bytes]:
    with ZipFile(path) as archive:
        return [archive.read(each) for each in archive.namelist() if name in each]


def test_links_lead_to_sheets_of_the_workbook_only(tmp_path: Path) -> None:
    written(tmp_path, DOCUMENTS)
    assert b"location=\"'\xe7\xab\x99\xe7\x82\xb9'!A1\"" in parts(tmp_path / "book.xlsx", "sheet1.xml")[0]
    assert not any(b"hyperlink" in part for part in parts(tmp_path / "book.xlsx", "sheet3.xml"))
    assert not any(b"External" in part for part in parts(tmp_path / "book.xlsx", ".rels"))


def test_headers_are_frozen_and_have_filters(tmp_path: Path) -> None:
    written(tmp_path, DOCUMENTS)
    (site,) = parts(tmp_path / "book.xlsx", "sheet3.xml")
    assert b'state="frozen"' in site
    assert b'<autoFilter ref="A1:E2"' in site


def test_no_part_has_the_header_for_large_files_needlessly(tmp_path: Path) -> None:
    """Excel offers to repair a workbook that has."""
    written(tmp_path, DOCUMENTS)
    made = (tmp_path / "book.xlsx").read_bytes()
    with ZipFile(tmp_path / "book.xlsx") as archive:
        needed = {made[info.header_offset + 4] for info in archive.infolist()}  # version of ZIP, in tenths
    assert needed == {20}


def test_the_same_assets_yield_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.xlsx", "b.xlsx"):
        write_workbook(tmp_path / name, ReportInput(run=ended_run()), finds(DOCUMENTS), options=LOOK)
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def test_a_full_sheet_goes_on_in_a_second_one(tmp_path: Path) -> None:
    domains = [{"domain": f"{letter}.com"} for letter in "abcde"]
    sheets = written(tmp_path, {"domain": domains}, max_rows=3)
    assert list(sheets)[5:8] == ["域名", "域名 2", "域名 3"]
    assert [[row[0] for row in sheets[name]] for name in ("域名", "域名 2", "域名 3")] == [
        ["域名", "a.com", "b.com"],
        ["域名", "c.com", "d.com"],
        ["域名", "e.com"],
    ]
    assert facts(sheets["概览"])["域名"] == 5


def test_an_unknown_kind_is_ignored(tmp_path: Path) -> None:
    assert list(written(tmp_path, {"unheard": [{"of": 1}]})) == TITLES


def test_what_changed_is_told_by_kind_and_key(tmp_path: Path) -> None:
    before: Documents = {
        "ip": [{"ip": "192.0.2.10", "port_info": [port(80, version="0.9"), port(22, "ssh")]}],
        "site": [{"site": "http://a.com", "title": "旧"}, {"site": "http://gone.com", "title": "再见"}],
        "domain": DOCUMENTS["domain"],
    }
    now: Documents = {
        "ip": [{"ip": "192.0.2.10", "port_info": [port(80, version="1")]}, {"ip": "192.0.2.9"}],
        "site": [{"site": "http://a.com", "title": "新"}],
        "domain": DOCUMENTS["domain"],
    }
    sheets = written(tmp_path, now, before)
    assert sheets["变化"] == [
        ["类别", "变化", "对象", "字段", "之前", "现在"],
        ["站点", "变化", "http://a.com", "title", "旧", "新"],
        ["站点", "消失", "http://gone.com", "", "site: http://gone.com\ntitle: 再见", ""],
        ["IP", "新增", "192.0.2.9", "", "", "IP: 192.0.2.9\n开放端口数目: 0"],
        ["IP", "变化", "192.0.2.10", "端口信息", "22 \n80", "80"],
        ["IP", "变化", "192.0.2.10", "开放端口数目", 2, 1],
        ["系统服务", "变化", "192.0.2.10 80", "版本", "0.9", "1"],
        [
            "系统服务",
            "消失",
            "192.0.2.10 22",
            "",
            "IP: 192.0.2.10\n端口: 22\n服务: ssh\n产品: nginx\n版本: 1",
            "",
        ],
    ]
    counts = {row[0]: row[1:5] for row in sheets["概览"] if row[0] in TITLES}
    assert counts == {
        "站点": [1, 0, 1, 1],
        "IP": [2, 1, 0, 1],
        "系统服务": [1, 0, 1, 1],
        "域名": [1, 0, 0, 0],
    }


def test_two_banners_at_one_port_are_one_thing_that_changes(tmp_path: Path) -> None:
    before = {"ip": [{"ip": "192.0.2.1", "port_info": [port(80, version="1"), port(80, version="2")]}]}
    now = {"ip": [{"ip": "192.0.2.1", "port_info": [port(80, version="1"), port(80, version="3")]}]}
    assert written(tmp_path, now, before)["变化"][1:] == [
        ["系统服务", "变化", "192.0.2.1 80", "版本", "1\n2", "1\n3"],
    ]


def test_a_first_run_has_nothing_to_compare(tmp_path: Path) -> None:
    sheets = written(tmp_path, DOCUMENTS)
    assert sheets["变化"] == [["没有可对比的历史执行"]]
    assert facts(sheets["概览"])["对比基准"] == "没有可对比的历史执行"


def test_a_run_like_the_one_before_says_so(tmp_path: Path) -> None:
    assert written(tmp_path, DOCUMENTS, DOCUMENTS)["变化"][1][0] == "与上次相同，没有变化"


def test_the_overview_says_what_is_not_compared(tmp_path: Path) -> None:
    story = compared_story(unfinished=("t2",))
    assert story.baseline is not None
    story = replace(story, baseline=replace(story.baseline, first_covered=("new.example",)))
    told = "\n".join(cells(written(tmp_path, {}, {}, story=story)["概览"]))
    assert "1 个子任务未完成" in told
    assert "发现全部计为“新增”：new.example" in told


def partly(folder: Path, **sides: list[str]) -> list[list[Any]]:
    """The changes of a run when these sites were found, by side."""
    found = {Side(side): {"site": [{"site": site} for site in sites]} for side, sites in sides.items()}
    write_workbook(folder / "book.xlsx", compared_story(), finds_of(found), options=LOOK)
    return [row[:3] for row in book(folder / "book.xlsx")["变化"][1:]]


def test_what_a_task_that_did_not_finish_did_not_see_is_not_gone(tmp_path: Path) -> None:
    assert partly(tmp_path, current=["a"], earlier=["a", "b"], elsewhere=["c"]) == [["站点", "消失", "b"]]


def test_what_a_task_that_did_not_finish_found_is_new_only_if_nobody_knew_it(tmp_path: Path) -> None:
    found = partly(tmp_path, partial=["a", "b", "c"], elsewhere=["a"], earlier_partial=["b"])
    assert found == [["站点", "新增", "c"]]


def test_what_another_target_had_before_is_not_new(tmp_path: Path) -> None:
    assert (
        partly(tmp_path, current=["a", "b"], earlier=["a"], elsewhere=["b"])[0][0] == "与上次相同，没有变化"
    )


def test_what_only_a_partial_run_saw_is_gone_when_a_whole_one_does_not_see_it(tmp_path: Path) -> None:
    assert partly(tmp_path, current=["a"], earlier=["a"], earlier_partial=["b"]) == [["站点", "消失", "b"]]


def test_what_was_seen_in_part_before_has_not_changed_when_all_of_it_is_seen(tmp_path: Path) -> None:
    before: Documents = {"site": [{"site": "a"}], "ip": [{"ip": "192.0.2.1", "port_info": [port(80)]}]}
    now: Documents = {
        "site": [{"site": "a", "title": "首页"}],
        "ip": [{"ip": "192.0.2.1", "port_info": [port(80), port(443)]}],
    }
    found = finds_of({Side.EARLIER_PARTIAL: before, Side.CURRENT: now})
    write_workbook(tmp_path / "book.xlsx", compared_story(), found, options=LOOK)
    rows = [row[:3] for row in book(tmp_path / "book.xlsx")["变化"][1:]]
    assert rows == [["系统服务", "新增", "192.0.2.1 443"]]


def test_half_an_address_has_neither_changed_nor_lost_ports(tmp_path: Path) -> None:
    seen = {"ip": [{"ip": "192.0.2.1", "port_info": [port(80)]}]}
    before = {"ip": [{"ip": "192.0.2.1", "port_info": [port(22, "ssh"), port(443)]}]}
    found = finds_of({Side.PARTIAL: seen, Side.ELSEWHERE: before})
    write_workbook(tmp_path / "book.xlsx", compared_story(unfinished=("t2",)), found, options=LOOK)
    rows = [row[:3] for row in book(tmp_path / "book.xlsx")["变化"][1:]]
    assert rows == [["系统服务", "新增", "192.0.2.1 80"]]


def test_documents_out_of_order_are_noted_and_break_nothing(tmp_path: Path) -> None:
    found = finds({}, {})
    (place,) = [number for number, each in enumerate(found) if each.kind == "domain"]
    found[place] = type(found[place])(
        kind="domain",
        sides={Side.EARLIER: [{"domain": "a.com"}], Side.CURRENT: [{"domain": "b.com"}, {"domain": "a.com"}]},
    )
    story = compared_story()
    write_workbook(tmp_path / "book.xlsx", story, found, options=LOOK)
    assert any("域名 的数据顺序有误" in cell for cell in cells(book(tmp_path / "book.xlsx")["概览"]))


@pytest.mark.parametrize("end", [None, NOW + timedelta(seconds=1)])
def test_a_run_without_results_has_a_workbook(tmp_path: Path, end: datetime | None) -> None:
    run: Run = ended_run(task_counts=None, task_ids=(), failures=(), end_time=end, error_msg="没有目标")
    assert facts(written(tmp_path, {}, story=ReportInput(run=run))["概览"])["说明"] == "没有目标"


def test_no_chart_covers_the_table_of_recent_runs(tmp_path: Path) -> None:
    history = tuple(run_before(id=f"r{number}", findings=PAST) for number in range(3))
    rows = written(tmp_path, {}, story=ReportInput(run=ended_run(), history=(*history, ended_run())))["概览"]
    table = next(number for number, row in enumerate(rows) if "r0" in row)
    drawing = next(each for each in parts(tmp_path / "book.xlsx", "drawings/drawing") if b"from>" in each)
    places = [int(row) for row in re.findall(rb"<(?:xdr:)?from>.*?<(?:xdr:)?row>(\d+)<", drawing, re.DOTALL)]
    assert len(places) == 2
    assert max(places) + CHART_ROWS < table
