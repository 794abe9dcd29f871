"""Heartbeats of workers: each stores the current time under its name in one value of the store. Pure.

When two workers write at the same moment, one heartbeat may be lost. It is repeated a few seconds later, long
before the worker counts as dead.
"""

import json
from datetime import datetime, timedelta

from bot.models import MAX_CLOCK_SKEW

KEY = "workers"
HEARTBEAT_TIMEOUT = timedelta(seconds=45) + MAX_CLOCK_SKEW  # more than four heartbeats, by any bot's clock


def with_worker(stored: str | None, name: str, now: datetime) -> str:
    """Return the value after a heartbeat of this worker. Workers that have timed out are dropped."""
    return _encode({**_recent_heartbeats(stored, now), name: now})


def without_worker(stored: str | None, name: str, now: datetime) -> str:
    """Return the value after this worker has stopped."""
    return _encode({each: at for each, at in _recent_heartbeats(stored, now).items() if each != name})


def alive_workers(stored: str | None, now: datetime) -> list[str]:
    """List the workers with a recent heartbeat."""
    return sorted(_recent_heartbeats(stored, now))


def _encode(times: dict[str, datetime]) -> str:
    return json.dumps({name: at.isoformat() for name, at in times.items()})


def _recent_heartbeats(stored: str | None, now: datetime) -> dict[str, datetime]:
    times = {name: datetime.fromisoformat(at) for name, at in json.loads(stored or "{}").items()}
    return {name: at for name, at in times.items() if abs(now - at) <= HEARTBEAT_TIMEOUT}
