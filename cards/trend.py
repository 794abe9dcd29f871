"""Find what is different in a run, for its summary and for `notify_on: change`. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.assets.kinds import by_importance
from bot.models import Run

IGNORED_COUNTS = frozenset({"service"})  # the engine counts service names, the report counts open ports
MIN_DURATION_CHANGE = 0.1  # as a part of the duration before; less is noise
MIN_SECONDS_CHANGED = 10.0


@dataclass(frozen=True, kw_only=True)
class KindChange:
    """Assets of one kind that are new, gone or changed."""

    kind: str
    new: int = 0
    gone: int = 0
    changed: int = 0


def list_changes(run: Run) -> Sequence[KindChange]:
    """Return what changed in the assets of a run, the most important kind first.

    The report compares assets one by one. Without it, the counts of the engine are compared, if both runs are
    complete.
    """
    if run.findings is not None and run.findings.compared:
        found = [
            KindChange(kind=each.kind, new=each.new, gone=each.gone, changed=each.changed)
            for each in run.findings.kinds
        ]
    else:
        found = [
            KindChange(kind=kind, new=max(more, 0), gone=max(-more, 0))
            for kind, more in count_differences(run).items()
        ]
    return [each for each in found if each.new or each.gone or each.changed]


def is_compared(run: Run) -> bool:
    """Return whether it is known what changed, even if that is nothing."""
    return (run.findings is not None and run.findings.compared) or bool(count_differences(run))


def count_differences(run: Run) -> Mapping[str, int]:
    """Return how many more assets of each kind the engine counted than before, the most important first."""
    previous = run.trend.previous if run.trend else None
    if previous is None or run.task_counts is None or not (run.well and previous.complete):
        return {}
    now, before = run.task_counts.found, previous.found
    kinds = sorted((now.keys() | before.keys()) - IGNORED_COUNTS, key=by_importance)
    return {kind: now.get(kind, 0) - before.get(kind, 0) for kind in kinds}


def duration_change(run: Run) -> float | None:
    """Return how much longer a run took than before: 0.38 is 38 % longer.

    None if it took about as long, or if one of the runs is not complete.
    """
    previous = run.trend.previous if run.trend else None
    if previous is None or run.end_time is None or not (run.well and previous.complete):
        return None
    more = (run.end_time - run.start_time).total_seconds() - previous.seconds
    if previous.seconds <= 0 or abs(more) < MIN_SECONDS_CHANGED:
        return None
    part = more / previous.seconds
    return part if abs(part) >= MIN_DURATION_CHANGE else None


def outcome_changed(run: Run) -> bool:
    """Return whether the run before ended well and this one did not, or the other way round."""
    was_well = run.trend.was_well if run.trend else None
    return was_well is not None and run.well is not None and run.well is not was_well


def failed_differently(run: Run) -> bool:
    """Return whether a run failed or succeeded otherwise than the run before: as a whole, or other targets.

    - The first run counts as different.
    - So does a failure after one that nobody heard of, because the schedule was muted.
    - Failures that are tolerated count as success, because nobody heard of them either.
    - A run that was only stopped is no different: somebody stopped it.
    """
    trend = run.trend
    if trend is None or trend.was_well is None:
        return True
    if run.well is None:
        return False
    if trend.was_tolerated:
        return not run.well
    unheard = trend.was_muted and not run.well
    return unheard or trend.failures_changed or outcome_changed(run)
