"""Schedules come into being by reports, up to a limit."""

from bot.api.problems import Problem
from bot.wiring.stores import sqlite_stores
from tests.api.harness import ApiHarness, api_key
from tests.conftest import GROUP, CoreHarness

SLUGS = 10_000
LIMIT = 1_000  # the default of `api.max_schedules`
KEY = api_key("backup", "drp_key-that-reports-backups", slugs=("backup-*",))


async def status(api: ApiHarness, slug: str) -> int:
    try:
        await api.admission.find_or_create(KEY, slug)
    except Problem as problem:
        return problem.status
    return 200


async def test_ten_thousand_slugs_are_refused_at_the_limit_and_told_once(core: CoreHarness) -> None:
    core.operators = (GROUP,)
    api = ApiHarness(core, sqlite_stores(core.store), create=True, limit=LIMIT)
    statuses = [await status(api, f"backup-{number}") for number in range(SLUGS)]
    assert statuses == [200] * LIMIT + [404] * (SLUGS - LIMIT)
    assert len(await core.store.find_jobs(kind="notice")) == 1
    assert await status(api, "backup-0") == 200
