"""Observes ARL's triggers by our own clock.

ARL's times do not say when a trigger began to create tasks: a future scan keeps the planned time even if it
is late, and the clocks may differ. So an incomplete run waits until `SETTLE_TIME` has passed since its last
observed change. Only the first poll relies on ARL's times.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

Trigger = tuple[str, int]
"""Id of the schedule, and number of the trigger."""

SETTLE_TIME = timedelta(seconds=120)  # without a new task; then none follows

INITIAL_SETTLE_TIME = timedelta(minutes=10)  # the same at the first poll, by ARL's times


class NumberedSchedule(Protocol):
    """A schedule with the number of its last trigger."""

    @property
    def id(self) -> str: ...
    @property
    def number(self) -> int: ...


class SeenRun(Protocol):
    """A run as detected by one poll."""

    @property
    def trigger(self) -> Trigger: ...
    @property
    def task_ids(self) -> Sequence[str]: ...
    @property
    def missing(self) -> Sequence[object]: ...
    @property
    def last_sign(self) -> datetime: ...


class TriggerWatch:
    """Remembers when the number of a schedule increased, and when the tasks of a run last changed."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._changed: dict[Trigger, tuple[int, datetime]] | None = None  # number of tasks, since
        self.raised: Mapping[Trigger, datetime] = {}

    def note_numbers(self, plans: Iterable[NumberedSchedule], now: datetime) -> None:
        """Record which numbers have increased since the last poll. The first poll records none."""
        numbers = {plan.id: plan.number for plan in plans}
        fresh = {
            (id_, number): now for id_, number in numbers.items() if number > self._numbers.get(id_, number)
        }
        kept = {trigger: at for trigger, at in self.raised.items() if trigger in numbers.items()}
        self._numbers, self.raised = numbers, kept | fresh

    def note_runs(self, runs: Sequence[SeenRun], now: datetime) -> None:
        """Record which incomplete runs have changed since the last poll."""
        before, self._changed = self._changed, {}
        for run in runs:
            if run.missing:
                seen = _first_seen(run, now) if before is None else before.get(run.trigger, (-1, now))
                size = len(run.task_ids)
                self._changed[run.trigger] = seen if seen[0] == size else (size, now)

    def is_settled(self, run: SeenRun, now: datetime) -> bool:
        """Tell if no more tasks can follow in a run that was recorded."""
        return not run.missing or now - (self._changed or {})[run.trigger][1] >= SETTLE_TIME


def _first_seen(run: SeenRun, now: datetime) -> tuple[int, datetime]:
    """Return the number of tasks and the last change at the first poll: now, unless it was long ago."""
    return len(run.task_ids), run.last_sign if now - run.last_sign >= INITIAL_SETTLE_TIME else now
