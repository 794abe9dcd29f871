"""Days of a year that calendars get wrong. `python -m evidence.year` lives through all of it."""

from datetime import date
from pathlib import Path

import pytest

from bot.models import QuotaKind
from evidence.calls import LATE, unexplained
from evidence.history import Wish, WishKind, read_history
from evidence.judge import PROMISED, Verdict, judge
from evidence.year import complete
from tests.scenarios.year_simulation import year

SAMPLE = {
    "a leap day and the first of a month": (date(2028, 2, 29), 2, 9),
    "a skipped hour": (date(2028, 3, 26), 1, 1),
    "a repeated hour": (date(2028, 10, 29), 1, 11),
}
"""First day, days, and seed."""
ASKED_FOR = {
    "a leap day and the first of a month": {WishKind.RUN, WishKind.FILE, WishKind.MUTE},
    "a skipped hour": {WishKind.RUN, WishKind.FILE},
    "a repeated hour": {WishKind.RUN},
}
"""What people ask for on SQLite, each by a message or a card."""


CALLS = {"a repeated hour": {QuotaKind.API: 24}}
"""Calls of the month, where they run out."""


@pytest.mark.parametrize(
    ("address", "when"),
    [*(("sqlite", when) for when in SAMPLE), ("mongo", "a skipped hour")],
    indirect=["address"],
)
async def test_two_bots_tell_what_is_due_and_wanted_once_through_trouble_and_an_upgrade(
    tmp_path: Path, address: str, when: str
) -> None:
    first, days, seed = SAMPLE[when]
    async with year(address, tmp_path, tmp_path / "history.jsonl", seed=seed) as case:
        case.upgrade_days, case.place.weather.severity = days, 3  # so few days would be calm
        case.talk_chance, case.months.always = 0.15, CALLS.get(when, {})
        await case.live(first, days)
    history = complete(first, days, read_history(tmp_path / "history.jsonl"))
    judgements = judge(history, late=LATE)
    broken = [found for found in judgements if found.verdict not in PROMISED]
    assert broken == []
    assert [*unexplained(history)] == []
    assert sum(found.verdict is Verdict.EXACTLY_ONCE for found in judgements) > len(judgements) / 2
    assert case.place.weather.deaths > 0
    assert case.upgrades == 1
    if address.startswith("sqlite"):
        wishes = [record for record in history if isinstance(record, Wish)]
        assert {wish.wants for wish in wishes} - {WishKind.TALK} == ASKED_FOR[when]
        assert any(wish.card for wish in wishes)
        silent = any(found.verdict is Verdict.KEPT_SILENT for found in judgements)
        assert silent is (WishKind.MUTE in ASKED_FOR[when])
        assert any(found.verdict is Verdict.WITHHELD for found in judgements) is (when in CALLS)
