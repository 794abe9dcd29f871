"""Find runs in the store, and the run that a retry repeats."""

import re
from collections.abc import Sequence

from bot.audit.request import note_run
from bot.delivery.recipients import all_recipients
from bot.models import RETRY, Destination, Run, RunStatus, deterministic_id
from bot.ports import Store

RECENT_RUNS_LIMIT = 100  # runs that are searched for one that the store has no index for
MIN_ID_PREFIX = 4  # characters of an id that people may give for the whole


def retry_key(run_id: str, request_id: str) -> str:
    """Build the idempotency key of a run that repeats the failed tasks of another."""
    return f"{RETRY}{run_id}:{request_id}"


def retried_run_id(idempotency_key: str) -> str:
    """Return the id of the run whose failed tasks are repeated, or ""."""
    return idempotency_key.removeprefix(RETRY).partition(":")[0] if idempotency_key.startswith(RETRY) else ""


def is_retry_for(run: Run, request_id: str) -> bool:
    """Return whether a request has triggered a run as a retry."""
    return run.idempotency_key == retry_key(retried_run_id(run.idempotency_key), request_id)


class RunHistory:
    """Finds runs in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, run_id: str) -> Run | None:
        """Find a run by its id."""
        return await self._store.find_run(run_id)

    async def find_by_prefix(self, prefix: str) -> Sequence[Run]:
        """Find the recent runs whose id has a prefix of at least `MIN_ID_PREFIX` characters, newest first."""
        if not re.fullmatch(rf"r[a-z2-7]{{{MIN_ID_PREFIX - 1},}}", prefix):
            return ()
        return [run for run in await self.recent(limit=RECENT_RUNS_LIMIT) if run.id.startswith(prefix)]

    async def find_triggered(self, request_id: str) -> Run | None:
        """Find the run that a request has triggered already, itself or as a retry."""
        run = await self._store.find_run(deterministic_id("r", request_id))
        if run is None:
            recent = await self.recent(limit=RECENT_RUNS_LIMIT)
            run = next((each for each in recent if is_retry_for(each, request_id)), None)
        return note_run(run) if run else None

    async def recent(self, schedule_id: str = "", *, running: bool = False, limit: int = 10) -> Sequence[Run]:
        """Return the newest runs of one schedule or of all, newest first."""
        status = RunStatus.RUNNING if running else None
        return await self._store.find_runs(status=status, schedule_id=schedule_id, limit=limit)

    async def find_last(self, schedule_id: str) -> Run | None:
        """Find the newest run of a schedule."""
        runs = await self.recent(schedule_id, limit=1)
        return runs[0] if runs else None

    async def last_notified(self, destination: Destination) -> Run | None:
        """Find the newest run whose summary this destination has received or will receive."""
        for run in await self.recent(limit=RECENT_RUNS_LIMIT):
            if run.schedule.notify_enable and destination in all_recipients(run):
                return run
        return None

    async def find_running(self, schedule_id: str) -> Run | None:
        """Find the newest run of a schedule that has not ended."""
        runs = await self._store.find_runs(status=RunStatus.RUNNING, schedule_id=schedule_id, limit=1)
        return runs[0] if runs else None
