"""Runners fetch commands."""

import pytest

from bot.external.models import Command, CommandKind
from tests.api.harness import ApiHarness, Client, bearer
from tests.external.harness import SLUG
from tests.factories import NOW


@pytest.fixture
async def command(api: ApiHarness) -> Command:
    command = Command(
        id="submit:r1", kind=CommandKind.RERUN, slug=SLUG, run_id="r1", rid="r1", runner="db1", created_at=NOW
    )
    await api.records.commands.add(command)
    return command


async def test_a_command_is_leased_and_then_done(api: ApiHarness, client: Client, command: Command) -> None:
    url = "/v1/commands?runner=db1"
    first = await (await client.get(url, headers=bearer())).json()
    assert (first["id"], first["type"], first["schedule"], first["rid"]) == (
        command.id, "run.rerun", SLUG, "r1",
    )  # fmt: skip
    assert (await client.get(url, headers=bearer())).status == 204
    api.core.clock.turn(seconds=61)
    assert (await client.get(url, headers=bearer())).status == 200
    assert (await client.post(f"/v1/commands/{command.id}/done", headers=bearer())).status == 204
    api.core.clock.turn(seconds=61)
    assert (await client.get(url, headers=bearer())).status == 204


async def test_other_runners_get_nothing(client: Client, command: Command) -> None:
    assert (await client.get("/v1/commands?runner=db2", headers=bearer())).status == 204


async def test_a_runner_may_wait(client: Client) -> None:
    assert (await client.get("/v1/commands?runner=db1&wait=1", headers=bearer())).status == 204


@pytest.mark.parametrize("query", ["", "?runner=", "?runner=a%20b", "?runner=x&wait=61"])
async def test_what_is_invalid_is_refused(client: Client, query: str) -> None:
    assert (await client.get(f"/v1/commands{query}", headers=bearer())).status == 422


async def test_an_unknown_command_is_not_found(client: Client) -> None:
    assert (await client.post("/v1/commands/submit:r9/done", headers=bearer())).status == 404
