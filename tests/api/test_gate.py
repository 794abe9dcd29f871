"""The gate of the API: which key opens which route, how often, and what is answered to all others."""

import logging
from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.api.gate import MAX_BURST, WINDOW, Gate, as_problem
from bot.api.keys import ApiKey, KeyKind, KeyRing, Scope
from bot.errors import ConfigError, DingRunError, PermanentError, TemporaryError, UserError
from bot.stores.sqlite.quota import SqliteQuotaStore
from bot.stores.sqlite.store import SqliteStore
from bot.telemetry.metrics import Metrics
from bot.web.clients import Network
from bot.web.guard import MAX_WRONG_TOKENS
from tests.api.harness import PING, READER, TOKEN, Client, api_key
from tests.fakes import FakeClock

KEYS = KeyRing([
    api_key("ping", PING),
    api_key("ci", TOKEN, KeyKind.TOKEN, scopes=frozenset({Scope.ACT})),
    api_key("reader", READER, KeyKind.TOKEN, scopes=frozenset({Scope.READ})),
])
PROXY = ip_network("127.0.0.1/32")
Errors = list[DingRunError]
MINUTE_MS = 60_000


async def serve(store: SqliteStore, clock: FakeClock, errors: Errors, *proxies: Network) -> TestServer:
    """Serve a route for pings, and one for tokens that may act. They raise the next error, if any."""
    metrics = Metrics()
    gate = Gate(KEYS, SqliteQuotaStore(store), clock=clock, metrics=metrics, proxies=proxies)

    async def handler(request: web.Request, key: ApiKey) -> web.StreamResponse:
        if errors:
            raise errors.pop(0)
        return web.Response(text=key.name)

    async def counted(request: web.Request) -> web.StreamResponse:
        return web.Response(body=metrics.show())

    app = web.Application()
    app.router.add_get("/ping/{key}", gate.by_path(handler, plain=True))
    app.router.add_get("/v1/hooks/{key}", gate.by_path(handler))
    app.router.add_get("/v1/act", gate.by_token(handler, Scope.ACT))
    app.router.add_get("/metrics", counted)
    return TestServer(app)


@pytest.fixture
def errors() -> Errors:
    return []


@pytest.fixture
async def client(store: SqliteStore, clock: FakeClock, errors: Errors) -> AsyncIterator[Client]:
    async with TestClient(await serve(store, clock, errors)) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_ping_key_opens_its_route(client: Client) -> None:
    answer = await client.get(f"/ping/{PING}")
    assert (answer.status, await answer.text()) == (200, "ping")


async def test_a_token_with_the_scope_opens_its_route(client: Client) -> None:
    answer = await client.get("/v1/act", headers=bearer(f" {TOKEN} "))
    assert (answer.status, await answer.text()) == (200, "ci")


async def test_a_token_without_the_scope_is_forbidden_and_told_why(client: Client) -> None:
    answer = await client.get("/v1/act", headers=bearer(READER))
    assert (answer.status, (await answer.json())["detail"]) == (403, "the key reader lacks the scope act")


@pytest.mark.parametrize("headers", [{}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": TOKEN}])
async def test_without_a_bearer_token_one_is_asked_for(client: Client, headers: dict[str, str]) -> None:
    answer = await client.get("/v1/act", headers=headers)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


async def test_a_key_of_the_other_kind_is_unknown(client: Client) -> None:
    ping, token = await client.get(f"/ping/{TOKEN}"), await client.get("/v1/act", headers=bearer(PING))
    assert (ping.status, token.status) == (404, 404)


async def test_an_address_with_many_wrong_keys_is_refused_with_a_right_one(client: Client) -> None:
    for _ in range(MAX_WRONG_TOKENS):
        assert (await client.get("/ping/wrong")).status == 404
    answer = await client.get(f"/ping/{PING}")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
    assert await answer.text() == "too many requests\n"


async def test_wrong_keys_count_for_the_client_behind_a_proxy(store: SqliteStore, clock: FakeClock) -> None:
    async with TestClient(await serve(store, clock, [], PROXY)) as client:
        for _ in range(MAX_WRONG_TOKENS):
            await client.get("/ping/wrong", headers={"X-Forwarded-For": "192.0.2.1"})
        ways = [(await client.get(f"/ping/{PING}", headers={"X-Forwarded-For": each})).status for each in (
            "192.0.2.1", "192.0.2.2",
        )]  # fmt: skip
    assert ways == [429, 200]


async def test_a_key_has_a_burst_and_then_waits(client: Client, clock: FakeClock) -> None:
    statuses = [(await client.get(f"/ping/{PING}")).status for _ in range(MAX_BURST)]
    clock.turn(seconds=1)
    refused = await client.get(f"/ping/{PING}")
    other = await client.get("/v1/act", headers=bearer(TOKEN))
    assert (set(statuses), refused.status, other.status) == ({200}, 429, 200)
    assert refused.headers["Retry-After"] == "3"  # of four seconds
    assert await refused.text() == "too many requests\n"
    clock.turn(seconds=WINDOW.total_seconds() - 1)
    assert (await client.get(f"/ping/{PING}")).status == 200


async def test_errors_are_text_for_pings_and_documents_for_others(client: Client, errors: Errors) -> None:
    errors += [TemporaryError("locked: /var/lib/dingrun.db"), *[PermanentError("no such run")] * 2]
    ping, hook = await client.get(f"/ping/{PING}"), await client.get(f"/v1/hooks/{PING}")
    token = await client.get("/v1/act", headers=bearer(TOKEN))
    assert (ping.status, await ping.text()) == (503, "try again later\n")
    for answer in (hook, token):
        assert (answer.status, answer.content_type) == (409, "application/problem+json")
        assert (await answer.json())["detail"] == "no such run"


async def test_answers_are_counted_by_the_pattern_of_their_path(client: Client) -> None:
    for key in (PING, PING, "wrong"):
        await client.get(f"/ping/{key}")
    text = await (await client.get("/metrics")).text()
    assert 'route="/ping/{key}",status="200"} 2.0' in text
    assert 'route="/ping/{key}",status="404"} 1.0' in text


async def test_a_request_is_logged_with_its_fields(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "bot.api.gate"):
        await client.get(f"/ping/{PING}")
    (record,) = (each for each in caplog.records if each.name == "bot.api.gate")
    known: dict[str, Any] = vars(record)["fields"]
    ms = known.pop("ms")
    assert known == {"method": "GET", "route": "/ping/{key}", "status": 200}
    assert 0 <= ms < MINUTE_MS
    assert PING not in record.getMessage()


@pytest.mark.parametrize(
    ("error", "status", "detail", "retry_after"),
    [
        (TemporaryError("the store is busy"), 503, "try again later", "5"),
        (TemporaryError("throttled", retry_after=61.5), 503, "try again later", "62"),
        (UserError("rerun_running", schedule="x"), 409, "rerun running", None),
        (PermanentError("no such run"), 409, "no such run", None),
        (ConfigError("store.url: no such file"), 500, "", None),
    ],
)
def test_an_error_becomes_an_answer_without_text_of_the_store(
    error: DingRunError, status: int, detail: str, retry_after: str | None
) -> None:
    problem = as_problem(error)
    assert (problem.status, problem.detail) == (status, detail)
    assert problem.headers.get("Retry-After") == retry_after
