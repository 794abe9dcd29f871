"""The durable job queue.

A job is stored before it runs, and its outcome after. If a process dies in between, the job is claimed again
when its lease expires. Jobs run in pools, so that slow exports do not delay replies.
"""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.errors import DingRunError, TemporaryError
from bot.jobs.outcomes import (
    UNKNOWN_SENDING,
    Outcome,
    counted_loss,
    log_outcome,
    outcome_of_bug,
    outcome_of_failure,
    outcome_of_success,
    released,
    was_abandoned,
)
from bot.jobs.pool import Pool, WorkerPool
from bot.models import Clock, Job, JobState
from bot.ports import Capabilities, Sending, Store, TextRepeat, unmarked
from bot.quota.budget import CHINA
from bot.telemetry.logging import log_context
from bot.telemetry.loops import loop_step, report_error
from bot.telemetry.rescues import Rescue, count_rescue

log = logging.getLogger(__name__)

NO_SKEW = timedelta()
WORDS_SENT = "words_sent"  # in a payload: the day of a request that may have arrived

Result = Mapping[str, object]


class Postpone(Exception):
    """The job waits for something else, until `due` at the latest. Not a failure."""

    def __init__(self, due: datetime) -> None:
        super().__init__(f"waits until {due:%H:%M:%S}")
        self.due = due


class Claim:
    """A job that this process has claimed."""

    def __init__(self, store: Store, job: Job, clock: Clock, lease: timedelta) -> None:
        self.job = job
        self.error: Exception | None = None  # that this attempt failed with
        self._store = store
        self._clock = clock
        self._lease = lease
        self._writing = asyncio.Lock()

    async def mark_sending(self) -> None:
        """Store that a request which must not be repeated is about to be sent. Call it right before.

        Raises `TemporaryError`, never `uncertain`: without a stored marker nothing is sent.
        """
        try:
            saved = await self.save(send_attempted=True)
        except TemporaryError as error:
            self.job = replace(self.job, send_attempted=False)
            raise TemporaryError(str(error), retry_after=error.retry_after) from error
        if not saved:
            raise TemporaryError("the claim was lost before the request was sent")

    def sending_text(self, capabilities: Capabilities) -> Sending:
        """Return the marker for a message, or nothing where repeating a message is harmless."""
        if capabilities.text_repeat is TextRepeat.BY_WORDS:
            return self.sending_words
        return self.sending if capabilities.text_repeat is TextRepeat.UNSAFE else unmarked

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Set the marker around the one request that must not be repeated.

        A definite rejection removes the marker, so that a retry is possible.
        """
        await self.mark_sending()
        try:
            yield
        except DingRunError as error:
            if not (isinstance(error, TemporaryError) and error.uncertain):
                with suppress(TemporaryError):  # the outcome of the attempt removes it as well
                    await self.save(send_attempted=False)
            raise

    @asynccontextmanager
    async def sending_words(self) -> AsyncIterator[None]:
        """Store the day around a request that is ignored if it is repeated on the same day.

        Raises `TemporaryError`, after which the job is unconfirmed, if a request of another day may have
        arrived.
        """
        today, before = f"{self._clock().astimezone(CHINA):%Y-%m-%d}", self.job.payload.get(WORDS_SENT)
        if before not in {None, today}:
            await self.mark_sending()
            raise TemporaryError(f"may have arrived on {before}", uncertain=True)
        await self.update_payload({WORDS_SENT: today})
        try:
            yield
        except DingRunError as error:
            if before is None and not (isinstance(error, TemporaryError) and error.uncertain):
                with suppress(TemporaryError):
                    await self.update_payload({}, without=[WORDS_SENT])
            raise

    async def update_payload(
        self, changes: Mapping[str, object], *, without: Collection[str] = (), marker: bool | None = None
    ) -> None:
        """Store a decision in the payload before it is acted on.

        Raises `TemporaryError` when the claim is lost.
        """
        payload = {key: value for key, value in self.job.payload.items() if key not in without}
        marked = self.job.send_attempted if marker is None else marker
        if not await self.save(payload=payload | dict(changes), send_attempted=marked):
            raise TemporaryError("the claim was lost")

    async def extend(self) -> bool:
        """Extend the lease. False when the claim is lost."""
        return await self.save(lease_until=self._clock() + self._lease)

    async def save(self, **changes: object) -> bool:
        """Change and store the job. False when the claim is lost."""
        async with self._writing:  # the heartbeat and the job write the same row
            self.job = replace(self.job, **changes)  # type: ignore[arg-type]
            return await self._store.save_job(self.job)


async def _do_nothing(job: Job) -> None:
    """Ignore the end of a job."""


@dataclass(frozen=True, kw_only=True)
class JobKind:
    """The functions of one kind of job, and the length of its lease.

    - `run` returns the result to store. It may raise `Postpone`, `TemporaryError` (the job is retried) or any
      other `DingRunError` (the job is given up).
    - `on_finished` is called when a job has ended, at least once.
    """

    run: Callable[[Claim], Awaitable[Result]]
    on_finished: Callable[[Job], Awaitable[None]] = _do_nothing
    lease: timedelta = timedelta(seconds=10)


class Jobs:
    """The job queue of one process.

    `skew` is the tolerated clock skew between the bots on one store. Leases are extended by it, so that no
    lease expires by another bot's clock while its owner is alive.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        owner: str,
        skew: timedelta = NO_SKEW,
        on_outcome: Callable[[Job, str], None] | None = None,
    ) -> None:
        self._store = store
        self._on_outcome = on_outcome
        self.clock = clock
        self._owner = owner
        self._skew = skew
        self._kinds: dict[str, JobKind] = {}
        self._pools = WorkerPool(self)

    def register(self, kinds: Mapping[str, JobKind]) -> None:
        """Register job kinds. Raises `ValueError` when a kind is registered twice."""
        twice = self._kinds.keys() & kinds.keys()
        if twice:
            raise ValueError(f"job kinds registered twice: {', '.join(sorted(twice))}")
        self._kinds.update(kinds)

    async def add(self, job: Job) -> bool:
        """Store a job, to be run when it is due. False when a job with its id already exists."""
        added = await self._store.add_job(job)
        self.wake(job.kind)
        if job.due_at > self.clock():
            self._pools.reschedule()
        return added

    async def known(self, job_id: str) -> bool:
        """Return whether a job with this id exists, in any state."""
        return await self._store.find_job(job_id) is not None

    async def find(self, job_id: str) -> Job | None:
        """Return the job with this id, in any state, or None."""
        return await self._store.find_job(job_id)

    async def make_due(self, job_ids: Collection[str]) -> None:
        """Make waiting jobs due now, because what they wait for has happened."""
        await self._store.make_jobs_due(job_ids, self.clock())
        self.wake()

    def wake(self, kind: str = "") -> None:
        """Claim jobs of this kind, or of any, at once instead of at the next poll."""
        self._pools.wake(kind)

    async def run(self, pools: Sequence[Pool]) -> None:
        """Run jobs until cancelled. Then wait a moment for the running ones, and give back the rest."""
        await self._pools.run(pools)

    async def claim(self, kinds: Collection[str]) -> Claim | None:
        """Claim a due job of these kinds. None when there is none, or the store is unavailable."""
        now = self.clock()
        longest = max(self._kinds[kind].lease for kind in kinds) + self._skew
        try:
            job = await self._store.claim_job(kinds, self._owner, now, now + longest)
        except TemporaryError as error:
            log.warning("store unavailable, no job claimed: %s", error)
            return None
        if job is None:
            return None
        if was_abandoned(job):
            count_rescue(Rescue.LEASE_EXPIRED)
        return Claim(self._store, job, self.clock, longest)

    async def seconds_until_due(self, kinds: Collection[str]) -> float:
        """Return when the next job of these kinds can be claimed. Infinity if there is none."""
        due = await self._store.next_due(kinds)
        return (due - self.clock()).total_seconds() if due else math.inf

    async def run_due(self, kinds: Collection[str]) -> int:
        """Run the due jobs of these kinds one by one and return their number. For tests and commands."""
        done = 0
        while claim := await self.claim(kinds):
            await self.do(claim)
            done += 1
        return done

    async def settle(self, job: Job) -> None:
        """Call `on_finished` of an ended job again, in case the process died before it did."""
        if job.kind in self._kinds:
            await self._kinds[job.kind].on_finished(job)

    async def do(self, claim: Claim) -> None:
        """Do one claimed job, once, and store its outcome."""
        with log_context(run=claim.job.run_id):
            await self._do(claim)

    async def _do(self, claim: Claim) -> None:
        kind = self._kinds[claim.job.kind]
        started = self.clock()
        try:
            outcome = await self._outcome(claim, kind)
        except asyncio.CancelledError:
            await asyncio.shield(self.give_back(claim))
            raise
        await self._store_outcome(claim, kind, outcome, started)

    async def _outcome(self, claim: Claim, kind: JobKind) -> Outcome:
        if claim.job.send_attempted:
            count_rescue(Rescue.SENDING_UNKNOWN)
            return UNKNOWN_SENDING
        try:
            result = await self._act(claim, kind)
        except Postpone as wait:
            return {"state": JobState.TODO, "due_at": wait.due}
        except DingRunError as error:
            claim.error = error
            return counted_loss(outcome_of_failure(claim.job, error, self.clock()))
        except Exception as error:  # the edge of the job loop: one bug must not stop other jobs
            claim.error = error
            log.exception("job %s failed with an unexpected error", claim.job.id)
            return counted_loss(outcome_of_bug(claim.job, error, self.clock()))
        return outcome_of_success(claim.job, result)

    async def _act(self, claim: Claim, kind: JobKind) -> Result:
        act = asyncio.ensure_future(kind.run(claim))
        heartbeat = asyncio.create_task(self._heartbeat(claim, kind, act), name=f"lease {claim.job.id}")
        try:
            return await act
        except asyncio.CancelledError:
            if heartbeat.done() and not heartbeat.cancelled():  # it found that the claim is lost
                raise TemporaryError("the claim was lost") from None
            raise
        finally:
            act.cancel()
            heartbeat.cancel()

    async def _heartbeat(self, claim: Claim, kind: JobKind, act: "asyncio.Future[Result]") -> None:
        while True:
            await asyncio.sleep(kind.lease.total_seconds() / 3)
            with loop_step("lease of a job"):
                if not await claim.extend():
                    count_rescue(Rescue.CLAIM_LOST)
                    log.warning("job %s was claimed by another process", claim.job.id)
                    act.cancel()
                    return

    async def _store_outcome(self, claim: Claim, kind: JobKind, outcome: Outcome, started: datetime) -> None:
        now = self.clock()
        ended = JobState(str(outcome["state"])).ended
        ended_at = now if ended else None
        changes: dict[str, object] = {"owner": claim.job.owner, "lease_until": None, "ended_at": ended_at}
        if not ended:
            changes["result"] = released(claim.job, outcome.get("result"))
        try:
            saved = await claim.save(**{**outcome, **changes})
            if self._on_outcome:
                self._on_outcome(claim.job, type(claim.error).__name__ if claim.error else "")
            if saved and ended:
                await kind.on_finished(claim.job)
            if not ended:
                self._pools.reschedule()
        except DingRunError as error:  # the job runs again when its lease expires
            count_rescue(Rescue.OUTCOME_NOT_STORED)
            log.warning("the outcome of job %s could not be stored: %s", claim.job.id, error)
        except Exception as error:  # noqa: BLE001 - the edge of the job loop: the reconciler repairs it
            report_error("outcome of a job", error)
        else:
            log_outcome(claim.job, outcome, now - started)

    async def give_back(self, claim: Claim) -> None:
        """Release a job when the process stops, unless its request may have been sent."""
        if not claim.job.send_attempted:
            await claim.save(state=JobState.TODO, lease_until=None, result=released(claim.job))
