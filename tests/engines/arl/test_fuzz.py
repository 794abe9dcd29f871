"""Whatever ARL answers, whatever its database holds: the engine reads it, or raises errors of ours."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from bot.engines.arl.assets import FINDINGS
from bot.engines.arl.client import ArlClient, parse_answer
from bot.engines.arl.trust import TlsCheck
from bot.errors import DingRunError
from bot.models import Run
from bot.workbook.finding_sheets import KIND_SHEETS
from tests.arl_sandbox.arl_fixture import ArlFixture, open_arl_fixture
from tests.factories import NOW, make_run, make_schedule
from tests.fakes import FakeClock

SINCE = NOW - timedelta(hours=1)
ODD: list[Any] = [
    None, True, -1, 0, 10**30, 1.5, float("nan"), float("inf"), "", "x", "٣", "\ud800", [], [[]], [0], [None],
    {}, {"a": {"b": []}}, {"_id": 5}, "9" * 5_000, 1_795_489_200_000,
]  # fmt: skip
TRIES = 21


def spoilt(value: Any, random: Random, share: float) -> Any:
    """The value, parts of it replaced by what nobody foresaw, or missing."""
    if random.random() < share:
        return random.choice(ODD)
    if isinstance(value, dict):
        left = {name: each for name, each in value.items() if random.random() > share / 3}
        return {name: spoilt(each, random, share) for name, each in left.items()}
    return [spoilt(each, random, share) for each in value] if isinstance(value, list) else value


async def everything(beside: ArlFixture, run: Run, ids: list[str]) -> None:
    """All that the engine can be asked for; only errors of ours may come of it."""
    engine = beside.engine
    calls: list[Callable[[], Any]] = [
        engine.schedules, lambda: engine.external_runs(SINCE), lambda: engine.tasks(ids),
        lambda: engine.open_tasks(ids), lambda: engine.stop(ids), lambda: engine.submit(run),
        lambda: engine.restart(run, ids), engine.warnings, *engine.checks().values(),
    ]  # fmt: skip
    for call in calls:
        with suppress(DingRunError):
            await call()
    for kind in FINDINGS:
        with suppress(DingRunError):
            found = [each async for each in engine.iter_assets(ids, kind)]
            assert all(
                KIND_SHEETS[kind].row([each]) for each in found if kind in KIND_SHEETS and kind != "ip"
            )


def filled(beside: ArlFixture) -> tuple[Run, list[str]]:
    """An ARL with a run of its own, one that failed, and finds."""
    world = beside.database
    id_ = world.add_schedule(target="1.1.1.1 a.example.com", notify_enable=True)
    world.add_schedule("一次性", schedule_type="future_scan", cron="", start_time=NOW.timestamp())
    ids = beside.scheduler.run(id_)
    world.end_task(ids[0], "error")
    for kind, finding in FINDINGS.items():
        world.add_results(ids[0], kind, {field.partition(".")[0]: "x" for field in finding.fields})
    schedule = make_schedule(id=id_, targets=("1.1.1.1", "a.example.com"))
    return make_run(schedule=schedule, start_time=beside.clock()), ids


@pytest.mark.parametrize("share", [0.02, 0.2])
async def test_no_answer_of_the_api_is_more_than_an_error_of_ours(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    random = Random(13)  # noqa: S311 - no secret
    answer = ArlClient._send_checked

    async def spoil(
        wire: ArlClient, check: TlsCheck, method: str, path: str, **parts: Any
    ) -> Mapping[str, Any]:
        body = await answer(wire, check, method, path, **parts)
        return parse_answer(200, json.dumps(spoilt(body, random, share)).encode())

    monkeypatch.setattr(ArlClient, "_send_checked", spoil)
    async with open_arl_fixture(clock, None, fork=True) as beside:
        run, ids = filled(beside)
        for _ in range(TRIES):
            clock.turn(seconds=70)
            await everything(beside, run, ids)


async def spoil_all(beside: ArlFixture, random: Random) -> None:
    """Put an odd document in the place of each that the database shows."""
    assert beside.database.mirror
    for table, rows in beside.database.tables.items():
        for id_, row in rows.items():
            odd = spoilt({name: each for name, each in row.items() if name != "_id"}, random, 0.1)
            keep = {"_id": id_} | ({"task_id": row["task_id"]} if "task_id" in row else {})
            with suppress(DingRunError):  # it may not hold what is odd
                await beside.database.mirror.put(table, (odd if isinstance(odd, dict) else {}) | keep)


async def test_no_document_of_the_database_is_more_than_left_out(
    request: pytest.FixtureRequest, clock: FakeClock
) -> None:
    random = Random(14)  # noqa: S311 - no secret
    async with open_arl_fixture(clock, request.config, fork=True) as beside:
        run, ids = filled(beside)
        await beside.database.flush()
        for _ in range(TRIES // 3):
            await spoil_all(beside, random)
            clock.turn(seconds=70)
            await everything(beside, run, ids)
