"""Load the input of a report: the runs that it may be compared with, and the recent runs."""

from bot.models import Run, RunStatus
from bot.ports import ReportInput, Store
from bot.workbook.baseline import is_complete

COMPARISON_LIMIT = 50  # runs of the first query; all runs are read when they do not reach far enough back
HISTORY_LIMIT = 12  # runs on the chart
MAX_EARLIER_RUNS = 100  # that the run may be compared with


async def load_report_input(store: Store, run: Run) -> ReportInput:
    """Load the ended runs of the same schedule that started before this run."""
    report_input = ReportInput(run=run)
    for limit in (COMPARISON_LIMIT, 0):
        runs = await store.find_runs(schedule_id=run.schedule_id, limit=limit)
        before = [each for each in runs if each.end_time and each.start_time < run.start_time]
        earlier = tuple(each for each in before if _has_results(each))[:MAX_EARLIER_RUNS]
        history = (*reversed(before[: HISTORY_LIMIT - 1]), run)
        report_input = ReportInput(run=run, earlier=earlier, history=history)
        is_enough = any(map(is_complete, earlier)) and len(history) == HISTORY_LIMIT
        if is_enough or len(runs) < COMPARISON_LIMIT:
            break
    return report_input


def _has_results(run: Run) -> bool:
    return run.status is RunStatus.FINISHED and bool(run.task_ids) and not run.assets_deleted
