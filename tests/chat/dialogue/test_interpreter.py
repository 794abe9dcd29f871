"""Test what a message is about, as far as it depends on no service."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.chat.dialogue.interpreter import runs_of_day
from tests.factories import make_run

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 11, 1), 25), (date(2026, 11, 2), 24), (date(2027, 3, 14), 23)],
)
def test_a_day_has_all_its_hours_when_the_clocks_change(day: date, hours: int) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=NEW_YORK).astimezone(UTC)
    runs = [make_run(start_time=midnight + timedelta(hours=hour)) for hour in range(-2, 28)]
    assert runs_of_day(runs, day, NEW_YORK) == runs[2 : 2 + hours]
