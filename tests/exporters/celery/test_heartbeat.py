"""Which workers live, by one fact that they all write."""

from datetime import timedelta

from bot.exporters.celery.heartbeat import SILENT_AFTER, gone, living, seen
from tests.factories import NOW

SECOND = timedelta(seconds=1)


def test_those_that_said_so_of_late_live() -> None:
    kept = seen(seen(None, "a@one", NOW), "b@two", NOW + 30 * SECOND)
    assert living(kept, NOW + SILENT_AFTER) == ["a@one", "b@two"]
    assert living(kept, NOW + SILENT_AFTER + SECOND) == ["b@two"]


def test_one_that_stopped_is_gone_at_once_and_one_that_died_after_a_while() -> None:
    kept = seen(seen(None, "a@one", NOW), "b@two", NOW)
    assert living(gone(kept, "a@one", NOW), NOW) == ["b@two"]
    later = NOW + SILENT_AFTER + SECOND
    assert "a@one" not in seen(kept, "b@two", later)


def test_a_clock_that_was_far_ahead_makes_nobody_live_for_ever() -> None:
    kept = seen(None, "a@one", NOW + timedelta(days=30))
    assert living(kept, NOW) == []
