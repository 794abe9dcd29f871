"""Heartbeats of workers: each writes the time under its name into one fact of the store. Pure.

Two that write at the same moment may lose the word of one; it says it again a few seconds later, long before
it is missed.
"""

import json
from datetime import datetime, timedelta

from bot.models import MAX_CLOCK_SKEW

FACT = "workers"
SILENT_AFTER = timedelta(seconds=45) + MAX_CLOCK_SKEW  # three beats and more, by any bot's clock


def seen(kept: str | None, name: str, now: datetime) -> str:
    """Return the fact after a heartbeat of this worker, without those that are long silent."""
    return _written({**_living(kept, now), name: now})


def gone(kept: str | None, name: str, now: datetime) -> str:
    """Return the fact after this worker has stopped."""
    return _written({each: at for each, at in _living(kept, now).items() if each != name})


def living(kept: str | None, now: datetime) -> list[str]:
    """List the workers with a recent heartbeat."""
    return sorted(_living(kept, now))


def _written(times: dict[str, datetime]) -> str:
    return json.dumps({name: at.isoformat() for name, at in times.items()})


def _living(kept: str | None, now: datetime) -> dict[str, datetime]:
    times = {name: datetime.fromisoformat(at) for name, at in json.loads(kept or "{}").items()}
    return {name: at for name, at in times.items() if abs(now - at) <= SILENT_AFTER}
