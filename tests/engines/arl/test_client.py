"""What ARL's answers mean: `code` counts, whatever the HTTP status says; and whom we talk to."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from arl_sandbox import API_KEY, ArlDatabase, FakeArl
from bot.engines.arl import client as arl_wire
from bot.engines.arl.client import ArlClient, RefusedError, parse_answer
from bot.engines.arl.trust import Trust, trust_file, trust_fingerprint
from bot.errors import DingRunError, PermanentError, TemporaryError
from tests.arl_sandbox.tls import self_signed
from tests.fakes import FakeClock


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def said(code: int, message: str) -> bytes:
    return json.dumps({"code": code, "message": message, "data": {}}).encode()


CRASH = b'{"message": "Internal Server Error"}'
INVALID = b'{"errors": {"name": "required"}, "message": "Input payload validation failed"}'


@pytest.mark.parametrize(
    ("status", "content", "kind", "words"),
    [
        (200, said(401, "not login"), PermanentError, "engine.api_key"),
        (200, said(1100, "策略ID不存在"), RefusedError, "策略ID不存在"),
        (200, said(500, "系统异常 error:127.0.0.1 在黑名单IP中"), RefusedError, "在黑名单IP中"),
        (200, said(500, "系统异常 error:[Errno 111] Connection refused"), TemporaryError, "Errno 111"),
        (400, INVALID, RefusedError, "required"),
        (401, b"<h1>401 Authorization Required</h1>", PermanentError, "engine.basic_auth"),
        (500, CRASH, TemporaryError, "HTTP 500"),
        (502, b"<html>Bad Gateway</html>", TemporaryError, "HTTP 502"),
        (504, b"<html>Gateway Time-out</html>", TemporaryError, "HTTP 504"),
        (502, b"", TemporaryError, "HTTP 502"),
        (404, b"<html>Not Found</html>", PermanentError, "not an ARL"),
        (403, b"<html>Forbidden</html>", PermanentError, "not an ARL"),
        (302, b"", PermanentError, "not an ARL"),
        (200, b"<!doctype html><title>login</title>", PermanentError, "not an ARL"),
        (200, b'{"status": "ok"}', PermanentError, "not an ARL"),
        (308, b"", PermanentError, "not an ARL"),
        (200, b"<html>a router</html>", PermanentError, "not an ARL"),
        (200, b'["not", "an", "object"]', PermanentError, "not an ARL"),
    ],
)
def test_an_answer_that_is_no_success_says_what_comes_next(
    status: int, content: bytes, kind: type[DingRunError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        parse_answer(status, content)


def test_a_refusal_keeps_arl_s_code_and_words() -> None:
    with pytest.raises(RefusedError) as refused:
        parse_answer(200, said(105, "任务已经完成"))
    assert (refused.value.code, refused.value.message) == ("105", "任务已经完成")


async def test_a_wrong_key_is_named_and_not_shown(clock: FakeClock, session: aiohttp.ClientSession) -> None:
    async with FakeArl(database=ArlDatabase(clock)) as arl:
        wire = ArlClient(session, url=arl.url, api_key="not-the-key")
        with pytest.raises(PermanentError, match=r"engine\.api_key") as error:
            await wire.get("/task/")
    assert "not-the-key" not in str(error.value)


async def test_a_proxy_with_a_password_is_passed_with_it_alone(
    clock: FakeClock, session: aiohttp.ClientSession
) -> None:
    async with FakeArl(database=ArlDatabase(clock), basic_auth="admin:密码") as arl:
        passed = ArlClient(session, url=arl.url, api_key=API_KEY, basic_auth="admin:密码")
        assert (await passed.get("/task/"))["total"] == 0
        with pytest.raises(PermanentError, match="basic_auth"):
            await ArlClient(session, url=arl.url, api_key=API_KEY).get("/task/")


async def test_a_redirection_is_never_followed(clock: FakeClock, session: aiohttp.ClientSession) -> None:
    async with FakeArl(database=ArlDatabase(clock)) as arl:
        with pytest.raises(PermanentError, match="HTTP 308"):
            await ArlClient(session, url=arl.url, api_key=API_KEY).get("/task")
        assert arl.requests == ["GET /api/task"]


async def test_nobody_there_is_temporary_and_certain(session: aiohttp.ClientSession) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    with pytest.raises(TemporaryError, match="does not answer") as error:
        await ArlClient(session, url=f"http://127.0.0.1:{port}", api_key=API_KEY).get("/task/")
    assert not error.value.uncertain


async def test_all_pages_of_a_list_come_oldest_first(
    clock: FakeClock, session: aiohttp.ClientSession
) -> None:
    world = ArlDatabase(clock)
    for number in range(7):
        world.add_task(f"t{number}", "domain", "a.example.com")
    async with FakeArl(database=world) as arl:
        wire = ArlClient(session, url=arl.url, api_key=API_KEY)
        names = [task["name"] async for task in wire.pages("/task/", size=3)]
    assert names == [f"t{number}" for number in range(7)]


@pytest.mark.parametrize(("order", "came"), [("+_id", "0 1 2 3 new"), ("-_id", "3 2 2 1 0")])
async def test_documents_added_between_two_pages_hide_no_other(
    clock: FakeClock, session: aiohttp.ClientSession, order: str, came: str
) -> None:
    world = ArlDatabase(clock)
    for number in range(4):
        world.add_task(str(number), "domain", "a.example.com")
    async with FakeArl(database=world) as arl:
        names: list[str] = []
        async for task in ArlClient(session, url=arl.url, api_key=API_KEY).pages(
            "/task/", size=2, order=order
        ):
            if not names:
                world.add_task("new", "domain", "a.example.com")
            names.append(task["name"])
    assert " ".join(names) == came


TRUSTS_NOBODY = "the system does not trust"


@pytest.mark.parametrize("names_its_host", [True, False])
async def test_a_certificate_is_trusted_by_file_or_fingerprint_only(
    clock: FakeClock, session: aiohttp.ClientSession, tmp_path: Path, *, names_its_host: bool
) -> None:
    files = self_signed(tmp_path, names_its_host=names_its_host)
    other = self_signed(tmp_path, names_its_host=names_its_host, stem="other")
    async with FakeArl(database=ArlDatabase(clock), tls=files.context()) as arl:
        for trust in (trust_fingerprint(files.fingerprint), trust_file(str(files.certificate))):
            wire = ArlClient(session, url=arl.url, api_key=API_KEY, trust=trust)
            assert [await wire.count("/task/") for _ in range(2)] == [0, 0]
        before = len(arl.requests)
        for trust, words in (
            (trust_fingerprint(other.fingerprint), r"another certificate than that of engine\.fingerprint"),
            (trust_file(str(other.certificate)), r"another certificate than that of engine\.ca_file"),
            (Trust(), TRUSTS_NOBODY),
        ):
            with pytest.raises(PermanentError, match=words):
                await ArlClient(session, url=arl.url, api_key=API_KEY, trust=trust).get("/task/")
        assert len(arl.requests) == before


async def test_a_signed_certificate_for_another_host_is_named(
    clock: FakeClock, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    files = self_signed(tmp_path, names_its_host=True)
    leaf = self_signed(tmp_path, names_its_host=False, stem="leaf", signer=files)
    async with FakeArl(database=ArlDatabase(clock), tls=leaf.context()) as arl:
        wire = ArlClient(session, url=arl.url, api_key=API_KEY, trust=trust_file(str(files.certificate)))
        with pytest.raises(PermanentError, match=r"not issued for the host of engine\.url"):
            await wire.get("/task/")
        assert arl.requests == []


async def test_an_authority_of_ones_own_is_trusted_as_openssl_makes_it(
    clock: FakeClock, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Python 3.13 refuses certificates without an authority key identifier, such as these."""
    files = self_signed(tmp_path)
    leaf = self_signed(tmp_path, names_its_host=True, stem="leaf", signer=files)
    async with FakeArl(database=ArlDatabase(clock), tls=leaf.context()) as arl:
        wire = ArlClient(session, url=arl.url, api_key=API_KEY, trust=trust_file(str(files.certificate)))
        assert await wire.count("/task/") == 0


async def test_the_way_that_led_to_arl_is_the_first_one_the_next_time(tmp_path: Path) -> None:
    trust = trust_file(str(self_signed(tmp_path).certificate))
    context, itself = trust.checks
    assert trust.prefer(itself).checks == (itself, context)
    assert trust.prefer(itself).prefer(itself).checks == (itself, context)


def scripted(*bodies: object) -> web.Application:
    """A server that answers these bodies in turn, the last one for ever."""
    left = list(bodies)

    async def answer(_: web.Request) -> web.Response:
        body = left.pop(0) if len(left) > 1 else left[0]
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(text=text, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    return app


@asynccontextmanager
async def answering(session: aiohttp.ClientSession, *bodies: object) -> AsyncIterator[ArlClient]:
    async with TestServer(scripted(*bodies)) as server:
        yield ArlClient(session, url=str(server.make_url("/")), api_key=API_KEY)


DEEP = '{"code": 200, "items": ' + "[" * 100_000 + "]" * 100_000 + "}"


@pytest.mark.parametrize(
    "body",
    [
        {"code": "abc"}, {"code": None}, {"code": [200]}, {"code": {"a": 1}}, {"code": 1.5}, [], 5, None,
        "", "{", '{"code": "\\ud800"}', DEEP, '{"code": NaN}', {"code": 200, "items": 5, "total": 1},
        {"code": 200, "items": {"a": 1}, "total": 1}, {"code": 200, "items": None, "total": 1},
    ],
)  # fmt: skip
async def test_an_answer_of_any_other_shape_is_not_from_an_arl(
    session: aiohttp.ClientSession, body: object
) -> None:
    async with answering(session, body) as wire:
        with pytest.raises(PermanentError, match="not an ARL"):
            [item async for item in wire.pages("/task/", size=10)]


@pytest.mark.parametrize("total", ["abc", None, -1, 1.5, [1], {"a": 1}])
async def test_a_total_that_is_not_a_number_is_a_permanent_error(
    session: aiohttp.ClientSession, total: object
) -> None:
    async with answering(session, {"code": 200, "items": [], "total": total}) as wire:
        with pytest.raises(PermanentError, match="the length"):
            await wire.count("/task/")


async def test_an_item_that_is_not_a_document_is_skipped_and_logged_once(
    session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    async with answering(session, {"code": 200, "items": [0, {"_id": "a"}, "x", [1]], "total": 4}) as wire:
        for _ in range(3):
            assert [item async for item in wire.pages("/task/", size=10)] == [{"_id": "a"}]
        assert wire.skipped.count == 3
    assert len(caplog.records) == 3


async def test_pages_end_with_the_first_empty_one_whatever_the_total_is(
    session: aiohttp.ClientSession,
) -> None:
    full, empty = ({"code": 200, "items": items, "total": 10**9} for items in ([{"_id": "a"}] * 2, []))
    asked: list[int] = []
    async with answering(session, full, empty, full) as wire:
        items = [item async for item in counted(wire, asked)]
    assert (len(items), len(asked)) == (2, 2)


def counted(wire: ArlClient, asked: list[int]) -> AsyncIterator[dict[str, object]]:
    """The pages of a list, their numbers written down."""
    get = wire.get

    async def count(path: str, **query: str | int) -> Mapping[str, object]:
        asked.append(int(query["page"]))
        return await get(path, **query)

    wire.get = count  # type: ignore[method-assign]
    return wire.pages("/site/", size=2)


@pytest.mark.parametrize("total", [0, 1, None, "x"])
async def test_a_length_that_is_too_small_cuts_nothing_off(
    session: aiohttp.ClientSession, total: object
) -> None:
    pages = [
        {"code": 200, "items": [{"_id": each} for each in ids], "total": total} for ids in ("ab", "cd", "e")
    ]
    async with answering(session, *pages) as wire:
        items = [item["_id"] async for item in wire.pages("/task_schedule/", size=2)]
    assert items == ["a", "b", "c", "d", "e"]


async def test_a_list_that_does_not_end_is_an_error(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arl_wire, "MAX_PAGES", 5)
    async with answering(session, {"code": 200, "items": [{"_id": "a"}], "total": 10**9}) as wire:
        with pytest.raises(PermanentError, match="not end"):
            [item async for item in wire.pages("/task/", size=1)]


async def test_no_more_of_an_answer_is_read_than_anybody_can_want(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arl_wire, "MAX_ANSWER_BYTES", 100_000)
    async with answering(session, {"code": 200, "data": "x" * 100_000}) as wire:
        with pytest.raises(PermanentError, match="larger than"):
            await wire.get("/task/")


async def test_large_documents_are_read_in_smaller_pages_and_the_largest_is_skipped(
    clock: FakeClock, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arl_wire, "MAX_ANSWER_BYTES", 20_000)
    world = ArlDatabase(clock)
    sizes = [10, 9_000, 9_000, 9_000, 30_000, 10, 9_000, 10, 10, 10]
    for number, size in enumerate(sizes):
        world.add_results(
            "5" * 24, "site", {"site": f"https://{number}.example.com", "favicon": {"data": "x" * size}}
        )
    async with FakeArl(database=world) as arl:
        wire = ArlClient(session, url=arl.url, api_key=API_KEY)
        sites = [site["site"] async for site in wire.pages("/site/", size=7)]
    assert sites == [f"https://{number}.example.com" for number in range(10) if number != 4]
    assert wire.skipped.count == 1


async def test_a_compressed_answer_is_not_asked_for(session: aiohttp.ClientSession) -> None:
    heads: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        heads.append(request.headers["Accept-Encoding"])
        return web.json_response({"code": 200})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server:
        await ArlClient(session, url=str(server.make_url("/")), api_key=API_KEY).get("/task/")
    assert heads == ["identity"]


@pytest.mark.parametrize("date", ["Mon, 23 Nov 2026 10:00:00 -0000", "yesterday", "", "9" * 400])
async def test_a_date_of_any_shape_hurts_nobody(session: aiohttp.ClientSession, date: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"code": 200}, headers={"Date": date})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server:
        wire = ArlClient(session, url=str(server.make_url("/")), api_key=API_KEY)
        await wire.get("/task/")
    assert wire.server_time is None or wire.server_time.tzinfo is not None
