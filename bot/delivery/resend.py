"""What became of deliveries: their chain as proof, and another attempt where one did not arrive for sure."""

from collections.abc import Mapping, Sequence

from bot.delivery.consequences import DELIVERY_KINDS, MAX_JOBS_OF_RUN
from bot.delivery.payload import DeliveryPayload
from bot.errors import UserError
from bot.jobs.queue import Jobs
from bot.models import UNDELIVERED_STATES, Job, JobState, new_job
from bot.ports import Store

CHAIN = 200  # jobs of one run that a proof tells


class Resender:
    """Looks at the deliveries of runs, and asks for them once more."""

    def __init__(self, store: Store, jobs: Jobs) -> None:
        self._store = store
        self._jobs = jobs

    async def jobs(self, run_id: str) -> Sequence[Job]:
        """Every job of a run in the order of intention: what was meant, tried, answered."""
        return await self._store.find_jobs(run_id=run_id, limit=CHAIN)

    async def undelivered(self, run_id: str = "", *, limit: int = CHAIN) -> Sequence[Job]:
        """Deliveries that were given up or are unconfirmed, and that nobody has sent again with success."""
        return await self._store.find_undelivered(DELIVERY_KINDS, run_id=run_id, limit=limit)

    async def count_undelivered(self) -> Mapping[JobState, int]:
        """Count all of these, however many, by state."""
        return await self._store.count_undelivered(DELIVERY_KINDS)

    async def resend(self, job_id: str, *, by: str, cause: str = "") -> Job:
        """Send once more what was given up or is unconfirmed; `by` and `cause` are kept with the new job.

        A delivery is sent again once per attempt: asking twice is asking once. Raises `UserError`.
        """
        job = await self._store.find_job(job_id)
        if job is None or job.kind not in DELIVERY_KINDS or job.state not in UNDELIVERED_STATES:
            raise UserError("nothing_to_resend")
        payload = DeliveryPayload.of(job).for_resend(job.id, by, cause).as_json()
        key = _next_id(job).removeprefix(f"{job.kind}:")
        again = new_job(job.kind, key, self._jobs.clock(), run_id=job.run_id, payload=payload)
        await self._jobs.add(again)
        await self._store.mark_replaced(job.id, again.id)
        return again

    async def resend_all(self, run_id: str, *, by: str, cause: str = "") -> Sequence[Job]:
        """Send once more everything of a run that is troubled."""
        return [await self.resend(job.id, by=by, cause=cause) for job in await self.undelivered(run_id)]

    async def sent_for(self, run_id: str, cause: str) -> Sequence[Job]:
        """What this cause has sent once more already."""
        jobs = await self._store.find_jobs(run_id=run_id, limit=MAX_JOBS_OF_RUN)
        resent = [job for job in jobs if job.kind in DELIVERY_KINDS]
        return [job for job in resent if DeliveryPayload.of(job).is_resend_for(cause)]


def _next_id(job: Job) -> str:
    """`file:<run>:<destination>~2`, then `~3`."""
    base, mark, number = job.id.rpartition("~")
    return f"{base}~{int(number) + 1}" if mark and number.isdecimal() else f"{job.id}~2"
