"""What the report of a run tells of: the runs that it may be compared with, and the last runs."""

from bot.models import Run, RunStatus
from bot.ports import ReportInput, Store
from bot.workbook.baseline import is_complete

COMPARISON_LIMIT = 50  # runs; all of them when these do not reach far enough back
HISTORY_LIMIT = 12  # runs on the chart
MAX_EARLIER_RUNS = 100  # runs that are compared with


async def load_report_input(store: Store, run: Run) -> ReportInput:
    """The run among those of its schedule that began before it and have ended."""
    story = ReportInput(run=run)
    for limit in (COMPARISON_LIMIT, 0):
        runs = await store.find_runs(schedule_id=run.schedule_id, limit=limit)
        before = [each for each in runs if each.end_time and each.start_time < run.start_time]
        earlier = tuple(each for each in before if _has_tasks(each))[:MAX_EARLIER_RUNS]
        story = ReportInput(run=run, earlier=earlier, history=(*reversed(before[: HISTORY_LIMIT - 1]), run))
        if len(runs) < COMPARISON_LIMIT or (
            any(map(is_complete, earlier)) and len(story.history) == HISTORY_LIMIT
        ):
            break
    return story


def _has_tasks(run: Run) -> bool:
    return run.status is RunStatus.FINISHED and bool(run.task_ids)
