"""What ARL's answers mean: `code` counts, whatever the HTTP status says; and whom we talk to."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from ssl import create_default_context

import aiohttp
import pytest

from bot.engines.arl_wire import ArlWire, Refused, understood
from bot.errors import DingRunError, Permanent, Temporary
from bot.sandbox.arl import KEY, FakeArl, World
from tests.arl.tls import self_signed
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
        (200, said(401, "not login"), Permanent, "engine.api_key"),
        (200, said(1100, "策略ID不存在"), Refused, "策略ID不存在"),
        (200, said(500, "系统异常 error:127.0.0.1 在黑名单IP中"), Refused, "在黑名单IP中"),
        (200, said(500, "系统异常 error:[Errno 111] Connection refused"), Temporary, "Errno 111"),
        (400, INVALID, Refused, "required"),
        (401, b"<h1>401 Authorization Required</h1>", Permanent, "engine.basic_auth"),
        (500, CRASH, Temporary, "HTTP 500"),
        (502, b"<html>Bad Gateway</html>", Temporary, "HTTP 502"),
        (504, b"<html>Gateway Time-out</html>", Temporary, "HTTP 504"),
        (502, b"", Temporary, "HTTP 502"),
        (404, b"<html>Not Found</html>", Permanent, "no ARL"),
        (403, b"<html>Forbidden</html>", Permanent, "no ARL"),
        (302, b"", Permanent, "no ARL"),
        (200, b"<!doctype html><title>login</title>", Permanent, "no ARL"),
        (200, b'{"status": "ok"}', Permanent, "no ARL"),
        (308, b"", Permanent, "no ARL"),
        (200, b"<html>a router</html>", Permanent, "no ARL"),
        (200, b'["not", "an", "object"]', Permanent, "no ARL"),
    ],
)
def test_an_answer_that_is_no_success_says_what_comes_next(
    status: int, content: bytes, kind: type[DingRunError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        understood(status, content)


def test_a_refusal_keeps_arl_s_code_and_words() -> None:
    with pytest.raises(Refused) as refused:
        understood(200, said(105, "任务已经完成"))
    assert (refused.value.code, refused.value.words) == ("105", "任务已经完成")


async def test_a_wrong_key_is_named_and_not_shown(clock: FakeClock, session: aiohttp.ClientSession) -> None:
    async with FakeArl(world=World(clock)) as arl:
        wire = ArlWire(session, url=arl.url, api_key="not-the-key")
        with pytest.raises(Permanent, match=r"engine\.api_key") as error:
            await wire.get("/task/")
    assert "not-the-key" not in str(error.value)


async def test_a_proxy_with_a_password_is_passed_with_it_alone(
    clock: FakeClock, session: aiohttp.ClientSession
) -> None:
    async with FakeArl(world=World(clock), basic="admin:密码") as arl:
        passed = ArlWire(session, url=arl.url, api_key=KEY, basic_auth="admin:密码")
        assert (await passed.get("/task/"))["total"] == 0
        with pytest.raises(Permanent, match="basic_auth"):
            await ArlWire(session, url=arl.url, api_key=KEY).get("/task/")


async def test_a_redirection_is_never_followed(clock: FakeClock, session: aiohttp.ClientSession) -> None:
    async with FakeArl(world=World(clock)) as arl:
        with pytest.raises(Permanent, match="HTTP 308"):
            await ArlWire(session, url=arl.url, api_key=KEY).get("/task")
        assert arl.asked == ["GET /api/task"]


async def test_nobody_there_is_temporary_and_certain(session: aiohttp.ClientSession) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    with pytest.raises(Temporary, match="does not answer") as error:
        await ArlWire(session, url=f"http://127.0.0.1:{port}", api_key=KEY).get("/task/")
    assert not error.value.uncertain


async def test_all_pages_of_a_list_come_oldest_first(
    clock: FakeClock, session: aiohttp.ClientSession
) -> None:
    world = World(clock)
    for number in range(7):
        world.task(f"t{number}", "domain", "a.example")
    async with FakeArl(world=world) as arl:
        wire = ArlWire(session, url=arl.url, api_key=KEY)
        names = [task["name"] async for task in wire.pages("/task/", size=3)]
    assert names == [f"t{number}" for number in range(7)]


@pytest.mark.parametrize(("order", "came"), [("+_id", "0 1 2 3 new"), ("-_id", "3 2 2 1 0")])
async def test_what_arl_adds_between_two_pages_leaves_none_of_the_others_out(
    clock: FakeClock, session: aiohttp.ClientSession, order: str, came: str
) -> None:
    world = World(clock)
    for number in range(4):
        world.task(str(number), "domain", "a.example")
    async with FakeArl(world=world) as arl:
        names: list[str] = []
        async for task in ArlWire(session, url=arl.url, api_key=KEY).pages("/task/", size=2, order=order):
            if not names:
                world.task("new", "domain", "a.example")
            names.append(task["name"])
    assert " ".join(names) == came


async def test_a_certificate_is_taken_by_its_file_or_its_fingerprint_and_no_other_way(
    clock: FakeClock, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    files = self_signed(tmp_path)
    pin = aiohttp.Fingerprint(bytes.fromhex(files.fingerprint))
    other = aiohttp.Fingerprint(bytes(32))
    async with FakeArl(world=World(clock), tls=files.context()) as arl:
        for tls in (pin, create_default_context(cafile=files.certificate)):
            assert (await ArlWire(session, url=arl.url, api_key=KEY, tls=tls).get("/task/"))["total"] == 0
        before = len(arl.asked)
        wrong: list[aiohttp.Fingerprint | bool] = [other, True]
        for no in wrong:
            with pytest.raises(Permanent, match=r"engine\.fingerprint"):
                await ArlWire(session, url=arl.url, api_key=KEY, tls=no).get("/task/")
        assert len(arl.asked) == before
