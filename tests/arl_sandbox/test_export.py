"""The exports of the fake ARL: workbooks with ARL's bugs, and text lists."""

import io
from typing import Any
from urllib.parse import unquote

import aiohttp
import pytest
from openpyxl import load_workbook

from tests.arl_sandbox.conftest import Caller
from tests.arl_sandbox.database import FakeClockDatabase

FORK = pytest.mark.parametrize("caller", ["fork"], indirect=True)
NOBODY = "f" * 24

NGINX = {"port_id": 443, "service_name": "https", "product": "nginx", "version": "1.24", "protocol": "tcp"}
IP: dict[str, Any] = {
    "ip": "1.1.1.1",
    "port_info": [NGINX],
    "geo_city": {"country_name": "中国", "region_name": "浙江"},
    "geo_asn": {"organization": "示例网络"},
    "os_info": {"name": "Linux"},
    "domain": ["a.example.com"],
    "cdn_name": "",
    "ip_type": "PUBLIC",
}
SITE: dict[str, Any] = {
    "site": "https://a.example.com", "title": "首页", "status": 200, "finger": [{"name": "A, B"}],
    "favicon": {},
}  # fmt: skip
DOMAIN = {"domain": "a.example.com", "type": "A", "record": ["1.1.1.1"], "ips": ["1.1.1.1"]}


def a_task(
    database: FakeClockDatabase, name: str = "t", kind: str = "domain", target: str = "a.example.com/x"
) -> str:
    id_ = database.add_task(name, kind, target)
    database.add_results(id_, "ip", IP)
    database.add_results(id_, "site", SITE)
    database.add_results(id_, "domain", DOMAIN)
    return id_


def file_name(answer: aiohttp.ClientResponse) -> str:
    return unquote(answer.headers["Content-Disposition"].partition("filename=")[2])


async def book(answer: aiohttp.ClientResponse) -> Any:
    assert answer.content_type == "application/octet-stream"
    return load_workbook(io.BytesIO(await answer.read()))


async def one(caller: Caller, id_: str) -> Any:
    return await book(await caller.raw("GET", f"/export/{id_}"))


async def many(caller: Caller, *ids: str) -> aiohttp.ClientResponse:
    return await caller.raw("POST", "/export/batch", json={"task_ids": ids})


async def test_a_task_is_exported_with_arl_s_sheets(caller: Caller, database: FakeClockDatabase) -> None:
    id_ = a_task(database)
    answer = await caller.raw("GET", f"/export/{id_}")
    assert file_name(answer) == "ARL资产导出报告_a.example.com_x.xlsx"
    sheets = await book(answer)
    assert sheets.sheetnames == ["站点", "IP", "系统服务", "域名", "资产统计"]
    assert [cell.value for cell in sheets["站点"][2]] == ["https://a.example.com", "首页", "A\n B", 200, None]
    assert [cell.value for cell in sheets["IP"][2]][:6] == [
        "1.1.1.1", "443", 1, "中国/浙江", "示例网络", "a.example.com",
    ]  # fmt: skip


async def test_a_task_of_addresses_has_no_names(caller: Caller, database: FakeClockDatabase) -> None:
    sheets = await one(caller, a_task(database, kind="ip", target="1.1.1.1"))
    assert "域名" not in sheets.sheetnames
    assert [cell.value for cell in sheets["IP"][1]][-1] == "操作系统"


async def test_the_statistics_stand_side_by_side(caller: Caller, database: FakeClockDatabase) -> None:
    sheet = (await one(caller, a_task(database)))["资产统计"]
    assert [sheet[cell].value for cell in ("A1", "F1", "K1")] == [
        "端口信息统计", "系统服务信息统计", "软件产品信息统计",
    ]  # fmt: skip
    assert [sheet[cell].value for cell in ("A6", "B6", "C6")] == ["443", 1, "100.00%"]
    assert [sheet[cell].value for cell in ("A27", "A28", "F27", "K27")] == [
        "端口开放总数", 1, "系统服务类别总数", "产品类别总数",
    ]  # fmt: skip


async def test_a_title_that_begins_like_a_formula_is_one(caller: Caller, database: FakeClockDatabase) -> None:
    id_ = a_task(database)
    database.add_results(id_, "site", SITE | {"title": '=HYPERLINK("https://evil.example.com")'})
    assert (await one(caller, id_))["站点"]["B3"].data_type == "f"


@pytest.mark.parametrize("wrong", [{"record": ["\x01"]}, {"record": None}])
async def test_an_odd_value_breaks_the_export_of_one_task(
    caller: Caller, database: FakeClockDatabase, wrong: dict[str, Any]
) -> None:
    id_ = a_task(database)
    database.add_results(id_, "domain", DOMAIN | wrong)
    assert await caller.status("GET", f"/export/{id_}") == 500


@pytest.mark.parametrize("id_", [NOBODY, "batch", "x"])
async def test_an_unknown_task_is_http_200_and_two_words(caller: Caller, id_: str) -> None:
    answer = await caller.raw("GET", f"/export/{id_}")
    assert (answer.status, await answer.json()) == (200, "not found")


@FORK
async def test_many_tasks_are_merged_into_one_book(caller: Caller, database: FakeClockDatabase) -> None:
    first, second = a_task(database, "一"), a_task(database, "二")
    database.add_results(
        second, "ip", IP | {"domain": ["b.example.com"], "port_info": [NGINX | {"version": "1.25"}]}
    )
    database.add_results(second, "domain", DOMAIN | {"domain": "0.example.com", "record": ["\x01x"]})
    answer = await many(caller, first, second, NOBODY)
    assert file_name(answer) == "ARL批量导出报告_一.xlsx"
    sheets = await book(answer)
    assert [row[0].value for row in sheets["域名"]] == ["域名", "0.example.com", "a.example.com"]
    assert sheets["域名"]["C2"].value == "x"
    assert sheets["IP"]["C2"].value == 2  # the same port with two banners
    assert sheets["IP"]["F2"].value.split() == ["a.example.com", "b.example.com"]
    assert len(list(sheets["站点"])) == 2


@FORK
async def test_an_export_of_many_has_errors_of_its_own(caller: Caller, database: FakeClockDatabase) -> None:
    empty = database.add_task("t", "domain", "a.example.com")
    said = [await many(caller), await many(caller, NOBODY, empty), await many(caller, empty)]
    assert [answer.status for answer in said] == [400, 404, 500]
    assert [list(await answer.json()) for answer in said] == [["error"]] * 3
    assert await said[2].json() == {"error": "导出失败: 未找到可导出的任务数据"}


@FORK
async def test_an_export_of_many_takes_a_list_alone(caller: Caller) -> None:
    bodies = [b"no json", b"[]", b'{"task_ids": "x"}']
    assert [await caller.status("POST", "/export/batch", data=body) for body in bodies] == [400] * 3


@FORK
async def test_an_odd_value_breaks_the_export_of_many_with_its_words(
    caller: Caller, database: FakeClockDatabase
) -> None:
    id_ = a_task(database)
    for record in (None, ["1.1.1.1"]):
        database.add_results(id_, "domain", DOMAIN | {"record": record})
    answer = await many(caller, id_)
    assert answer.status == 500
    assert (await answer.json())["error"].startswith("导出失败: ")


async def test_vanilla_exports_no_many(caller: Caller, database: FakeClockDatabase) -> None:
    assert (await many(caller, a_task(database))).status == 404


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("site", "https://a.example.com"),
        ("ip", "1.1.1.1"),
        ("domain", "a.example.com"),
        ("ip_port", "1.1.1.1:443"),
        ("url", ""),
        ("cip", ""),
    ],
)
async def test_a_list_is_text_with_each_line_once(
    caller: Caller, database: FakeClockDatabase, kind: str, line: str
) -> None:
    ids = [a_task(database), a_task(database)]
    answer = await caller.raw("POST", f"/batch_export/{kind}/", json={"task_id": ids})
    assert await answer.text() == line
    assert file_name(answer) == f"{kind}_{1 if line else 0}_{database.epoch()}.txt"
