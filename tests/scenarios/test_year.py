"""Days of a year that calendars get wrong. `python -m evidence.year` lives through all of it."""

from datetime import date
from pathlib import Path

import pytest

from bot.models import QuotaKind
from evidence.calls import LATE, unexplained
from evidence.history import Expected, read_history
from evidence.judge import PROMISED, Verdict, judge
from evidence.year import complete
from tests.scenarios.year_simulation import year

SAMPLE = {
    "a leap day and the first of a month": (date(2028, 2, 29), 2),
    "a skipped hour": (date(2028, 3, 26), 1),
    "a repeated hour": (date(2028, 10, 29), 1),
}
PLAN = {
    "a leap day and the first of a month": ("mute", "rerun card", "file card"),
    "a skipped hour": ("rerun", "file"),
    "a repeated hour": ("rerun",),
}
"""What people ask for first, by a message or a card."""
AT_ONCE = {"a skipped hour"}
"""Where both bots are at work at the same moment."""
CALLS = {"a repeated hour": {QuotaKind.API: 12}}
"""Calls of the month, where they run out."""


@pytest.mark.parametrize(
    ("address", "when"),
    [*(("sqlite", when) for when in SAMPLE), ("mongo", "a skipped hour")],
    indirect=["address"],
)
async def test_two_bots_tell_what_is_due_and_wanted_once_through_trouble_and_an_upgrade(
    tmp_path: Path, address: str, when: str
) -> None:
    first, days = SAMPLE[when]
    async with year(address, tmp_path, tmp_path / "history.jsonl", seed=days) as case:
        case.upgrade_days, case.place.weather.severity = days, 3  # so few days would be calm
        case.place.alone = 1 / 2 if when in AT_ONCE else 1
        case.talk_chance, case.plan, case.months.always = 0.0, PLAN[when], CALLS.get(when, {})
        await case.live(first, days)
    history = complete(first, days, read_history(tmp_path / "history.jsonl"))
    judgements = judge(history, late=LATE)
    assert [found for found in judgements if found.verdict not in PROMISED] == []
    assert [*unexplained(history)] == []
    assert case.people.plan == []
    assert any(isinstance(each, Expected) and each.latest for each in history) is (when in CALLS)
    assert sum(found.verdict is Verdict.EXACTLY_ONCE for found in judgements) > len(judgements) / 2
    assert case.place.weather.deaths > 0
    assert case.upgrades == 1
