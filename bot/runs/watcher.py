"""Notices that runs have ended, with a fixed number of queries per tick for any number of open runs."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from bot.models import Clock, JobState, Run, RunStatus
from bot.ports import Engine, Exporter, Store
from bot.runs.lifecycle import Runs, by_engine
from bot.runtime import wait_at_most
from bot.telemetry.loops import loop_item, loop_step
from bot.telemetry.rescues import Rescue, count_rescue

OPEN_STATES = {JobState.TODO, JobState.DOING}
MAX_OTHER_JOBS = 100  # submit jobs of other runs that one query may return besides
MIN_PAUSE_SECONDS = 0.1  # after a tick, however many tasks end
PAUSE_FACTOR = 3.0  # pause after a slow tick, in multiples of its duration
IDLE_INTERVAL_SECONDS = 10.0  # while no run is open, unless this process opens one
SUBMIT_GRACE = timedelta(seconds=5)  # between a stored run and its submit job


class Watcher:
    """Checks all open runs at each tick, and ends those whose tasks have all ended.

    Each tick tells the exporter whether a report of an open run will be exported.
    """

    def __init__(self, store: Store, engine: Engine, runs: Runs, exporter: Exporter, *, clock: Clock) -> None:
        self._store = store
        self._engine = engine
        self._runs = runs
        self._exporter = exporter
        self._clock = clock
        self._wakeup = runs.wakeup
        self._is_idle = False

    def wake(self) -> None:
        """Check at once, because a task has ended."""
        self._wakeup.set()

    async def run(self, interval_seconds: float) -> None:
        """Tick at an interval and at each wake-up until cancelled, and less often while no run is open."""
        now = asyncio.get_running_loop().time
        while True:
            self._wakeup.clear()
            started = now()
            with loop_step("watcher"):
                await self.tick()
            pause = pause_after(now() - started, interval_seconds)
            await asyncio.sleep(pause)
            interval = IDLE_INTERVAL_SECONDS if self._is_idle else interval_seconds
            await wait_at_most(self._wakeup, interval - pause)

    async def tick(self) -> int:
        """Check all open runs once, engine by engine. Returns how many were ended.

        An engine that does not answer leaves its own runs open, and no others.
        """
        open_runs = await self._store.find_runs(status=RunStatus.RUNNING, limit=0)
        self._is_idle = not open_runs
        await self._exporter.prepare(expected=any(run.schedule.export for run in open_runs))
        await self._repair_unsubmitted([run for run in open_runs if not run.task_ids])
        ended = 0
        for submitted in by_engine([run for run in open_runs if run.task_ids]):
            with loop_step("watcher"):
                ended += await self._end_finished(submitted)
        return ended

    async def _end_finished(self, submitted: Sequence[Run]) -> int:
        """End those of the runs on one engine whose tasks have all ended."""
        still_open = await self._engine.open_tasks([id_ for run in submitted for id_ in run.task_ids])
        done = [run for run in submitted if not any(id_ in still_open for id_ in run.task_ids)]
        tasks = await self._engine.tasks([id_ for run in done for id_ in run.task_ids]) if done else {}
        ended = 0
        for run in done:
            with loop_item("watcher"):
                ended += await self._runs.finish(run, tasks)
        return ended

    async def _repair_unsubmitted(self, unsubmitted: Sequence[Run]) -> None:
        """Submit or fail the runs that a crash left without tasks.

        The crash came between a run and its submit job, or between the end of that job and what follows.
        """
        due = [run for run in unsubmitted if self._clock() - run.start_time >= SUBMIT_GRACE]
        if not due:
            return
        jobs = await self._store.find_jobs(kind="submit", states=OPEN_STATES, limit=len(due) + MAX_OTHER_JOBS)
        submitting = {job.run_id for job in jobs}
        for run in due:
            if run.id not in submitting:
                with loop_item("watcher"):
                    await self._repair(run)

    async def _repair(self, run: Run) -> None:
        job = await self._store.find_job(f"submit:{run.id}")
        if job is None:
            count_rescue(Rescue.SUBMIT_REPAIRED)
            await self._runs.enqueue_submit(run.id)
        elif job.state in {JobState.DEAD, JobState.UNCONFIRMED}:
            count_rescue(Rescue.SUBMIT_REPAIRED)
            await self._runs.fail(run.id, job.error)


def pause_after(tick_seconds: float, interval_seconds: float) -> float:
    """Return the pause after a tick before which no ended task causes the next one."""
    return min(max(MIN_PAUSE_SECONDS, tick_seconds * PAUSE_FACTOR), interval_seconds)
