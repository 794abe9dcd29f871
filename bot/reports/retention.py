"""Delete old runs with all that belongs to them, a limited number at once.

- The newest runs of a schedule are kept, however old they are: later runs are compared with them.
- Ids of runs and jobs are idempotency keys. A run whose time has passed is not triggered again: the scheduler
  stores the last time of each schedule, and discovery and DingTalk's redelivery go back a day at most.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.external.repository import ExternalRuns, document_ids, uploads_key
from bot.models import Clock, Run
from bot.ports import RetentionStore, Store, TaskStore

log = logging.getLogger(__name__)

MIN_RUNS_KEPT = 10  # newest ones of each schedule
BATCH_SIZE = 50  # runs per sweep
MAX_PURGED = 500  # other records per sweep and kind
PASS_INTERVAL = timedelta(hours=1)  # between two looks at all old runs
EPOCH = datetime.fromtimestamp(0, UTC)
WATERMARK = "assets:deleted"  # key of the start up to which the assets of runs are deleted


@dataclass(frozen=True, kw_only=True)
class RetentionPolicy:
    """Ages, from the start of a run, at which something is deleted."""

    runs: timedelta = timedelta(days=180)
    assets: timedelta = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class RunRecords:
    """The stores of runs and of what belongs to them."""

    runs: Store
    retention: RetentionStore
    tasks: TaskStore
    external: ExternalRuns


class RunRetention:
    """Deletes the assets of old runs, and later the runs."""

    def __init__(self, records: RunRecords, *, clock: Clock, policy: RetentionPolicy) -> None:
        self._records = records
        self._clock = clock
        self._policy = policy
        self._position = EPOCH  # start of the last run of this pass
        self._next_pass = EPOCH

    async def sweep(self) -> int:
        """Delete what is too old, a limited number at once. Idempotent. Returns the number of runs."""
        now = self._clock()
        before = now - self._policy.runs
        await self._delete_assets(now - self._policy.assets)
        await self._records.retention.purge_jobs(before, limit=MAX_PURGED)
        await self._records.retention.purge_lapses(before, limit=MAX_PURGED)
        return await self._delete_runs(before, now)

    async def _delete_assets(self, before: datetime) -> None:
        """Delete the assets of the next runs after the watermark."""
        store = self._records.runs
        stored = await store.find_value(WATERMARK)
        since = datetime.fromisoformat(stored) if stored else EPOCH
        found = await self._records.retention.find_old_runs(since, before, limit=BATCH_SIZE)
        for run in await self._with_assets(found, before):
            await store.update_run(run.id, {"assets_deleted": True})
            await self._delete_assets_of(run)
        if found:
            await store.set_value(WATERMARK, found[-1].start_time.isoformat())

    async def _with_assets(self, found: Sequence[Run], before: datetime) -> Sequence[Run]:
        """Return the runs whose assets are deleted now: also those that were among the newest before."""
        old = {run.id: run for run in await self._without_newest(found)}
        for schedule_id in {run.schedule_id for run in found}:
            recent = await self._records.runs.find_runs(schedule_id=schedule_id, limit=2 * MIN_RUNS_KEPT)
            old |= {run.id: run for run in recent[MIN_RUNS_KEPT:] if run.start_time < before and run.end_time}
        return [run for run in old.values() if not run.assets_deleted]

    async def _delete_assets_of(self, run: Run) -> None:
        external = await self._records.external.find(run.id)
        uploads = [upload.place for upload in external.assets] if external else []
        tasks = await self._records.tasks.find_tasks(run_id=run.id)
        for place in (*uploads, *(task.id for task in tasks)):
            await self._records.tasks.delete_assets(place)

    async def _delete_runs(self, before: datetime, now: datetime) -> int:
        """Delete the next runs of this pass. After the last one, the next pass begins an hour later."""
        if now < self._next_pass:
            return 0
        retention = self._records.retention
        found = await retention.find_old_runs(self._position, before, limit=BATCH_SIZE)
        old = await self._without_newest(found)
        for run in old:
            await self._delete_assets_of(run)
        if old:
            await self._delete_external([run.id for run in old])
            await retention.delete_runs([run.id for run in old])
            log.info("%d runs from before %s deleted", len(old), before.date())
        self._position = found[-1].start_time if found else EPOCH
        if len(found) < BATCH_SIZE:
            self._position, self._next_pass = EPOCH, now + PASS_INTERVAL
        return len(old)

    async def _delete_external(self, run_ids: Sequence[str]) -> None:
        """Delete what other systems have reported of runs, and the keys that lead to it."""
        external = await self._records.external.find_all(run_ids)
        for collection, ids in document_ids(external).items():
            await self._records.retention.delete_documents(collection, ids)
        await self._records.retention.delete_values([uploads_key(run_id) for run_id in run_ids])

    async def _without_newest(self, runs: Sequence[Run]) -> Sequence[Run]:
        """Leave out the newest runs of each schedule."""
        by_schedule: dict[str, list[Run]] = defaultdict(list)
        for run in runs:
            by_schedule[run.schedule_id].append(run)
        kept: set[str] = set()
        for schedule_id in by_schedule:
            newest = await self._records.runs.find_runs(schedule_id=schedule_id, limit=MIN_RUNS_KEPT)
            kept |= {run.id for run in newest}
        return [run for run in runs if run.id not in kept]
