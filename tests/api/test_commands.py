"""Runners fetch commands."""

from dataclasses import replace

import pytest
from aiohttp import ClientTimeout

from bot.external.models import Command, CommandKind
from tests.api.harness import ApiHarness, Client, bearer
from tests.external.harness import SLUG
from tests.factories import NOW


async def fetch(client: Client, url: str) -> list[dict[str, str]]:
    answer = await client.get(url, headers=bearer())
    found: list[dict[str, str]] = (await answer.json())["commands"]
    return found


@pytest.fixture
async def command(api: ApiHarness) -> Command:
    command = Command(
        id="submit:r1", kind=CommandKind.RERUN, slug=SLUG, run_id="r1", rid="r1", runner="db1", created_at=NOW
    )
    await api.records.commands.add(command)
    return command


async def test_a_command_is_leased_and_then_done(api: ApiHarness, client: Client, command: Command) -> None:
    url = "/v1/commands?runner=db1"
    (first,) = await fetch(client, url)
    assert (first["id"], first["type"], first["schedule"], first["rid"]) == (
        command.id, "run.rerun", SLUG, "r1",
    )  # fmt: skip
    assert await fetch(client, url) == []
    api.core.clock.turn(seconds=61)
    assert len(await fetch(client, url)) == 1
    assert (await client.post(f"/v1/commands/{command.id}/done", headers=bearer())).status == 204
    api.core.clock.turn(seconds=61)
    assert await fetch(client, url) == []


async def test_other_runners_get_nothing(client: Client, command: Command) -> None:
    assert await fetch(client, "/v1/commands?runner=db2") == []


async def test_a_runner_may_wait(client: Client) -> None:
    assert await fetch(client, "/v1/commands?runner=db1&wait=1") == []


async def test_a_refused_rerun_ends_with_its_reason(api: ApiHarness, client: Client) -> None:
    await api.core.say("重跑 数据库备份")
    (sent,) = api.sender.sent
    await api.records.commands.add(replace(sent, runner="db1"))
    body = {"outcome": "refused", "reason": "not allowed on db1"}
    await client.post(f"/v1/commands/{sent.id}/done", json=body, headers=bearer())
    assert [failure.reason for failure in (await api.run()).failures] == ["not allowed on db1"]


async def test_a_runner_that_has_gone_takes_no_command(api: ApiHarness, client: Client) -> None:
    url = "/v1/commands?runner=db1&wait=1"
    with pytest.raises(TimeoutError):
        await client.get(url, headers=bearer(), timeout=ClientTimeout(total=0.2))
    command = Command(
        id="submit:r2", kind=CommandKind.RERUN, slug=SLUG, run_id="r2", rid="r2", runner="db1", created_at=NOW
    )
    await api.records.commands.add(command)
    given = await (await client.get(f"{url}9", headers=bearer())).json()
    assert [each["id"] for each in given["commands"]] == [command.id]


@pytest.mark.parametrize("query", ["", "?runner=", "?runner=a%20b", "?runner=x&wait=61"])
async def test_what_is_invalid_is_refused(client: Client, query: str) -> None:
    assert (await client.get(f"/v1/commands{query}", headers=bearer())).status == 422


async def test_an_unknown_command_is_not_found(client: Client) -> None:
    assert (await client.post("/v1/commands/submit:r9/done", headers=bearer())).status == 404
