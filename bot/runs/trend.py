"""Compare an ended run with the earlier runs of its schedule. Pure."""

from collections.abc import Sequence

from bot.delivery.recipients import is_tolerated
from bot.models import PreviousRun, Run, TaskStatus, Trend


def compare_with_earlier(run: Run, runs: Sequence[Run]) -> Trend:
    """Return the trend of an ended run.

    - `runs` are the newest runs of its schedule, newest first. Those that started later are ignored.
    - Open and only stopped runs have no outcome, so they are skipped.
    - A retry of failed tasks counts for the outcome before: what it repaired was well again.
    - A run of chosen targets is not compared: it says nothing about the others.
    """
    if run.is_selection:
        return Trend(streak=0)
    whole = [each for each in runs if each.well is not None and not each.is_selection]
    earlier = [each for each in whole if each.start_time < run.start_time]
    before = earlier[0] if earlier else None
    return Trend(
        streak=_streak(run, earlier),
        was_well=before.well if before else None,
        was_muted=before is not None and before.muted is not None,
        was_tolerated=before is not None and is_tolerated(before),
        failures_changed=before is not None and _failed_targets(before) != _failed_targets(run),
        previous=None if run.is_retry else _previous(earlier),
    )


def _streak(run: Run, earlier: Sequence[Run]) -> int:
    """Count the runs in a row that ended like this one. The newest of them knows how many were before it."""
    if run.well is None:
        return 0
    count = 0 if run.is_retry else 1
    for each in earlier:
        if each.well is not run.well:
            break
        if each.trend:
            return count + each.trend.streak
        count += 0 if each.is_retry else 1
    return count


def _failed_targets(run: Run) -> tuple[int, frozenset[str]]:
    """Return how many tasks failed, and the targets of those that are listed. Stopped ones did not fail."""
    counts = run.task_counts
    failures = [each.target for each in run.failures if each.status is not TaskStatus.STOP]
    return counts.error + counts.missing if counts else 0, frozenset(failures)


def _previous(earlier: Sequence[Run]) -> PreviousRun | None:
    run = next((each for each in earlier if not each.is_retry), None)
    if run is None or run.end_time is None:
        return None
    counts = run.task_counts
    return PreviousRun(
        id=run.id,
        start_time=run.start_time,
        seconds=(run.end_time - run.start_time).total_seconds(),
        complete=bool(run.well),
        found=dict(counts.found) if counts else {},
    )
