"""What the report of a run tells of: the runs that it may be compared with, and the last runs."""

from bot.models import Run, RunStatus
from bot.ports import Store, Story
from bot.workbook.baseline import is_whole

LOOKED_AT = 50  # runs; all of them when these do not reach far enough back
HISTORY = 12  # runs on the chart
MAX_EARLIER = 100  # runs that are compared with


async def story_of(store: Store, run: Run) -> Story:
    """The run among those of its schedule that began before it and have ended."""
    story = Story(run=run)
    for limit in (LOOKED_AT, 0):
        runs = await store.find_runs(schedule_id=run.schedule_id, limit=limit)
        before = [each for each in runs if each.end_time and each.start_time < run.start_time]
        earlier = tuple(each for each in before if _has_tasks(each))[:MAX_EARLIER]
        story = Story(run=run, earlier=earlier, history=(*reversed(before[: HISTORY - 1]), run))
        if len(runs) < LOOKED_AT or (any(map(is_whole, earlier)) and len(story.history) == HISTORY):
            break
    return story


def _has_tasks(run: Run) -> bool:
    return run.status is RunStatus.FINISHED and bool(run.task_ids)
