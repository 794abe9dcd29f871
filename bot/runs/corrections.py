"""Corrects the outcome of an ended run, whose end was only presumed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.delivery.consequences import shown_cards, update_job
from bot.jobs.queue import Jobs
from bot.models import JobState, Run, Task
from bot.ports import Store
from bot.runs.outcome import count_tasks, list_failures
from bot.runs.trend import compare_with_earlier

CAUSE = "corrected"  # of the updates; each card is updated once


async def correct_outcome(
    store: Store, jobs: Jobs, run: Run, tasks: Mapping[str, Task], earlier: Sequence[Run]
) -> None:
    """Store the outcome that these tasks tell, and show it on the cards of the run. Repeatable.

    The tasks and the end of `run` are already the real ones. `earlier` are the newest runs of its schedule.
    """
    counts = count_tasks(run.task_ids, tasks)
    run = replace(run, task_counts=counts, failures=list_failures(run.task_ids, tasks))
    names = ("task_ids", "task_counts", "failures", "end_time")
    changes = {name: getattr(run, name) for name in names}
    await store.update_run(run.id, changes | {"trend": compare_with_earlier(run, earlier)})
    for card in shown_cards(await store.find_jobs(run_id=run.id, kind="card", states={JobState.DONE})):
        await jobs.add(update_job(card, CAUSE, jobs.clock()))
