"""What was seen of ARL's triggers, and when by our own clock.

ARL's times do not say when a trigger began to write its tasks: a single scan keeps the time it was meant for,
however late it is, and the two clocks may differ. So a run that lacks something waits for as long as its last
change is not `GRACE` old, as we saw it. Only a first look takes ARL's word for what was settled before it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

Trigger = tuple[str, int]
"""A trigger by the id of its schedule and its number."""

SETTLE_TIME = timedelta(
    seconds=120
)  # ARL publishes one task after the other; after so much silence none comes

INITIAL_SETTLE_TIME = timedelta(minutes=10)  # so old is the last sign of what is over by then


class NumberedSchedule(Protocol):
    """A schedule with the number of its last trigger."""

    @property
    def id(self) -> str: ...
    @property
    def number(self) -> int: ...


class SeenRun(Protocol):
    """A run as it was found just now."""

    @property
    def trigger(self) -> Trigger: ...
    @property
    def task_ids(self) -> Sequence[str]: ...
    @property
    def missing(self) -> Sequence[object]: ...
    @property
    def last_sign(self) -> datetime: ...


class TriggerWatch:
    """Remembers when numbers went up, and when what was found of a run last changed."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._changed: dict[Trigger, tuple[int, datetime]] | None = None  # how many tasks, since when
        self.raised: Mapping[Trigger, datetime] = {}

    def note_numbers(self, plans: Iterable[NumberedSchedule], now: datetime) -> None:
        """See which numbers are higher than at the last look; a first look shows nothing."""
        numbers = {plan.id: plan.number for plan in plans}
        fresh = {
            (id_, number): now for id_, number in numbers.items() if number > self._numbers.get(id_, number)
        }
        kept = {trigger: at for trigger, at in self.raised.items() if trigger in numbers.items()}
        self._numbers, self.raised = numbers, kept | fresh

    def note_runs(self, runs: Sequence[SeenRun], now: datetime) -> None:
        """See which runs have more tasks than at the last look."""
        before, self._changed = self._changed, {}
        for run in runs:
            if run.missing:
                seen = _first_seen(run, now) if before is None else before.get(run.trigger, (-1, now))
                size = len(run.task_ids)
                self._changed[run.trigger] = seen if seen[0] == size else (size, now)

    def is_settled(self, run: SeenRun, now: datetime) -> bool:
        """Whether nothing more is to come of a run that was noted."""
        return not run.missing or now - (self._changed or {})[run.trigger][1] >= SETTLE_TIME


def _first_seen(run: SeenRun, now: datetime) -> tuple[int, datetime]:
    """What a first look says of a run: it is new, unless its last sign was long ago."""
    return len(run.task_ids), run.last_sign if now - run.last_sign >= INITIAL_SETTLE_TIME else now
