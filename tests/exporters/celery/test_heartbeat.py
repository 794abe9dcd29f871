"""Test which workers count as alive by their heartbeats."""

from datetime import timedelta

from bot.exporters.celery.heartbeat import HEARTBEAT_TIMEOUT, alive_workers, with_worker, without_worker
from tests.factories import NOW

SECOND = timedelta(seconds=1)


def test_workers_with_a_recent_heartbeat_are_alive() -> None:
    kept = with_worker(with_worker(None, "a@one", NOW), "b@two", NOW + 30 * SECOND)
    assert alive_workers(kept, NOW + HEARTBEAT_TIMEOUT) == ["a@one", "b@two"]
    assert alive_workers(kept, NOW + HEARTBEAT_TIMEOUT + SECOND) == ["b@two"]


def test_a_stopped_worker_is_gone_at_once_and_a_dead_one_after_the_timeout() -> None:
    kept = with_worker(with_worker(None, "a@one", NOW), "b@two", NOW)
    assert alive_workers(without_worker(kept, "a@one", NOW), NOW) == ["b@two"]
    later = NOW + HEARTBEAT_TIMEOUT + SECOND
    assert "a@one" not in with_worker(kept, "b@two", later)


def test_a_heartbeat_from_a_fast_clock_does_not_last() -> None:
    kept = with_worker(None, "a@one", NOW + timedelta(days=30))
    assert alive_workers(kept, NOW) == []
