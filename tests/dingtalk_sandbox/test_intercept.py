"""DingTalk's hosts, answered over TLS for clients that are led by their environment alone."""

import asyncio
import json
import ssl
import stat
from typing import Any

import aiohttp
import pytest

from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.intercept.interceptor import Interceptor
from dingtalk_sandbox.intercept.proxy import parse_target
from tests.dingtalk_sandbox.harness import KEY, SECRET, Client

API, OAPI = "https://api.dingtalk.com", "https://oapi.dingtalk.com"
TOKENS = "/v1.0/oauth2/accessToken"
OLD_TOKEN = f"/gettoken?appkey={KEY}&appsecret={SECRET}"


async def ask(interceptor: Interceptor, url: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
    trusted = ssl.create_default_context(cafile=interceptor.certificate)
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, json=body, proxy=interceptor.proxy, ssl=trusted) as answer,
    ):
        return answer.status, await answer.json()


async def raw(interceptor: Interceptor, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(interceptor.proxy.rpartition(":")[2]))
    try:
        writer.write(request)
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()


async def test_both_hosts_answer_over_tls_under_their_names(interceptor: Interceptor) -> None:
    new = await ask(interceptor, API + TOKENS, "POST", {"appKey": KEY, "appSecret": SECRET})
    old = await ask(interceptor, OAPI + OLD_TOKEN)
    assert new[1]["accessToken"] == old[1]["access_token"]


async def test_each_host_has_only_its_own_endpoints(interceptor: Interceptor) -> None:
    status, answer = await ask(interceptor, API + OLD_TOKEN)
    assert (status, answer["code"]) == (404, "InvalidAction.NotFound")
    status, answer = await ask(interceptor, OAPI + TOKENS, "POST", {})
    assert (status, answer["errcode"]) == (200, 22)


async def test_what_is_not_emulated_is_told_in_the_format_of_its_host(interceptor: Interceptor) -> None:
    status, answer = await ask(interceptor, OAPI + "/topapi/nothing", "POST", {})
    assert (status, answer["errcode"]) == (501, 501)
    status, answer = await ask(interceptor, API + "/v1.0/nothing", "POST", {})
    assert (status, answer["code"], "errcode" in answer) == (501, "sandbox.notEmulated", False)


@pytest.mark.parametrize("path", ["/", "/_sandbox/scene", "/_sandbox/save", "/healthz"])
async def test_neither_page_nor_control_api_is_at_these_hosts(interceptor: Interceptor, path: str) -> None:
    assert (await ask(interceptor, API + path))[0] in {404, 501}


@pytest.mark.parametrize("target", ["example.com:443", "api.dingtalk.com:80", "127.0.0.1:22", "x", ":443"])
async def test_no_other_target_is_connected_to(interceptor: Interceptor, target: str) -> None:
    answer = await raw(interceptor, f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
    assert answer.split(b" ")[1] in {b"403", b"400"}


async def test_a_refusal_says_what_is_answered(interceptor: Interceptor) -> None:
    answer = await raw(interceptor, b"CONNECT example.com:443 HTTP/1.1\r\n\r\n")
    assert b"answers DingTalk's hosts only" in answer


async def test_a_request_with_a_whole_url_is_answered_for_these_hosts_only(interceptor: Interceptor) -> None:
    asked = "GET https://{}/gettoken HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n"
    answer = await raw(interceptor, asked.format(*["oapi.dingtalk.com"] * 2).encode())
    assert b"40089" in answer
    assert b" 403 " in await raw(interceptor, asked.format(*["example.com"] * 2).encode())


async def test_a_head_without_an_end_is_refused(interceptor: Interceptor) -> None:
    assert b" 400 " in await raw(interceptor, b"CONNECT " + b"x" * 40_000)


async def test_a_client_that_was_led_here_by_the_name_needs_no_proxy(interceptor: Interceptor) -> None:
    """As with an alias in the network of containers, and port 443."""
    port = int(interceptor.proxy.rpartition(":")[2])
    trusted = ssl.create_default_context(cafile=interceptor.certificate)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=trusted, server_hostname="oapi.dingtalk.com"
    )
    writer.write(f"GET {OLD_TOKEN} HTTP/1.1\r\nHost: oapi.dingtalk.com\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert b"access_token" in answer


async def test_the_stream_is_wss_and_its_session_webhook_is_dingtalks(
    client: Client, interceptor: Interceptor
) -> None:
    subscriptions = [{"type": "CALLBACK", "topic": "/v1.0/im/bot/messages/get"}]
    body = {"clientId": KEY, "clientSecret": SECRET, "subscriptions": subscriptions}
    _, door = await ask(interceptor, f"{API}/v1.0/gateway/connections/open", "POST", body)
    trusted = ssl.create_default_context(cafile=interceptor.certificate)
    assert door["endpoint"].startswith("wss://")
    async with client.http.ws_connect(f"{door['endpoint']}?ticket={door['ticket']}", ssl=trusted) as stream:
        await client.say("@DingRun 状态")
        said = (await stream.receive_json(timeout=5))["data"]
    webhook = json.loads(said)["sessionWebhook"]
    assert webhook.startswith(f"{OAPI}/robot/sendBySession?session=")
    _, answer = await ask(interceptor, webhook, "POST", {"msgtype": "text", "text": {"content": "好"}})
    assert answer["errcode"] == 0
    assert (await client.last())["content"]["text"] == "好"


async def test_a_client_beside_it_keeps_the_plain_addresses(client: Client, interceptor: Interceptor) -> None:
    assert (await client.open()).body["endpoint"].startswith("ws://127.0.0.1:")


async def test_without_an_interceptor_dingtalks_name_gets_the_plain_addresses(
    client: Client, sandbox: Sandbox
) -> None:
    async with Interceptor(sandbox):
        pass
    topics = [{"type": "CALLBACK", "topic": "/v1.0/im/bot/messages/get"}]
    body = {"clientId": KEY, "clientSecret": SECRET, "subscriptions": topics}
    headers = {"Host": "api.dingtalk.com", "Accept": "application/json"}
    door = (await client.post("/v1.0/gateway/connections/open", body, headers=headers)).body
    assert door["endpoint"] == f"{sandbox.url.replace('http', 'ws')}/connect"


async def test_only_the_certificate_is_on_disk_and_goes_at_the_end(sandbox: Sandbox) -> None:
    async with Interceptor(sandbox) as interceptor:
        folder = interceptor.certificate.parent
        assert {path.name for path in folder.iterdir()} == {"ca.pem", "truststore.p12"}
        assert b"PRIVATE" not in interceptor.certificate.read_bytes()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()


async def test_a_stop_cuts_the_connections(sandbox: Sandbox) -> None:
    async with Interceptor(sandbox) as interceptor:
        port = int(interceptor.proxy.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"CONNECT api.dingtalk.com:443 HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
    assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize(
    ("head", "target"),
    [
        (b"CONNECT API.DingTalk.com:443 HTTP/1.1", ("api.dingtalk.com", 443)),
        (b"CONNECT [::1]:443 HTTP/1.1", ("::1", 443)),
        (b"CONNECT a:99999999999 HTTP/1.1", ("a", 999999)),
        (b"CONNECT", None),
        (b"CONNECT a: HTTP/1.1", None),
        (b"CONNECT a:\xb2 HTTP/1.1", None),
    ],
)
def test_a_target_is_a_host_and_a_port(head: bytes, target: tuple[str, int] | None) -> None:
    assert parse_target(head + b"\r\n\r\n") == target


async def test_another_url_of_the_sandbox_is_that_of_the_proxy(sandbox: Sandbox) -> None:
    sandbox.url = "http://sandbox:8790/"
    async with Interceptor(sandbox) as interceptor:
        assert interceptor.proxy.startswith("http://sandbox:")
        assert sandbox.state.intercepted.stream.startswith("wss://sandbox:")
