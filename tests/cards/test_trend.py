"""What is different in a run."""

from datetime import timedelta
from typing import Any

import pytest

from bot.models import Findings, KindSummary, PreviousRun, Run, RunStatus, Trend
from cards.trend import KindChange, duration_change, failed_differently, list_changes
from tests.factories import NOW, make_counts, make_run

FAILED = make_counts(error=1)
FINDINGS = Findings(
    rows=9,
    compared=True,
    kinds=(
        KindSummary(kind="vuln", total=1),
        KindSummary(kind="site", total=5, new=3, changed=1),
        KindSummary(kind="ip", total=2, gone=4),
    ),
)


def run_after(seconds: float = 100, complete: bool = True, was_well: bool = True, **changes: Any) -> Run:
    """Return a run of 100 s with 5 sites, after one with 3 sites and a domain."""
    found = {"site": 3, "domain": 1, "service": 9}
    previous = PreviousRun(id="r1", start_time=NOW, seconds=seconds, complete=complete, found=found)
    defaults: dict[str, Any] = {
        "status": RunStatus.FINISHED,
        "task_counts": make_counts(site=5),
        "end_time": NOW + timedelta(seconds=100),
        "trend": Trend(was_well=was_well, previous=previous),
    }
    return make_run(**(defaults | changes))


def test_the_report_says_what_changed() -> None:
    changes = list_changes(run_after(findings=FINDINGS))
    assert changes == [KindChange(kind="site", new=3, changed=1), KindChange(kind="ip", gone=4)]


def test_without_a_report_the_counts_of_the_engine_are_compared() -> None:
    assert list_changes(run_after()) == [KindChange(kind="site", new=2), KindChange(kind="domain", gone=1)]


@pytest.mark.parametrize(
    "run",
    [run_after(complete=False), run_after(task_counts=FAILED), make_run(), run_after(trend=None)],
)
def test_counts_of_incomplete_runs_are_not_compared(run: Run) -> None:
    assert list_changes(run) == []
    assert duration_change(run) is None


@pytest.mark.parametrize(
    ("before", "change"), [(100, None), (95, None), (92, None), (80, 0.25), (200, -0.5), (0, None)]
)
def test_a_duration_changes_by_a_tenth_and_ten_seconds_at_least(before: float, change: float | None) -> None:
    assert duration_change(run_after(seconds=before)) == change


@pytest.mark.parametrize(
    ("run", "differently"),
    [
        (run_after(), False),
        (run_after(was_well=False), True),
        (run_after(task_counts=FAILED), True),
        (run_after(task_counts=make_counts(stop=1), was_well=False), False),
        (run_after(trend=Trend()), True),
        (run_after(trend=None), True),
        (run_after(trend=Trend(was_well=False, failures_changed=True), task_counts=FAILED), True),
        (run_after(trend=Trend(was_well=False), task_counts=FAILED), False),
        (run_after(trend=Trend(was_well=False, was_muted=True), task_counts=FAILED), True),
        (run_after(trend=Trend(was_well=True, was_muted=True)), False),
        (run_after(trend=Trend(was_well=False, was_tolerated=True), task_counts=FAILED), True),
        (run_after(trend=Trend(was_well=False, was_tolerated=True)), False),
    ],
)
def test_a_run_failed_differently(run: Run, differently: bool) -> None:
    assert failed_differently(run) is differently
