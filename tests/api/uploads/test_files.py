"""Files that are sent instead of our workbook."""

import zipfile
from io import BytesIO

import pytest
from aiohttp import ClientResponse

from bot.external.retention import ExternalRetention
from bot.wiring.stores import sqlite_stores
from tests.api.harness import ApiHarness, Client, bearer
from tests.conftest import CoreHarness
from tests.external.harness import RUNNING, SUCCESS


async def put(client: Client, name: str, data: bytes = b"%PDF-1.7") -> ClientResponse:
    return await client.put(f"/v1/runs/1/files/{name}", data=data, headers=bearer())


async def test_a_file_is_sent_instead_of_our_workbook(api: ApiHarness, client: Client) -> None:
    await api.report(RUNNING)
    answer = await put(client, "周报.pdf")
    assert (answer.status, (await answer.json())["size"]) == (200, 8)
    await api.report(SUCCESS)
    await api.core.do_jobs()
    assert api.core.messenger.sent[-1][0::2] == ("file", "周报.pdf")
    report = await api.core.reports.find(run_id=(await api.run()).id)
    assert report is not None
    assert api.core.reports.path(report).read_bytes() == b"%PDF-1.7"


async def test_several_files_are_one_archive(api: ApiHarness, client: Client) -> None:
    await api.report(RUNNING)
    for name in ("a.pdf", "b.docx", "a.pdf"):
        await put(client, name, name.encode())
    await api.report(SUCCESS)
    await api.core.do_jobs()
    report = await api.core.reports.find(run_id=(await api.run()).id)
    assert report is not None
    assert report.name.endswith(".zip")
    with zipfile.ZipFile(api.core.reports.path(report)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "a.pdf": b"a.pdf",
            "b.docx": b"b.docx",
        }


async def test_a_replaced_file_is_removed(core: CoreHarness, api: ApiHarness, client: Client) -> None:
    await api.report(RUNNING)
    for data in (b"old", b"new"):
        await put(client, "a.pdf", data)
    stores = sqlite_stores(core.store)
    retention = ExternalRetention(stores.documents, stores.tasks, core.reports.remove, clock=core.clock)
    core.clock.turn(seconds=2 * 3600)
    await retention.sweep()
    folder = core.reports.path((await api.records.runs.find_all([(await api.run()).id]))[0].files[0]).parent
    assert [file.read_bytes() for file in folder.iterdir()] == [b"new"]


@pytest.mark.parametrize(
    "name", ["a.txt", "a.exe", ".pdf", "..%2fa.pdf", "a%00.pdf", "x" * 130 + ".pdf", "a"]
)
async def test_what_dingtalk_does_not_take_is_refused(api: ApiHarness, client: Client, name: str) -> None:
    await api.report(RUNNING)
    assert (await put(client, name)).status in {404, 422}
    external = await api.records.runs.find((await api.run()).id)
    assert external is not None
    assert external.files == ()


async def test_an_empty_file_and_one_too_many_are_refused(api: ApiHarness, client: Client) -> None:
    await api.report(RUNNING)
    assert (await put(client, "a.pdf", b"")).status == 422
    for number in range(10):
        api.core.clock.turn(seconds=1)
        assert (await put(client, f"{number}.pdf")).status == 200
    assert (await put(client, "11.pdf")).status == 409


async def test_a_file_that_is_too_big_is_refused_and_leaves_nothing(api: ApiHarness, client: Client) -> None:
    await api.report(RUNNING)
    big = BytesIO(b"x" * (20 * 1024 * 1024 + 1))
    answer = await client.put("/v1/runs/1/files/big.pdf", data=big, headers=bearer())
    assert answer.status == 413
    assert [path for path in api.core.folder.rglob("*") if path.is_file()] == []
