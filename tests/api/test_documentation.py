"""The API describes itself."""

import re

from tests import ROOT
from tests.api.harness import ApiHarness, Client


async def test_every_operation_is_described(api: ApiHarness, client: Client) -> None:
    document = await (await client.get("/v1/openapi.json")).json()
    described = {(method.upper(), path) for path, each in document["paths"].items() for method in each}
    assert described == {(each.method, each.path) for each in api.operations}
    assert document["openapi"] == "3.1.0"


async def test_every_reference_leads_somewhere(client: Client) -> None:
    text = await (await client.get("/v1/openapi.json")).text()
    document = await (await client.get("/v1/openapi.json")).json()
    names = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert names
    assert names <= document["components"]["schemas"].keys()


async def test_the_page_names_every_operation(api: ApiHarness, client: Client) -> None:
    answer = await client.get("/v1/docs")
    text = await answer.text()
    assert answer.content_type == "text/html"
    assert all(f"{each.method} {each.path}" in text for each in api.operations)


async def test_the_client_for_hosts_is_served(client: Client) -> None:
    answer = await client.get("/v1/exec.py")
    assert await answer.read() == (ROOT / "bot/exec/dingrun_exec.py").read_bytes()
