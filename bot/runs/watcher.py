"""Sees runs end: a few questions per tick for all open runs together, however many they are."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from bot.models import Clock, JobState, Run, RunStatus
from bot.ports import Engine, Store
from bot.runs.lifecycle import Runs
from bot.telemetry.loops import loop_item, loop_step

OPEN = {JobState.TODO, JobState.DOING}
SPARE = 100  # jobs; of runs that are not looked at
GRACE = timedelta(seconds=5)  # how long a run may be stored before its submit job must be there


class Watcher:
    """Looks at every open run at each tick, and ends those whose tasks have all ended."""

    def __init__(self, store: Store, engine: Engine, runs: Runs, *, clock: Clock) -> None:
        self._store = store
        self._engine = engine
        self._runs = runs
        self._clock = clock

    async def run(self, every: float) -> None:
        """Tick every so many seconds until cancelled."""
        while True:
            with loop_step("watcher"):
                await self.tick()
            await asyncio.sleep(every)

    async def tick(self) -> int:
        """Look once; the number of runs that were ended."""
        open_runs = await self._store.find_runs(status=RunStatus.RUNNING, limit=0)
        await self._repair_unsubmitted([run for run in open_runs if not run.task_ids])
        submitted = [run for run in open_runs if run.task_ids]
        if not submitted:
            return 0
        still_open = await self._engine.open_tasks([id_ for run in submitted for id_ in run.task_ids])
        over = [run for run in submitted if not any(id_ in still_open for id_ in run.task_ids)]
        tasks = await self._engine.tasks([id_ for run in over for id_ in run.task_ids]) if over else {}
        ended = 0
        for run in over:
            with loop_item("watcher"):
                ended += await self._runs.finish(run, tasks)
        return ended

    async def _repair_unsubmitted(self, unsubmitted: Sequence[Run]) -> None:
        """A process may have died between a run and its submit job, or between that job's end and what it
        means."""
        due = [run for run in unsubmitted if self._clock() - run.start_time >= GRACE]
        if not due:
            return
        waiting = await self._store.find_jobs(kind="submit", states=OPEN, limit=len(due) + SPARE)
        submitting = {job.run_id for job in waiting}
        for run in due:
            if run.id not in submitting:
                with loop_item("watcher"):
                    await self._mend_one(run)

    async def _mend_one(self, run: Run) -> None:
        job = await self._store.find_job(f"submit:{run.id}")
        if job is None:
            await self._runs.enqueue_submit(run.id)
        elif job.state in {JobState.DEAD, JobState.UNCONFIRMED}:
            await self._runs.fail(run.id, job.error)
