"""`/reports/<token>` over a real socket."""

import asyncio
import ipaddress
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from bot.models import Report, Run
from bot.reports.downloads import MAX_RESUMES
from bot.stores.sqlite.store import SqliteStore
from bot.web.downloads import CHUNK_BYTES, HEADERS, disposition, requested_range
from tests.conftest import CoreHarness
from tests.factories import make_report
from tests.web.web_harness import WebHarness

Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def run(core: CoreHarness) -> Run:
    return await core.finished_run()


@pytest.fixture
def shop(core: CoreHarness, run: Run) -> WebHarness:
    return WebHarness(core)


@pytest.fixture
async def client(shop: WebHarness) -> AsyncIterator[Client]:
    async with TestClient(TestServer(shop.app)) as client:
        yield client


async def until(look: Callable[[], Awaitable[object]]) -> None:
    """Wait for what the server does after its last byte."""
    for _ in range(500):
        if await look():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def seen(answer: ClientResponse) -> tuple[int, bytes, dict[str, str]]:
    """Everything that can be told from an answer, without its time."""
    headers = {name: value for name, value in answer.headers.items() if name != "Date"}
    return answer.status, await answer.read(), headers


async def test_the_report_comes_as_a_file_with_its_name(shop: WebHarness, client: Client) -> None:
    report = await shop.report()
    answer = await client.get(await shop.path())
    assert (answer.status, await answer.read()) == (200, shop.core.reports.path(report).read_bytes())
    told = answer.content_disposition
    assert told is not None
    assert (told.type, told.filename) == ("attachment", report.name)
    assert HEADERS.items() <= dict(answer.headers).items()
    assert answer.content_type.endswith("spreadsheetml.sheet")


@pytest.mark.parametrize(
    "name", ["每日巡检_r1.xlsx", 'a"b\\c\r\nX: y.xlsx', "plain_r1.xlsx", "\ud800.xlsx", "报告.xlsx"]
)
def test_a_name_is_told_in_full_and_in_ascii(name: str) -> None:
    shown = disposition(name)
    assert shown.isascii()
    assert shown.isprintable()
    assert shown.count('"') == 2
    plain = shown.partition('filename="')[2].partition('"')[0]
    assert plain.endswith("xlsx")
    assert plain[0].isalnum()


async def test_every_download_is_in_the_audit(shop: WebHarness, client: Client, run: Run) -> None:
    agent = {"User-Agent": "curl/8.5.0 " + "x" * 900}
    await client.get(await shop.path(), headers=agent)
    (download,) = await shop.download_log.for_run(run.id)
    assert (download.address, download.at) == ("127.0.0.1", shop.core.clock())
    assert download.agent.startswith("curl/8.5.0 x")
    assert len(download.agent) == 200


async def test_behind_a_proxy_of_ours_the_audit_names_who_asked_it(core: CoreHarness, run: Run) -> None:
    shop = WebHarness(core, proxies=(ipaddress.ip_network("127.0.0.0/8"),))
    async with TestClient(TestServer(shop.app)) as client:
        await client.get(await shop.path(), headers={"X-Forwarded-For": "203.0.113.9, 198.51.100.1"})
    assert [each.address for each in await shop.download_log.for_run(run.id)] == ["198.51.100.1"]


async def test_a_head_tells_all_and_counts_nothing(shop: WebHarness, client: Client, run: Run) -> None:
    path, report = await shop.path(), await shop.report()
    for _ in range(30):
        answer = await client.head(path)
        assert (answer.status, answer.content_length) == (200, report.size)
    assert await shop.download_log.for_run(run.id) == []
    assert (await client.get(path)).headers["ETag"] == answer.headers["ETag"]


async def test_a_download_that_broke_off_goes_on_and_counts_once(
    shop: WebHarness, core: CoreHarness, run: Run
) -> None:
    shop = WebHarness(core, most=1)
    async with TestClient(TestServer(shop.app)) as client:
        path, size = await shop.path(), (await shop.report()).size
        first = await client.get(path, headers={"Range": "bytes=0-3"})
        rest = await client.get(path, headers={"Range": "bytes=4-", "If-Range": first.headers["ETag"]})
        assert (first.status, rest.status) == (206, 206)
        assert rest.headers["Content-Range"] == f"bytes 4-{size - 1}/{size}"
        whole = await first.read() + await rest.read()
        assert whole == core.reports.path(await shop.report()).read_bytes()
        assert (await client.get(path)).status == 404
        assert len(await shop.download_log.for_run(run.id)) == 1


async def test_a_range_behind_the_start_is_no_way_around_the_count(core: CoreHarness, run: Run) -> None:
    shop = WebHarness(core, most=1)
    async with TestClient(TestServer(shop.app)) as client:
        path = await shop.path()
        assert (await client.get(path)).status == 200
        await until(lambda: core.store.rows("select 1 from downloads where finished"))
        for asked in ("bytes=1-", "bytes=-4", "bytes=0-", "bytes=99999-"):
            answer = await client.get(path, headers={"Range": asked})
            assert await seen(answer) == await seen(await client.get("/reports/forged"))
        (download,) = await shop.download_log.for_run(run.id)
        assert (download.finished, download.resumes) == (True, 0)


async def test_an_unfinished_download_is_resumed_by_its_own_client_alone(core: CoreHarness, run: Run) -> None:
    shop = WebHarness(core, most=1)
    async with TestClient(TestServer(shop.app)) as client:
        path, rest = await shop.path(), {"Range": "bytes=4-5"}
        assert (await client.get(path, headers={"Range": "bytes=0-3"})).status == 206
        assert (await client.get(path, headers=rest | {"User-Agent": "another"})).status == 404
        assert (await client.get(path, headers=rest)).status == 206
        await shop.links.revoke(run.id)
        assert (await client.get(path, headers=rest)).status == 404


async def test_resumes_are_bounded_and_recorded(core: CoreHarness, run: Run) -> None:
    shop = WebHarness(core, most=1)
    async with TestClient(TestServer(shop.app)) as client:
        path = await shop.path()
        await client.get(path, headers={"Range": "bytes=0-0"})
        got = [
            (await client.get(path, headers={"Range": "bytes=1-9"})).status for _ in range(MAX_RESUMES + 2)
        ]
        assert got == [206] * MAX_RESUMES + [404] * 2
        (download,) = await shop.download_log.for_run(run.id)
        assert (download.finished, download.resumes) == (False, MAX_RESUMES)


async def test_a_range_outside_is_said(shop: WebHarness, client: Client, run: Run) -> None:
    answer = await client.get(await shop.path(), headers={"Range": "bytes=99999-"})
    assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{(await shop.report()).size}")
    assert await shop.download_log.for_run(run.id) == []


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-", range(100)),
        ("bytes=10-19", range(10, 20)),
        ("bytes=90-1000", range(90, 100)),
        ("bytes=-5", range(95, 100)),
        ("bytes=-500", range(100)),
        ("Bytes=99-99", range(99, 100)),
        ("bytes=100-", range(0)),
        ("", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=20-10", None),
        ("bytes=0-1,5-9", None),
        ("lines=1-2", None),
        ("bytes=" + "9" * 5000 + "-", None),
        ("bytes=१-२", None),
    ],
)
def test_a_range_is_one_part_of_the_file(asked: str, expected: range | None) -> None:
    request = make_mocked_request("GET", "/", {"Range": asked} if asked else {})
    assert requested_range(request, make_report(size=100)) == expected


@given(st.text(max_size=40), st.integers(0, 10**6))
def test_no_range_leads_outside(asked: str, size: int) -> None:
    part = requested_range(
        make_mocked_request("GET", "/", {"Range": "bytes=" + asked}), make_report(size=size)
    )
    assert part is None or not part or 0 <= part.start < part.stop <= size


async def test_a_range_of_another_file_is_the_whole_of_this_one(shop: WebHarness, client: Client) -> None:
    for other in ('"another"', "Tue, 24 Nov 2026 03:00:00 GMT"):
        answer = await client.get(await shop.path(), headers={"Range": "bytes=1-", "If-Range": other})
        assert (answer.status, answer.content_length) == (200, (await shop.report()).size)


async def test_a_one_time_link_serves_one_of_two_who_ask_at_once(core: CoreHarness, run: Run) -> None:
    shop = WebHarness(core, most=1)
    async with TestClient(TestServer(shop.app)) as client:
        path = await shop.path()
        answers = await asyncio.gather(*(client.get(path) for _ in range(8)))
        assert sorted(answer.status for answer in answers) == [200] + [404] * 7
        assert len(await shop.download_log.for_run(run.id)) == 1
        assert (await client.head(path)).status == 404
        assert await seen(await client.get(path)) == await seen(await client.get("/reports/forged"))


async def test_two_bots_on_one_store_serve_a_one_time_link_once(
    core: CoreHarness, run: Run, tmp_path: Path
) -> None:
    other = SqliteStore(tmp_path / "dingrun.db")
    await other.open()
    twin = CoreHarness(store=other, clock=core.clock, folder=core.folder)
    async with (
        TestClient(TestServer(WebHarness(core, most=1).app)) as one,
        TestClient(TestServer(WebHarness(twin, most=1).app)) as two,
    ):
        path = await WebHarness(core, most=1).path()
        answers = await asyncio.gather(*(bot.get(path) for bot in (one, two) * 4))
        assert sorted(answer.status for answer in answers) == [200] + [404] * 7
    await other.close()


async def test_whatever_leads_nowhere_gets_the_same_answer(
    shop: WebHarness, client: Client, run: Run
) -> None:
    token = await shop.path("used up")
    wrong = [
        token[:-1],
        token + "A",
        "/reports/" + token[9:].swapcase(),
        "/reports/x",
        "/reports/" + "x" * 5000,
    ]
    answers = [await seen(await client.get(path)) for path in wrong]
    expired = await shop.path("expired")
    shop.core.clock.turn(seconds=3600)
    answers.append(await seen(await client.get(expired)))
    revoked = await shop.path("revoked")
    await shop.links.revoke(run.id)
    answers.append(await seen(await client.get(revoked)))
    assert answers == [answers[0]] * len(answers)
    assert answers[0][:2] == (404, b"404: Not Found")


async def test_refusals_are_counted(shop: WebHarness, client: Client) -> None:
    for _ in range(8):
        await client.get("/reports/guess")
    assert (await client.get(await shop.path())).status == 200
    counted = shop.metrics.show().decode()
    assert 'dingrun_link_requests_total{outcome="forged"} 8.0' in counted
    assert 'dingrun_link_requests_total{outcome="served"} 1.0' in counted


async def test_a_thousand_altered_tokens_open_nothing(shop: WebHarness, client: Client, run: Run) -> None:
    path, chance = await shop.path(), random.Random(7)  # noqa: S311 - the same every time
    place = path.rindex("/") + 1
    for _ in range(1_000):
        at = chance.randrange(place, len(path))
        altered = path[:at] + chr((ord(path[at]) - 32 + chance.randrange(1, 94)) % 94 + 33) + path[at + 1 :]
        if altered != path:
            assert (await client.get(altered)).status == 404, altered
    assert await shop.download_log.for_run(run.id) == []


@pytest.mark.parametrize(
    "path",
    ["/reports", "/reports/", "/reports/../dingrun.db", "/reports/%2e%2e%2fdingrun.db", "/reports/2026-11-24",
     "/reports/2026-11-24/", "/", "/reports/a/b"],
)  # fmt: skip
async def test_nothing_else_is_there(client: Client, path: str) -> None:
    assert (await client.get(path)).status == 404


async def test_only_the_report_named_is_served(shop: WebHarness, client: Client, run: Run) -> None:
    path = await shop.path()
    report = await shop.report()
    await shop.core.store.save_report(
        Report(**{**vars(report), "sha256": "1" * 64, "path": "2026-11-24/other.xlsx"})
    )
    assert (await client.get(path)).status == 404


async def test_a_file_that_changed_on_disk_is_not_served(shop: WebHarness, client: Client) -> None:
    path = await shop.path()
    shop.core.reports.path(await shop.report()).write_bytes(b"another")
    assert (await client.get(path)).status == 404


async def test_a_file_that_changes_at_the_last_moment_is_not_served(
    shop: WebHarness, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, report = await shop.path(), await shop.report()

    async def found(run_id: str) -> Report:
        shop.core.reports.path(report).write_bytes(b"another")
        return report

    monkeypatch.setattr(shop.core.reports, "find_record", found)
    assert (await client.get(path)).status == 404


async def test_a_big_file_comes_whole(shop: WebHarness, client: Client, run: Run) -> None:
    content = random.Random(1).randbytes(3 * CHUNK_BYTES + 7)  # noqa: S311
    await shop.store(content)
    assert await (await client.get(await shop.path())).read() == content


async def test_a_store_that_does_not_answer_is_said(shop: WebHarness, client: Client) -> None:
    path = await shop.path()
    await shop.core.store.close()
    answer = await client.get(path)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "60")


async def test_a_download_that_broke_off_on_the_way_comes_whole_in_two(core: CoreHarness, run: Run) -> None:
    shop, content = WebHarness(core, most=1), random.Random(1).randbytes(256 * CHUNK_BYTES)  # noqa: S311
    await shop.store(content)
    async with TestClient(TestServer(shop.app)) as client:
        path = await shop.path()
        answer = await client.get(path)
        first = await answer.content.readexactly(CHUNK_BYTES)
        answer.close()
        rest = await client.get(path, headers={"Range": f"bytes={CHUNK_BYTES}-"})
        assert first + await rest.read() == content
        await until(lambda: core.store.rows("select 1 from downloads where finished"))
        assert (await client.get(path, headers={"Range": "bytes=1-"})).status == 404


async def test_whoever_goes_away_in_the_middle_stops_nothing(shop: WebHarness, client: Client) -> None:
    await shop.store(b"x" * 256 * CHUNK_BYTES)
    answer = await client.get(await shop.path())
    await answer.content.readexactly(10)
    answer.close()
    assert (await client.get(await shop.path())).status == 200
