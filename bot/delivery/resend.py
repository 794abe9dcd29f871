"""Find undelivered jobs and resend them."""

from collections.abc import Mapping, Sequence

from bot.delivery.consequences import DELIVERY_KINDS, MAX_JOBS_OF_RUN
from bot.delivery.payload import DeliveryPayload
from bot.errors import UserError
from bot.jobs.queue import Jobs
from bot.models import UNDELIVERED_STATES, Job, JobState, new_job
from bot.ports import Store

MAX_JOBS_SHOWN = 200  # of one run, in its audit trail


class Resender:
    """Reads the deliveries of runs, and resends what was not delivered."""

    def __init__(self, store: Store, jobs: Jobs) -> None:
        self._store = store
        self._jobs = jobs

    async def jobs(self, run_id: str) -> Sequence[Job]:
        """Return the jobs of a run, oldest first."""
        return await self._store.find_jobs(run_id=run_id, limit=MAX_JOBS_SHOWN)

    async def undelivered(self, run_id: str = "", *, limit: int = MAX_JOBS_SHOWN) -> Sequence[Job]:
        """Return the dead and unconfirmed deliveries that no later job replaces."""
        return await self._store.find_undelivered(DELIVERY_KINDS, run_id=run_id, limit=limit)

    async def count_undelivered(self) -> Mapping[JobState, int]:
        """Count the undelivered jobs of all runs by state."""
        return await self._store.count_undelivered(DELIVERY_KINDS)

    async def resend(self, job_id: str, *, by: str, cause: str = "") -> Job:
        """Add a job that repeats a dead or unconfirmed delivery. Idempotent.

        `by` and `cause` are stored with the new job. Raises `UserError` when there is nothing to resend.
        """
        job = await self._store.find_job(job_id)
        if job is None or job.kind not in DELIVERY_KINDS or job.state not in UNDELIVERED_STATES:
            raise UserError("nothing_to_resend")
        payload = DeliveryPayload.of(job).for_resend(job.id, by, cause).as_json()
        key = _next_id(job).removeprefix(f"{job.kind}:")
        resend = new_job(job.kind, key, self._jobs.clock(), run_id=job.run_id, payload=payload)
        await self._jobs.add(resend)
        await self._store.mark_replaced(job.id, resend.id)
        return resend

    async def resend_all(self, run_id: str, *, by: str, cause: str = "") -> Sequence[Job]:
        """Resend every undelivered job of a run."""
        return [await self.resend(job.id, by=by, cause=cause) for job in await self.undelivered(run_id)]

    async def sent_for(self, run_id: str, cause: str) -> Sequence[Job]:
        """Return the jobs that this cause has already resent."""
        jobs = await self._store.find_jobs(run_id=run_id, limit=MAX_JOBS_OF_RUN)
        resent = [job for job in jobs if job.kind in DELIVERY_KINDS]
        return [job for job in resent if DeliveryPayload.of(job).is_resend_for(cause)]


def _next_id(job: Job) -> str:
    """Return the id of the next resend: `file:<run>:<destination>~2`, then `~3`."""
    base, mark, number = job.id.rpartition("~")
    return f"{base}~{int(number) + 1}" if mark and number.isdecimal() else f"{job.id}~2"
