"""The fault campaign: one visible card per destination, whatever fails where."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.campaign import Fault, run_case

SHARDS = 4  # of the points, so that they can be gone through side by side
REQUESTS = ("accessToken", "createAndDeliver", "media/upload", "groupMessages/send", "sendBySession")
FAMILIES: Mapping[str, Mapping[str, Any]] = {
    "throttled": {"kind": "error", "code": "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi", "status": 403},
    "busy": {"kind": "error", "code": "system.busy", "status": 500},
    "old token": {"kind": "error", "code": "InvalidAuthentication", "status": 400},
    "a page": {"kind": "html"},
    "cut before": {"kind": "drop"},
    "cut after": {"kind": "lose_answer"},
}


async def points(tmp_path: Path) -> list[str]:
    """Every point that a whole run passes."""
    fault = Fault()
    assert await run_case(tmp_path / "calm", fault) == []
    return fault.points


@pytest.mark.parametrize("shard", range(SHARDS))
async def test_a_process_that_dies_anywhere_loses_nothing_and_doubles_nothing(
    tmp_path: Path, shard: int
) -> None:
    passed = await points(tmp_path)
    wrong = {
        f"{number} {passed[number]}": found
        for number in range(shard, len(passed), SHARDS)
        if (found := await run_case(tmp_path / f"kill{number}", Fault(at=number)))
    }
    assert len(passed) > 50
    assert wrong == {}


async def test_an_answer_that_is_lost_anywhere_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    passed = await points(tmp_path)
    answers = [number for number, name in enumerate(passed) if name.startswith("after request")]
    wrong = {
        f"{number} {passed[number]}": found
        for number in answers
        if (found := await run_case(tmp_path / f"lost{number}", Fault(at=number, kind="lost")))
    }
    assert len(answers) == len(REQUESTS)
    assert wrong == {}


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize("family", FAMILIES)
async def test_a_refusal_of_any_kind_is_survived(tmp_path: Path, request_: str, family: str) -> None:
    rule = {"match": request_, "times": 1, **FAMILIES[family]}
    assert await run_case(tmp_path / "case", Fault(), faults=[rule]) == []
