"""Charts of past runs."""

from datetime import timedelta

import pytest

from bot.models import Run, RunStatus, TaskCounts
from bot.web.pages.charts import HEIGHT, MIN_BAR_HEIGHT, WIDTH, duration_chart, outcome
from tests.factories import NOW, make_run


def run(seconds: float | None, **changes: object) -> Run:
    end = None if seconds is None else NOW + timedelta(seconds=seconds)
    return make_run(start_time=NOW, end_time=end, **changes)


def test_the_longest_run_is_the_highest_bar_and_the_oldest_the_first() -> None:
    chart = duration_chart([run(60), run(None), run(120), run(0)])
    assert chart is not None
    assert [bar.height for bar in chart.bars] == [MIN_BAR_HEIGHT, HEIGHT, HEIGHT / 2]
    assert [bar.y + bar.height for bar in chart.bars] == [HEIGHT] * 3
    assert chart.longest == 120


def test_any_number_of_runs_fits() -> None:
    chart = duration_chart([run(n) for n in range(500)])
    assert chart is not None
    assert max(bar.x + bar.width for bar in chart.bars) <= WIDTH


@pytest.mark.parametrize("runs", [[], [run(1)], [run(1), run(None)]])
def test_one_run_compares_nothing(runs: list[Run]) -> None:
    assert duration_chart(runs) is None


@pytest.mark.parametrize(
    ("status", "counts", "word"),
    [
        (RunStatus.RUNNING, None, "running"),
        (RunStatus.ERROR, TaskCounts(total=0), "failed"),
        (RunStatus.FINISHED, TaskCounts(total=2, done=2), "ok"),
        (RunStatus.FINISHED, TaskCounts(total=2, done=1, error=1), "part"),
        (RunStatus.FINISHED, TaskCounts(total=2, error=1, missing=1), "failed"),
        (RunStatus.FINISHED, TaskCounts(total=2, done=1, stop=1), "stopped"),
        (RunStatus.FINISHED, TaskCounts(total=2, stop=2), "stopped"),
        (RunStatus.FINISHED, TaskCounts(total=2, error=1, stop=1), "failed"),
    ],
)
def test_a_run_has_one_outcome(status: RunStatus, counts: TaskCounts | None, word: str) -> None:
    assert outcome(run(1, status=status, task_counts=counts)) == word
