"""What became of deliveries: their chain as proof, and another attempt where one did not arrive for sure."""

from collections.abc import Sequence

from bot.errors import UserError
from bot.jobs import Jobs
from bot.models import Destination, Job, JobState
from bot.plan import job_id
from bot.ports import Store

KINDS = frozenset({"card", "note", "file", "update"})
TROUBLED = frozenset({JobState.DEAD, JobState.UNCONFIRMED})
CHOICES = ("way", "digest", "via", "bare", "words")  # how an attempt went: the next one chooses anew
MANY = 1_000  # jobs of one run that are looked at
CHAIN = 200  # jobs of one run that a proof tells


class Deliveries:
    """Looks at the deliveries of runs, and asks for them once more."""

    def __init__(self, store: Store, jobs: Jobs) -> None:
        self._store = store
        self._jobs = jobs

    async def chain(self, run_id: str) -> Sequence[Job]:
        """Every job of a run in the order of intention: what was meant, tried, answered."""
        return await self._store.find_jobs(run_id=run_id, limit=CHAIN)

    async def troubled(self, run_id: str = "", *, limit: int = CHAIN) -> Sequence[Job]:
        """Deliveries that were given up or are unconfirmed, and that nobody has sent again with success."""
        jobs = await self._store.find_jobs(run_id=run_id, states=TROUBLED, limit=limit)
        found = [job for job in jobs if job.kind in KINDS]
        return [job for job in found if await self._successor(job) is None]

    async def resend(self, job_id: str, *, by: str, cause: str = "") -> Job:
        """Send once more what was given up or is unconfirmed; `by` and `cause` are kept with the new job.

        A delivery is sent again once per attempt: asking twice is asking once. Raises `UserError`.
        """
        job = await self._store.find_job(job_id)
        if job is None or job.kind not in KINDS or job.state not in TROUBLED:
            raise UserError("nothing_to_resend")
        now = self._jobs.clock()
        again = Job(
            id=_next_id(job),
            kind=job.kind,
            run_id=job.run_id,
            payload={
                **{key: value for key, value in job.payload.items() if key not in CHOICES},
                "again": job.id,
                "by": by,
                "cause": cause,
            },
            created_at=now,
            due_at=now,
        )
        await self._jobs.add(again)
        return again

    async def resend_all(self, run_id: str, *, by: str, cause: str = "") -> Sequence[Job]:
        """Send once more everything of a run that is troubled."""
        return [await self.resend(job.id, by=by, cause=cause) for job in await self.troubled(run_id)]

    async def sent_for(self, run_id: str, cause: str) -> Sequence[Job]:
        """What this cause has sent once more already."""
        jobs = await self._store.find_jobs(run_id=run_id, limit=MANY)
        return [job for job in jobs if "again" in job.payload and job.payload.get("cause") == cause]

    async def _successor(self, job: Job) -> Job | None:
        """What came after this one: the attempt that somebody asked for, or the message instead of a card."""
        again = await self._store.find_job(_next_id(job))
        if again or job.kind != "card":
            return again
        place = Destination.parse(str(job.payload["destination"]))
        return await self._store.find_job(job_id("note", job.run_id, place))


def _next_id(job: Job) -> str:
    """`file:<run>:<destination>~2`, then `~3`."""
    base, mark, number = job.id.rpartition("~")
    return f"{base}~{int(number) + 1}" if mark and number.isdecimal() else f"{job.id}~2"
