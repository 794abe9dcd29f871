"""Days of a year that calendars get wrong. `python -m evidence.year` lives through all of it."""

from datetime import date
from pathlib import Path

import pytest

from evidence.history import read_history
from evidence.judge import PROMISED, Verdict, judge
from evidence.year import LATE, expected
from tests.scenarios.year_simulation import year

SAMPLE = {
    "a leap day and the first of a month": (date(2028, 2, 29), 2),
    "a skipped hour": (date(2028, 3, 26), 1),
    "a repeated hour": (date(2028, 10, 29), 1),
}


@pytest.mark.parametrize(
    ("address", "when"),
    [*(("sqlite", when) for when in SAMPLE), ("mongo", "a skipped hour")],
    indirect=["address"],
)
async def test_two_bots_tell_each_due_run_once_through_trouble_and_an_upgrade(
    tmp_path: Path, address: str, when: str
) -> None:
    first, days = SAMPLE[when]
    async with year(address, tmp_path, tmp_path / "history.jsonl", seed=days) as case:
        case.upgrade_days, case.place.weather.severity = days, 3  # so few days would be calm
        await case.live(first, days)
    judgements = judge([*expected(first, days), *read_history(tmp_path / "history.jsonl")], late=LATE)
    broken = [found for found in judgements if found.verdict not in PROMISED]
    assert broken == []
    assert sum(found.verdict is Verdict.EXACTLY_ONCE for found in judgements) > len(judgements) / 2
    assert case.place.weather.deaths > 0
    assert case.upgrades == 1
