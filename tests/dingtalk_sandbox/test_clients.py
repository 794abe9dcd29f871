"""Clients that nobody changed, led to the sandbox by their environment alone."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dingtalk_sandbox.intercept.interceptor import Interceptor
from tests.dingtalk_sandbox.clients import PROGRAMS, PYTHON, clients, connected, finished, running
from tests.dingtalk_sandbox.harness import GROUP, KEY, SECRET, Client

__all__ = ["clients"]
OLD_TOKEN = f"https://oapi.dingtalk.com/gettoken?appkey={KEY}&appsecret={SECRET}"
SIGNED_ROBOT = ("sandbox-webhook-token", "SECsandbox0123456789")


def program(name: str) -> str:
    return str(PROGRAMS / "python" / name)


async def use_real_time(client: Client) -> None:
    """Set the clock to the real time, at which other programs sign."""
    await client.control("clock", {"set": datetime.now(UTC).isoformat()})


@pytest.mark.parametrize("http", ["urllib", "requests", "aiohttp"])
async def test_http_clients_of_python_work_unmodified(interceptor: Interceptor, http: str) -> None:
    code, said = await finished(PYTHON, program("http_clients.py"), http, interceptor=interceptor)
    assert (code, said) == (0, "0 ok\n")


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_the_python_client_of_alibaba_cloud_works_unmodified(
    client: Client, interceptor: Interceptor, kind: str
) -> None:
    sent = program(f"alibabacloud_{kind}.py")
    code, said = await finished(PYTHON, sent, KEY, SECRET, GROUP, interceptor=interceptor)
    assert code == 0, said
    assert (await client.last())["content"]["text"] == "hello"


async def test_a_webhook_client_of_python_works_unmodified(client: Client, interceptor: Interceptor) -> None:
    await use_real_time(client)
    sent = (PYTHON, program("webhook_clients.py"), "dingtalkchatbot", *SIGNED_ROBOT)
    code, said = await finished(*sent, interceptor=interceptor)
    assert code == 0, said
    assert (await client.last())["content"]["text"] == "hello"


async def test_apprise_works_unmodified_without_a_signature(client: Client, interceptor: Interceptor) -> None:
    """It encodes signatures twice, which DingTalk rejects as well."""
    sent = (PYTHON, program("webhook_clients.py"), "apprise", "0123456789abcdef")
    code, said = await finished(*sent, interceptor=interceptor)
    assert code == 0, said
    assert (await client.last())["content"]["text"] == "hello"


async def test_curl_works_unmodified(interceptor: Interceptor) -> None:
    code, said = await finished("curl", "--silent", "--show-error", OLD_TOKEN, interceptor=interceptor)
    assert (code, '"errcode": 0' in said) == (0, True), said


@pytest.mark.parametrize(
    ("command", "calls"),
    [("{clients}/go/token", 1), ("java -cp {clients}/java Token", 2)],
    ids=["go", "java"],
)
async def test_http_clients_of_go_and_java_work_unmodified(
    interceptor: Interceptor, clients: Path, command: str, calls: int
) -> None:
    code, said = await finished(*command.format(clients=clients).split(), interceptor=interceptor)
    assert (code, said.count('"errcode": 0')) == (0, calls), said


async def test_a_webhook_client_of_node_works_unmodified(
    client: Client, interceptor: Interceptor, clients: Path
) -> None:
    await use_real_time(client)
    sent = ("node", f"{clients}/node/webhook.mjs", *SIGNED_ROBOT)
    code, said = await finished(*sent, interceptor=interceptor)
    assert code == 0, said
    assert (await client.last())["content"]["text"] == "hello"


async def test_a_bot_on_koishi_hears_and_answers(client: Client, clients: Path) -> None:
    bot = ("node", f"{clients}/node/koishi.mjs", client.sandbox.url, KEY, SECRET)
    async with running(*bot, environment={}):
        await connected(client)
        await client.say("@DingRun 状态")
        found = await client.control("expect", {"conversation": GROUP, "contains": "heard", "within": 20})
    assert found["messages"][0]["content"]["text"] == "heard:  状态"
