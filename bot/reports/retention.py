"""Delete old runs with all that belongs to them, a limited number at once.

- The newest runs of a schedule are kept, however old they are: later runs are compared with them.
- Ids of runs and jobs are idempotency keys. A run whose time has passed is not triggered again: the scheduler
  stores the last time of each schedule, and discovery and DingTalk's redelivery go back a day at most.
"""

import json
import logging
from collections.abc import Collection, Mapping, Sequence
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
LOOK_INTERVAL = timedelta(days=1)  # between two looks at the old runs whose assets are kept
EPOCH = datetime.fromtimestamp(0, UTC)
KEPT = "assets:kept"  # key of the old runs whose assets are kept, with their schedules
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
        self._next_look = EPOCH  # at the runs whose assets are kept

    async def sweep(self) -> int:
        """Delete what is too old, a limited number at once. Idempotent. Returns the number of runs."""
        now = self._clock()
        before = now - self._policy.runs
        await self._delete_assets(now - self._policy.assets, now)
        await self._records.retention.purge_jobs(before, limit=MAX_PURGED)
        await self._records.retention.purge_lapses(before, limit=MAX_PURGED)
        return await self._delete_runs(before, now)

    async def _delete_assets(self, before: datetime, now: datetime) -> None:
        """Delete the assets of the next runs after the watermark, and remember those that are kept.

        Once a day, it deletes those of kept runs that are no longer among the newest of their schedules.
        """
        store, is_due = self._records.runs, now >= self._next_look
        stored = await store.find_value(WATERMARK)
        since = datetime.fromisoformat(stored) if stored else EPOCH
        found = await self._records.retention.find_old_runs(since, before, limit=BATCH_SIZE)
        if not found and not is_due:
            return
        kept: dict[str, str] = json.loads(await store.find_value(KEPT) or "{}")
        kept |= {run.id: run.schedule_id for run in found}
        newest = await self._newest(set(kept.values()) if is_due else {run.schedule_id for run in found})
        for run_id in [id_ for id_, schedule_id in kept.items() if id_ not in newest.get(schedule_id, {id_})]:
            run = await store.update_run(run_id, {"assets_deleted": True})
            if run:
                await self._delete_assets_of(run)
            del kept[run_id]
        await store.set_value(KEPT, json.dumps(kept))
        if found:
            await store.set_value(WATERMARK, found[-1].start_time.isoformat())
        self._next_look = now + LOOK_INTERVAL if is_due else self._next_look

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
        newest = await self._newest({run.schedule_id for run in runs})
        return [run for run in runs if run.id not in newest[run.schedule_id]]

    async def _newest(self, schedule_ids: Collection[str]) -> Mapping[str, Collection[str]]:
        """Return the ids of the newest runs of schedules."""
        find = self._records.runs.find_runs
        return {
            id_: {run.id for run in await find(schedule_id=id_, limit=MIN_RUNS_KEPT)} for id_ in schedule_ids
        }
