"""Other websites cannot use the control API."""

import pytest

from dingtalk_sandbox.control.origin_check import is_loopback
from tests.dingtalk_sandbox.harness import KEY, SECRET, Client

SCENE = "/_sandbox/scene"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Host": "example.com"},
        {"Host": "example.com", "Origin": "http://example.com"},
        {"Host": "127.0.0.1.example.com"},
    ],
)
async def test_a_page_from_elsewhere_is_refused(client: Client, headers: dict[str, str]) -> None:
    assert (await client.call("GET", SCENE, headers=headers)).status == 403
    assert (await client.call("POST", "/_sandbox/reset", headers=headers)).status == 403


async def test_the_own_page_is_let_in(client: Client) -> None:
    own = {"Origin": client.sandbox.url}
    assert (await client.call("GET", SCENE, headers=own)).status == 200
    local = {"Host": f"localhost:{client.sandbox.port}", "Origin": f"http://localhost:{client.sandbox.port}"}
    assert (await client.call("GET", SCENE, headers=local)).status == 200


async def test_the_api_does_not_care(client: Client) -> None:
    body = {"appKey": KEY, "appSecret": SECRET}
    answer = await client.post("/v1.0/oauth2/accessToken", body, headers={"Origin": "https://example.com"})
    assert answer.status == 200


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("localhost", True), ("[::1]", True), ("0.0.0.0", False), ("example.com", False)],  # noqa: S104 - judged
)
def test_what_is_loopback(host: str, local: bool) -> None:
    assert is_loopback(host) is local
