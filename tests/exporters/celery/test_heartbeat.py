"""Which workers live, by one fact that they all write."""

from datetime import timedelta

from bot.exporters.celery.heartbeat import HEARTBEAT_TIMEOUT, alive_workers, with_worker, without_worker
from tests.factories import NOW

SECOND = timedelta(seconds=1)


def test_those_that_said_so_of_late_live() -> None:
    kept = with_worker(with_worker(None, "a@one", NOW), "b@two", NOW + 30 * SECOND)
    assert alive_workers(kept, NOW + HEARTBEAT_TIMEOUT) == ["a@one", "b@two"]
    assert alive_workers(kept, NOW + HEARTBEAT_TIMEOUT + SECOND) == ["b@two"]


def test_one_that_stopped_is_gone_at_once_and_one_that_died_after_a_while() -> None:
    kept = with_worker(with_worker(None, "a@one", NOW), "b@two", NOW)
    assert alive_workers(without_worker(kept, "a@one", NOW), NOW) == ["b@two"]
    later = NOW + HEARTBEAT_TIMEOUT + SECOND
    assert "a@one" not in with_worker(kept, "b@two", later)


def test_a_clock_that_was_far_ahead_makes_nobody_live_for_ever() -> None:
    kept = with_worker(None, "a@one", NOW + timedelta(days=30))
    assert alive_workers(kept, NOW) == []
