"""What the report of a run tells of: the run before it, and the last ones."""

from bot.models import Run, RunStatus
from bot.ports import Store, Story

LOOKED_AT = 50  # runs; all of them when these do not reach far enough back
HISTORY = 12  # runs on the chart


async def story_of(store: Store, run: Run) -> Story:
    """The run among those of its schedule that began before it and have ended."""
    story = Story(run=run)
    for limit in (LOOKED_AT, 0):
        runs = await store.find_runs(schedule_id=run.schedule_id, limit=limit)
        earlier = [each for each in runs if each.end_time and each.start_time < run.start_time]
        finished = (each for each in earlier if each.status is RunStatus.FINISHED and each.task_ids)
        history = (*reversed(earlier[: HISTORY - 1]), run)
        story = Story(run=run, previous=next(finished, None), history=history)
        if len(runs) < LOOKED_AT or (story.previous and len(history) == HISTORY):
            break
    return story
