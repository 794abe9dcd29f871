"""The pages of the operators are kept from everybody else, over a real socket."""

import ipaddress
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from bot.web.guard import MAX_ADDRESSES, MAX_WRONG_TOKENS, AdminGuard, TokenBrake
from bot.web.server import application

Client = TestClient[web.Request, web.Application]

TOKEN = "sixteen letters!"  # noqa: S105 - a test's own
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PAGES = ("/metrics", "/readyz", "/whatever")
OPEN = ("/healthz", "/reports/x", "/status", "/status/runs/r1")  # the last two ask for a login themselves


async def ok(request: web.Request) -> web.Response:
    return web.Response(text="ok")


@asynccontextmanager
async def guarded(guard: AdminGuard) -> AsyncIterator[Client]:
    routes = [web.route("*", path, ok) for path in (*PAGES, *OPEN)]
    async with TestClient(TestServer(application(routes, guard))) as client:
        yield client


async def statuses(client: Client, headers: dict[str, str]) -> set[int]:
    return {(await client.get(path, headers=headers)).status for path in PAGES}


async def test_what_is_open_is_open_to_all() -> None:
    async with guarded(AdminGuard(TOKEN)) as client:
        for path in OPEN:
            for headers in ({}, {"Host": "evil.example"}, {"Origin": "https://evil.example"}):
                assert (await client.get(path, headers=headers)).status == 200


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8780", "127.9.9.9", "[::1]:8780"])
async def test_without_a_token_it_is_for_this_machine_by_its_own_names(host: str) -> None:
    async with guarded(AdminGuard()) as client:
        assert await statuses(client, {"Host": host}) == {200}


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8780",
        "localhost.evil.example",
        "",
        "[::",
        "127.0.0.1.nip.io",
        "10.0.0.1",
    ],
)
async def test_another_name_that_leads_here_is_refused(host: str) -> None:
    async with guarded(AdminGuard()) as client:
        assert await statuses(client, {"Host": host}) == {404}


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
async def test_what_a_proxy_of_this_machine_asks_for_is_not_of_this_machine(header: str) -> None:
    async with guarded(AdminGuard()) as client:
        assert await statuses(client, {header: "127.0.0.1"}) == {404}


@pytest.mark.parametrize("address", ["192.0.2.1", "?"])
async def test_without_a_token_another_machine_sees_nothing(address: str) -> None:
    request = make_mocked_request("GET", "/metrics", {"Host": "127.0.0.1"}).clone(remote=address)
    with pytest.raises(web.HTTPNotFound):
        await AdminGuard().middleware(request, ok)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://[::", "http://127.0.0.1:1"])
@pytest.mark.parametrize("token", ["", TOKEN])
async def test_a_page_of_another_site_may_ask_for_nothing(origin: str, token: str) -> None:
    async with guarded(AdminGuard(token)) as client:
        headers = {"Origin": origin, "Host": "127.0.0.1:8780", **BEARER}
        assert await statuses(client, headers) == {403}
        assert (await client.post("/metrics", headers=headers)).status == 403


async def test_its_own_page_may_ask_also_behind_a_proxy() -> None:
    async with guarded(AdminGuard(TOKEN, public_url="https://run.example.com")) as client:
        for origin, host in (("http://a:8780", "a:8780"), ("https://run.example.com", "dingrun")):
            assert (
                await client.post("/metrics", headers=BEARER | {"Origin": origin, "Host": host})
            ).status == 200


async def test_a_token_opens_it() -> None:
    async with guarded(AdminGuard(TOKEN)) as client:
        assert await statuses(client, {}) == {404}
        assert await statuses(client, {"Authorization": "Bearer wrong"}) == {404}
        assert await statuses(client, BEARER | {"Host": "any.example"}) == {200}
        assert (await client.get("/metrics", params={"token": TOKEN})).status == 404  # addresses are logged


async def test_wrong_tokens_are_braked_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    time = [0.0]
    async with guarded(AdminGuard(TOKEN, brake=TokenBrake(now=lambda: time[0]))) as client:
        wrong = {"Authorization": "Bearer wrong"}
        got = [(await client.get("/metrics", headers=wrong)).status for _ in range(MAX_WRONG_TOKENS + 3)]
        assert got == [404] * MAX_WRONG_TOKENS + [429] * 3
        assert (await client.get("/metrics", headers=BEARER)).status == 429
        assert len(caplog.records) == 1
        time[0] = 60.0
        assert (await client.get("/metrics", headers=BEARER)).status == 200


async def test_whoever_guesses_behind_a_proxy_of_ours_brakes_nobody_else() -> None:
    async with guarded(AdminGuard(TOKEN, proxies=[ipaddress.ip_network("127.0.0.0/8")])) as client:
        wrong = {"Authorization": "Bearer wrong", "X-Forwarded-For": "192.0.2.7"}
        for _ in range(MAX_WRONG_TOKENS + 1):
            status = (await client.get("/metrics", headers=wrong)).status
        assert status == 429
        assert (await client.get("/metrics", headers=BEARER | {"X-Forwarded-For": "192.0.2.8"})).status == 200


def test_a_flood_of_addresses_takes_no_more_memory() -> None:
    brake = TokenBrake()
    for number in range(MAX_ADDRESSES + 500):
        brake.count(str(ipaddress.IPv4Address(number)))
    assert len(brake._wrong) <= MAX_ADDRESSES + 1
    assert brake.is_blocked("192.0.2.7")
