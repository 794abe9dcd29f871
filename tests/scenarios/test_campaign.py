"""The fault campaign: one visible message per destination, whatever fails where, or an honest word."""

import random
from pathlib import Path

import pytest

from tests.scenarios.fault_injection import (
    deaths,
    go_through,
    lost_answers,
    other_answers,
    points_of,
    run_case,
)
from tests.scenarios.faults import ANSWERS, Fault

REQUESTS = (
    "accessToken",
    "createAndDeliver",
    "upload",
    "send",
    "sendBySession",
    "asyncsend_v2",
    "getsendresult",
)
POINTS = {
    *(f"request {name}" for name in REQUESTS),
    *("add_run", "update_run", "add_job", "claim_job", "save_job", "make_jobs_due", "save_report", "acquire"),
    "change",
}
SHARDS = 4  # of the cases, so that they can be gone through side by side
SEEDS = 12
RUNS, BOTS = 4, 2


async def test_every_write_and_every_request_of_a_run_is_a_point(tmp_path: Path) -> None:
    points = await points_of(tmp_path)
    assert {point.removeprefix("before ") for point in points if point.startswith("before")} == POINTS
    assert len(lost_answers(points)) == 10
    assert len(other_answers(points)) == 10 * len(ANSWERS)


@pytest.mark.parametrize("shard", range(SHARDS))
async def test_a_process_that_dies_anywhere_loses_nothing_and_doubles_nothing(
    tmp_path: Path, shard: int
) -> None:
    points = await points_of(tmp_path / "calm")
    assert await go_through(tmp_path, deaths(points)[shard::SHARDS]) == {}


async def test_an_answer_that_is_lost_anywhere_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    points = await points_of(tmp_path / "calm")
    assert await go_through(tmp_path, lost_answers(points)) == {}


@pytest.mark.parametrize("shard", range(SHARDS))
async def test_any_answer_to_any_request_loses_nothing_and_doubles_nothing(
    tmp_path: Path, shard: int
) -> None:
    points = await points_of(tmp_path / "calm")
    assert await go_through(tmp_path, other_answers(points)[shard::SHARDS]) == {}


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_two_bots_that_die_by_chance_announce_many_runs_once(tmp_path: Path, seed: int) -> None:
    fault = Fault(chance=random.Random(seed))  # noqa: S311 - the seed stands in the name of the test
    assert await run_case(tmp_path / "case", fault, bots=BOTS, asked=RUNS, seed=seed) == []
    assert fault.deaths > 0
