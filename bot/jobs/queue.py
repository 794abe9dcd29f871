"""The durable queue: every slow or fallible act of ours is a job, and this runs them.

The intention is stored before the act and the outcome after it; a process that dies in between leaves the job
to whoever claims it once its lease is over. Jobs run in lanes, so that a slow export holds up no answer.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.errors import DingRunError, RateLimited, TemporaryError
from bot.jobs.pool import POLL, Pool, WorkerPool
from bot.jobs.retry import wait_before_retry
from bot.models import Clock, Job, JobState
from bot.ports import Capabilities, Sending, Store, TextRepeat, unmarked
from bot.telemetry.logging import log_context, redacted
from bot.telemetry.loops import loop_step, report_error

log = logging.getLogger(__name__)

MAX_ATTEMPTS_KEPT = 12  # of a job, the last ones
NO_SKEW = timedelta()

Result = Mapping[str, object]


class Postpone(Exception):
    """What the job waits for has not happened; look again at `due` at the latest. Not a failure."""

    def __init__(self, due: datetime) -> None:
        super().__init__(f"waits until {due:%H:%M:%S}")
        self.due = due


class Claim:
    """A job while it is ours; knows when it no longer is."""

    def __init__(self, store: Store, job: Job, clock: Clock, lease: timedelta) -> None:
        self.job = job
        self._store = store
        self._clock = clock
        self._lease = lease
        self._writing = asyncio.Lock()

    async def mark_sending(self) -> None:
        """Store that a request which must not be repeated is about to leave. Call it right before.

        Raises `TemporaryError`, never `uncertain`: as long as the marker is not stored, nothing leaves.
        """
        try:
            kept = await self.save(send_attempted=True)
        except TemporaryError as error:
            self.job = replace(self.job, send_attempted=False)
            raise TemporaryError(str(error), retry_after=error.retry_after) from error
        if not kept:
            raise TemporaryError("the claim was lost before the request left")

    def sending_text(self, capabilities: Capabilities) -> Sending:
        """Hold the marker around a message, where nothing else makes its repeat harmless."""
        return self.sending if capabilities.text_repeat is TextRepeat.UNSAFE else unmarked

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Hold the marker around the one request that must not be repeated, and around nothing else.

        A clear answer that nothing was done takes the marker away again, whatever is tried after it.
        """
        await self.mark_sending()
        try:
            yield
        except DingRunError as error:
            if not (isinstance(error, TemporaryError) and error.uncertain):
                with suppress(TemporaryError):  # the outcome says it once more
                    await self.save(send_attempted=False)
            raise

    async def update_payload(
        self, changes: Mapping[str, object], *, without: Collection[str] = (), marker: bool | None = None
    ) -> None:
        """Store what was decided, in the payload, before it is acted on. Raises `TemporaryError` when the
        claim is lost."""
        payload = {key: value for key, value in self.job.payload.items() if key not in without}
        marked = self.job.send_attempted if marker is None else marker
        if not await self.save(payload=payload | dict(changes), send_attempted=marked):
            raise TemporaryError("the claim was lost")

    async def extend(self) -> bool:
        return await self.save(lease_until=self._clock() + self._lease)

    async def save(self, **changes: object) -> bool:
        async with self._writing:  # the heartbeat and the act write the same row
            self.job = replace(self.job, **changes)  # type: ignore[arg-type]
            return await self._store.save_job(self.job)


def _level(outcome: Mapping[str, object]) -> int:
    """Waiting is nothing to tell; trying again is worth a look, giving up an alarm."""
    if outcome["state"] is JobState.TODO:
        return logging.WARNING if "failures" in outcome else logging.DEBUG
    return logging.INFO if outcome["state"] is JobState.DONE else logging.ERROR


async def _nothing(job: Job) -> None:
    """Most kinds need nothing after their end."""


@dataclass(frozen=True, kw_only=True)
class JobKind:
    """How jobs of one kind are done.

    `act` returns what to keep of the answer. It may raise `Postpone`, `TemporaryError` (tried again) or any
    other of our errors (given up). `settled` is told once a job has ended and may be told twice.
    """

    run: Callable[[Claim], Awaitable[Result]]
    on_finished: Callable[[Job], Awaitable[None]] = _nothing
    lease: timedelta = timedelta(seconds=10)


class Jobs:
    """Adds jobs, and runs them while `run` does.

    `skew` is how far the clocks of bots on the store may differ: leases last that much longer, so that none
    is over by another's clock while its bot lives.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        owner: str,
        skew: timedelta = NO_SKEW,
        on_outcome: Callable[[Job], None] | None = None,
    ) -> None:
        self._store = store
        self._on_outcome = on_outcome
        self.clock = clock
        self._owner = owner
        self._skew = skew
        self._kinds: dict[str, JobKind] = {}
        self._lanes = WorkerPool(self)

    def register(self, kinds: Mapping[str, JobKind]) -> None:
        """Say how kinds are done. A kind said twice is a mistake in the program."""
        twice = self._kinds.keys() & kinds.keys()
        if twice:
            raise ValueError(f"job kinds registered twice: {', '.join(sorted(twice))}")
        self._kinds.update(kinds)

    async def add(self, job: Job) -> bool:
        """Keep a job and start it as soon as it is due; False when it is, or was, there already."""
        fresh = await self._store.add_job(job)
        self.wake(job.kind)
        return fresh

    async def known(self, job_id: str) -> bool:
        """Whether this was asked for before."""
        return await self._store.find_job(job_id) is not None

    async def make_due(self, job_ids: Collection[str]) -> None:
        """What these jobs wait for has happened."""
        await self._store.make_jobs_due(job_ids, self.clock())
        self.wake()

    def wake(self, kind: str = "") -> None:
        """Look at the store for jobs of this kind, or of any, at once instead of at the next poll."""
        self._lanes.wake(kind)

    async def run(self, lanes: Sequence[Pool]) -> None:
        """Run jobs until cancelled; then give running ones a little time, and give back the others."""
        await self._lanes.run(lanes)

    async def claim(self, kinds: Collection[str]) -> Claim | None:
        """Take a job of one of these kinds that is due; None as well when the store does not answer."""
        now = self.clock()
        longest = max(self._kinds[kind].lease for kind in kinds) + self._skew
        try:
            job = await self._store.claim_job(kinds, self._owner, now, now + longest)
        except TemporaryError as error:
            log.warning("the store does not answer, jobs wait: %s", error)
            return None
        return Claim(self._store, job, self.clock, longest) if job else None

    async def run_due(self, kinds: Collection[str]) -> int:
        """Do what is due of these kinds, one after another; how many. For tests and single commands."""
        done = 0
        while claim := await self.claim(kinds):
            await self.do(claim)
            done += 1
        return done

    async def settle(self, job: Job) -> None:
        """Tell the kind of an ended job of its end once more: the process that should have may have died."""
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

    async def _outcome(self, claim: Claim, kind: JobKind) -> dict[str, object]:
        if claim.job.send_attempted:
            return {"state": JobState.UNCONFIRMED, "error": "may have been sent before the process ended"}
        try:
            result = await self._act(claim, kind)
        except Postpone as wait:
            return {"state": JobState.TODO, "due_at": wait.due}
        except TemporaryError as error:
            return self._after_failure(claim.job, error) | self._tried(claim.job, error)
        except DingRunError as error:
            return {"state": JobState.DEAD, "error": redacted(str(error))} | self._tried(claim.job, error)
        except Exception as error:  # the edge of the jobs' loop: one bug stops no other job
            log.exception("job %s failed by a mistake of ours", claim.job.id)
            return self._after_failure(claim.job, TemporaryError(type(error).__name__, uncertain=True))
        tries = {"tries": claim.job.result["tries"]} if "tries" in claim.job.result else {}
        return {"state": JobState.DONE, "result": {**result, **tries}, "error": ""}

    def _tried(self, job: Job, error: DingRunError) -> dict[str, object]:
        """The attempt that failed, kept with the last few of its kind: proof of what was tried."""
        if isinstance(error, RateLimited):  # nothing was asked
            return {}
        before = job.result.get("tries")
        tries = [
            *(before if isinstance(before, list) else []),
            [self.clock().isoformat(), redacted(str(error))],
        ]
        return {"result": {**job.result, "tries": tries[-MAX_ATTEMPTS_KEPT:]}}

    async def _act(self, claim: Claim, kind: JobKind) -> Result:
        act = asyncio.ensure_future(kind.run(claim))
        beat = asyncio.create_task(self._heartbeat(claim, kind, act), name=f"lease {claim.job.id}")
        try:
            return await act
        except asyncio.CancelledError:
            if beat.done() and not beat.cancelled():  # the heartbeat cancelled it: somebody else has the job
                raise TemporaryError("the claim was lost") from None
            raise
        finally:
            act.cancel()
            beat.cancel()

    async def _heartbeat(self, claim: Claim, kind: JobKind, act: "asyncio.Future[Result]") -> None:
        while True:
            await asyncio.sleep(kind.lease.total_seconds() / 3)
            with loop_step("lease of a job"):
                if not await claim.extend():
                    log.warning("job %s was claimed by somebody else", claim.job.id)
                    act.cancel()
                    return

    def _after_failure(self, job: Job, error: TemporaryError) -> dict[str, object]:
        if isinstance(error, RateLimited):
            due = self.clock() + timedelta(seconds=error.retry_after or POLL)
            return {
                "state": JobState.TODO,
                "due_at": due,
                "send_attempted": False,
                "error": redacted(str(error)),
            }
        if error.uncertain and job.send_attempted:
            return {"state": JobState.UNCONFIRMED, "error": redacted(str(error))}
        failures = job.failures + 1
        wait = wait_before_retry(failures, error, spread=random.random())  # noqa: S311 - no secret in it
        if wait is None:
            return {"state": JobState.DEAD, "error": redacted(str(error)), "failures": failures}
        due = self.clock() + wait
        changes = {
            "failures": failures,
            "due_at": due,
            "send_attempted": False,
            "error": redacted(str(error)),
        }
        return {"state": JobState.TODO, **changes}

    async def _store_outcome(
        self, claim: Claim, kind: JobKind, outcome: dict[str, object], started: datetime
    ) -> None:
        now = self.clock()
        ended = JobState(str(outcome["state"])).ended
        changes = {
            **outcome,
            "owner": claim.job.owner,
            "lease_until": None,
            "ended_at": now if ended else None,
        }
        try:
            kept = await claim.save(**changes)
            if self._on_outcome:
                self._on_outcome(claim.job)
            if kept and ended:
                await kind.on_finished(claim.job)
        except DingRunError as error:  # the lease will bring the job back
            log.warning("the outcome of job %s could not be stored: %s", claim.job.id, error)
            return
        except Exception as error:  # noqa: BLE001 - the edge of the jobs' loop: housekeeping makes it good
            report_error("outcome of a job", error)
            return
        ms = (now - started).total_seconds() * 1000
        log.log(_level(outcome), "job %s %s in %d ms %s", claim.job.id, outcome["state"], ms, claim.job.error)

    async def give_back(self, claim: Claim) -> None:
        """A stop came: a job whose request may be under way is left to its lease, any other is free at
        once."""
        if not claim.job.send_attempted:
            await claim.save(state=JobState.TODO, lease_until=None)
