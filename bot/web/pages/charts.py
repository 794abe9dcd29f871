"""Compute the charts of past runs. The templates draw them as SVG. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.models import Run, RunStatus

WIDTH, HEIGHT = 640, 120  # of a chart, in units of its own
MAX_BAR_WIDTH = 28
MIN_BAR_HEIGHT = 4
GAP = 0.25  # of the width of a bar


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One run on a chart."""

    run: Run
    outcome: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Chart:
    """The durations of past runs, oldest first."""

    bars: Sequence[Bar]
    longest: float  # seconds
    width: int = WIDTH
    height: int = HEIGHT


def outcome(run: Run) -> str:
    """Return how a run stands in one word: running, ok, part, failed or stopped."""
    counts = run.task_counts
    if run.status is RunStatus.RUNNING or counts is None:
        return "running"
    if run.status is RunStatus.ERROR or (counts.total and not counts.done and counts.failed > counts.stop):
        return "failed"
    if counts.error or counts.missing:
        return "part"
    return "stopped" if counts.stop else "ok"


def duration_chart(runs: Sequence[Run]) -> Chart | None:
    """Return a chart of ended runs, given newest first. None if there are too few to compare."""
    ended = [run for run in reversed(runs) if run.end_time is not None]
    if len(ended) < 2:  # noqa: PLR2004 - one bar compares nothing
        return None
    longest = max(map(_seconds, ended)) or 1.0
    step = min(WIDTH / len(ended), MAX_BAR_WIDTH / (1 - GAP))
    return Chart(
        longest=longest,
        bars=[_bar(run, place * step, step * (1 - GAP), longest) for place, run in enumerate(ended)],
    )


def _bar(run: Run, x: float, width: float, longest: float) -> Bar:
    height = max(_seconds(run) / longest * HEIGHT, MIN_BAR_HEIGHT)
    return Bar(
        run=run,
        outcome=outcome(run),
        x=round(x, 1),
        y=round(HEIGHT - height, 1),
        width=round(width, 1),
        height=round(height, 1),
    )


def _seconds(run: Run) -> float:
    return (run.end_time - run.start_time).total_seconds() if run.end_time else 0.0
