"""Assets that other systems upload: a sheet, a line in 概览, counts on the card, rows in 变化."""

import gzip
import json
from collections.abc import Sequence

import pytest
from aiohttp import ClientResponse

from bot.api.uploads.assets import BATCH_DOCUMENTS
from bot.exporters.local.exporter import LocalExporter
from bot.external.retention import ExternalRetention
from bot.reports.comparison import load_report_input
from bot.wiring.stores import sqlite_stores
from tests.api.harness import ApiHarness, Client, bearer
from tests.conftest import CoreHarness
from tests.external.harness import FAILED, SUCCESS
from tests.workbooks import Book, book

HOSTS: list[dict[str, object]] = [
    {"ip": "192.0.2.1", "os": {"name": "linux"}, "ports": [22, 80]},
    {"ip": "192.0.2.2", "hits": 3},
]


def lines(documents: Sequence[object]) -> bytes:
    return b"\n".join(json.dumps(each).encode() for each in documents)


async def put(
    client: Client, id_: str, data: bytes, kind: str = "host?key=ip", **headers: str
) -> ClientResponse:
    return await client.put(f"/v1/runs/{id_}/assets/{kind}", data=data, headers={**bearer(), **headers})


@pytest.fixture
def api(core: CoreHarness) -> ApiHarness:
    return ApiHarness(core, sqlite_stores(core.store))


async def finished(api: ApiHarness, client: Client, id_: str, documents: Sequence[object]) -> None:
    """Report a run with assets, and write its workbook."""
    await api.report(None, rid=id_)
    assert (await put(client, id_, lines(documents))).status == 200
    await api.report(SUCCESS, rid=id_)
    api.core.clock.turn(seconds=60)


async def test_a_kind_is_declared_by_its_first_upload(api: ApiHarness, client: Client) -> None:
    await api.report(None)
    answer = await (await put(client, "1", lines(HOSTS))).json()
    assert (answer["rows"], answer["key"]) == (2, ["ip"])
    assert answer["columns"] == ["ip", "os.name", "ports", "hits"]
    again = await (await put(client, "1", lines([{"ip": "192.0.2.3", "new": 1}]), "host")).json()
    assert (again["rows"], again["columns"]) == (1, [*answer["columns"], "new"])


async def test_an_upload_replaces_the_one_before(api: ApiHarness, client: Client) -> None:
    await api.report(None)
    for documents in (HOSTS, HOSTS[:1]):
        await put(client, "1", lines(documents))
    run = await api.run()
    found = [each async for each in api.engine.iter_assets([f"{run.id}-run"], "host")]
    assert [each["ip"] for each in found] == ["192.0.2.1"]


async def test_what_was_replaced_or_broken_off_is_deleted(
    core: CoreHarness, api: ApiHarness, client: Client
) -> None:
    """The newest complete upload counts at any moment, and nothing stays in the store of the others."""
    await api.report(None)
    for documents in (HOSTS, HOSTS[:1]):
        await put(client, "1", lines(documents))
    many = gzip.compress(lines([{"ip": f"host-{number}"} for number in range(2 * BATCH_DOCUMENTS)]))
    assert (await put(client, "1", many[:-9], **{"Content-Encoding": "gzip"})).status == 400
    assert len(await core.store.rows("select key from assets")) > len(HOSTS) + 1
    core.clock.turn(seconds=25 * 3600)
    stores = sqlite_stores(core.store)
    retention = ExternalRetention(stores.documents, stores.tasks, core.reports.remove, clock=core.clock)
    assert await retention.sweep() > 0
    (row,) = await core.store.rows("select document from assets")
    assert json.loads(row["document"])["ip"] == "192.0.2.1"


async def test_assets_with_the_same_key_count_once(api: ApiHarness, client: Client) -> None:
    await api.report(None)
    documents = [{"ip": f"host-{number}"} for number in range(BATCH_DOCUMENTS + 100)] * 2
    answer = await (await put(client, "1", lines(documents))).json()
    assert answer["rows"] == BATCH_DOCUMENTS + 100


async def test_bad_lines_are_named_and_the_rest_is_kept(api: ApiHarness, client: Client) -> None:
    await api.report(None)
    data = lines([HOSTS[0]]) + b'\n{"ip": \n\n[1]\n{"os": "x"}\n' + lines([HOSTS[1]])
    answer = await (await put(client, "1", data)).json()
    assert (answer["rows"], answer["bad"]) == (2, 3)
    assert [(each["line"], each["problem"]) for each in answer["bad_lines"]] == [
        (2, "no JSON"),
        (4, "no object"),
        (5, "without a value of ip"),
    ]


async def test_gzip_is_taken(api: ApiHarness, client: Client) -> None:
    await api.report(None)
    packed = gzip.compress(lines(HOSTS))
    answer = await put(client, "1", packed, **{"Content-Encoding": "gzip"})
    assert (await answer.json())["rows"] == 2


async def test_a_kind_of_arl_keeps_its_key(api: ApiHarness, client: Client) -> None:
    await api.report(None)
    site = {"site": "https://a.example", "title": "首页"}
    assert (await put(client, "1", lines([site]), "site")).status == 200
    assert (await put(client, "1", lines([site]), "site?key=title")).status == 422


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("host", 422),  # its first upload tells the key
        ("host?key=a,b,c,d,e,f", 422),
        ("host?kye=ip", 422),
        ("Host?key=ip", 422),
        ("overview?key=ip", 422),
    ],
)
async def test_what_a_kind_cannot_be_is_refused(
    api: ApiHarness, client: Client, kind: str, status: int
) -> None:
    await api.report(None)
    assert (await put(client, "1", lines(HOSTS), kind)).status == status


async def test_an_unknown_run_takes_no_assets(client: Client) -> None:
    assert (await put(client, "9", lines(HOSTS))).status == 404


async def workbook(api: ApiHarness) -> Book:
    """Export the last run with the real exporter, and read the sheets."""
    run = (await api.runs())[-1]
    path = api.core.folder / f"{run.id}.xlsx"
    path.parent.mkdir(exist_ok=True)
    exporter = LocalExporter(api.core.engine, zone="Asia/Shanghai", lang="zh-CN")
    findings = await exporter.export(await load_report_input(api.core.store, run), path)
    await api.core.store.update_run(run.id, {"findings": findings})
    return book(path)


async def test_a_report_has_the_assets_and_what_changed(api: ApiHarness, client: Client) -> None:
    await finished(api, client, "1", HOSTS)
    await finished(api, client, "2", [{**HOSTS[0], "ports": [22]}, {"ip": "192.0.2.9", "note": "=1+1"}])
    sheets = await workbook(api)
    assert list(sheets) == ["概览", "变化", "host"]
    assert sheets["host"][0] == ["ip", "os.name", "ports", "hits", "note"]
    assert [row[0] for row in sheets["host"][1:]] == ["192.0.2.1", "192.0.2.9"]
    changes = {(row[0], row[1], row[2]) for row in sheets["变化"][1:]}
    assert changes == {
        ("host", "变化", "192.0.2.1"),
        ("host", "新增", "192.0.2.9"),
        ("host", "消失", "192.0.2.2"),
    }
    assert any(row[0] == "host" for row in sheets["概览"] if row)


async def test_nothing_is_gone_after_a_run_that_failed(api: ApiHarness, client: Client) -> None:
    await finished(api, client, "1", HOSTS)
    await api.report(None, rid="2")
    await put(client, "2", lines(HOSTS[:1]))
    await api.report(FAILED, rid="2")
    sheets = await workbook(api)
    assert not [row for row in sheets["变化"] if "消失" in row]


async def test_a_run_with_assets_is_a_card_and_a_file(api: ApiHarness, client: Client) -> None:
    await finished(api, client, "1", HOSTS)
    await api.core.do_jobs()
    assert api.core.messenger.verbs() == ["card", "upload", "file"]
    assert (await api.run()).export_status == "success"


async def test_assets_that_come_late_are_a_report_too(api: ApiHarness, client: Client) -> None:
    await api.report(SUCCESS)
    await api.core.do_jobs()
    assert api.core.messenger.verbs() == ["card"]
    await put(client, "1", lines(HOSTS))
    api.core.clock.turn(seconds=10)
    await api.core.do_jobs()
    api.core.clock.turn(seconds=60)
    await api.core.do_jobs()
    assert [verb for verb in api.core.messenger.verbs() if verb != "update"] == ["card", "upload", "file"]
    assert (await api.run()).export_status == "success"


@pytest.mark.parametrize("documents", [[], HOSTS])
async def test_the_counts_stand_on_the_card(
    api: ApiHarness, client: Client, documents: list[dict[str, object]]
) -> None:
    await api.report(None)
    if documents:
        await put(client, "1", lines(documents))
    await api.report(SUCCESS, counts={"备份行数": 42})
    await api.core.do_jobs()
    (card,) = api.core.messenger.cards.values()
    assert "备份行数" in card.params["markdown"]
