"""The durable queue."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.errors import DingRunError, PermanentError, TemporaryError
from bot.jobs.pool import Pool
from bot.jobs.queue import Claim, JobKind, Jobs, Postpone, Result
from bot.jobs.retry import MAX_FAILURES
from bot.models import Job, JobState
from bot.stores.sqlite.store import SqliteStore
from bot.telemetry.rescues import Rescue
from tests.factories import NOW, make_job
from tests.fakes import FakeClock


class Work:
    """Job kind `work`: does what `todo` says, in turn, then succeeds."""

    def __init__(self, store: SqliteStore, clock: FakeClock) -> None:
        self.store, self.clock = store, clock
        self.todo: list[Callable[[Claim], Result]] = []
        self.marked = False
        self.acts = 0
        self.settled: list[Job] = []
        self.ended = asyncio.Semaphore(0)
        self.jobs = self.again()

    def again(self) -> Jobs:
        """The queue as a process that has just started sees it."""
        jobs = Jobs(self.store, clock=self.clock, owner="somebody")
        jobs.register({"work": JobKind(run=self.act, on_finished=self.end)})
        return jobs

    async def act(self, claim: Claim) -> Result:
        self.acts += 1
        if self.marked:
            await claim.mark_sending()
        return self.todo.pop(0)(claim) if self.todo else {"id": "m1"}

    async def end(self, job: Job) -> None:
        self.settled.append(job)
        self.ended.release()

    async def run_due(self) -> None:
        await self.jobs.run_due(["work"])

    async def job(self) -> Job:
        (job,) = await self.store.find_jobs(kind="work")
        return job


@pytest.fixture
async def work(store: SqliteStore, clock: FakeClock) -> Work:
    work = Work(store, clock)
    await work.jobs.add(make_job(id="work:1", kind="work"))
    return work


def failing(error: Exception) -> Callable[[Claim], Result]:
    def fail(claim: Claim) -> Result:
        raise error

    return fail


async def test_a_job_runs_once_and_keeps_its_result(work: Work) -> None:
    await work.run_due()
    await work.run_due()
    job = await work.job()
    assert (work.acts, job.state, job.result, job.ended_at) == (1, JobState.DONE, {"id": "m1"}, NOW)


async def test_asking_twice_is_asking_once(work: Work) -> None:
    assert not await work.jobs.add(make_job(id="work:1", kind="work"))
    assert await work.jobs.known("work:1")


async def test_a_temporary_failure_is_tried_again_later(work: Work, clock: FakeClock) -> None:
    work.todo = [failing(TemporaryError("busy"))]
    await work.run_due()
    job = await work.job()
    assert (job.state, job.failures, job.error) == (JobState.TODO, 1, "busy")
    clock.turn(seconds=3)
    await work.run_due()
    assert (await work.job()).state is JobState.DONE


async def test_retry_after_is_respected(work: Work) -> None:
    work.todo = [failing(TemporaryError("silence", retry_after=600))]
    await work.run_due()
    assert ((await work.job()).due_at - NOW).total_seconds() >= 600


async def test_after_enough_failures_a_job_is_dead(work: Work, clock: FakeClock) -> None:
    work.todo = [failing(TemporaryError("busy"))] * MAX_FAILURES
    for _ in range(MAX_FAILURES):
        await work.run_due()
        clock.turn(seconds=1000)
    assert (await work.job()).state is JobState.DEAD
    assert [job.state for job in work.settled] == [JobState.DEAD]


async def test_a_refusal_for_good_is_not_tried_again(work: Work) -> None:
    work.todo = [failing(PermanentError("no such group"))]
    await work.run_due()
    job = await work.job()
    assert (job.state, job.error) == (JobState.DEAD, "no such group")


async def test_waiting_is_no_failure(work: Work, clock: FakeClock) -> None:
    clock.turn(seconds=5)
    work.todo = [failing(Postpone(clock()))] * 3
    await work.run_due()
    job = await work.job()
    assert (job.state, job.failures, job.attempts) == (JobState.DONE, 0, 4)


async def test_a_mistake_of_ours_stops_no_other_job(work: Work) -> None:
    await work.jobs.add(make_job(id="work:2", kind="work"))
    work.todo = [failing(ZeroDivisionError())]
    await work.run_due()
    states = [job.state for job in await work.store.find_jobs(kind="work")]
    assert states == [JobState.TODO, JobState.DONE]


@pytest.mark.rescue(Rescue.LEASE_EXPIRED)
async def test_a_job_comes_back_when_its_process_dies(work: Work, clock: FakeClock) -> None:
    assert await work.store.claim_job(["work"], "dead process", NOW, clock())
    clock.turn(seconds=1)
    await work.run_due()
    assert (work.acts, (await work.job()).state) == (1, JobState.DONE)


@pytest.mark.rescue(Rescue.SENDING_UNKNOWN)
async def test_a_marked_job_that_comes_back_is_not_repeated(work: Work, clock: FakeClock) -> None:
    lost = await work.store.claim_job(["work"], "dead process", NOW, clock())
    assert lost
    assert await work.store.save_job(replace(lost, send_attempted=True))
    clock.turn(seconds=1)
    await work.run_due()
    assert (work.acts, (await work.job()).state) == (0, JobState.UNCONFIRMED)


@pytest.mark.rescue(Rescue.ANSWER_LOST)
async def test_a_lost_answer_after_the_marker_is_unconfirmed(work: Work) -> None:
    work.marked = True
    work.todo = [failing(TemporaryError("no answer", uncertain=True))]
    await work.run_due()
    assert (await work.job()).state is JobState.UNCONFIRMED


async def test_a_clear_refusal_after_the_marker_is_tried_again(work: Work, clock: FakeClock) -> None:
    work.marked = True
    work.todo = [failing(TemporaryError("too fast"))]
    await work.run_due()
    clock.turn(seconds=10)
    await work.run_due()
    assert (work.acts, (await work.job()).state) == (2, JobState.DONE)


async def marked_after(work: Work, end: BaseException | None) -> bool:
    """Tell whether the marker is left by a request that ended so."""
    job = await work.store.claim_job(["work"], "somebody", NOW, NOW)
    assert job
    with suppress(DingRunError, asyncio.CancelledError):
        async with Claim(work.store, job, work.clock, timedelta(seconds=10)).sending():
            assert (await work.job()).send_attempted
            if end:
                raise end
    return (await work.job()).send_attempted


@pytest.mark.parametrize("end", [PermanentError("the session is over"), TemporaryError("too fast")])
async def test_a_clear_refusal_takes_the_marker_away(work: Work, end: DingRunError) -> None:
    assert not await marked_after(work, end)


@pytest.mark.parametrize("end", [TemporaryError("no answer", uncertain=True), asyncio.CancelledError(), None])
async def test_the_marker_stays_when_something_may_have_left(work: Work, end: BaseException | None) -> None:
    assert await marked_after(work, end)


async def test_a_marker_that_could_not_be_stored_leaves_nothing_uncertain(
    work: Work, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MongoDB tells a write whose answer was lost as uncertain."""
    save = work.store.save_job

    async def lost_once(job: Job) -> bool:
        if job.send_attempted:
            monkeypatch.setattr(work.store, "save_job", save)
            raise TemporaryError("MongoDB was lost", uncertain=True)
        return await save(job)

    monkeypatch.setattr(work.store, "save_job", lost_once)
    work.marked = True
    await work.run_due()
    assert (await work.job()).state is JobState.TODO
    clock.turn(seconds=10)
    await work.run_due()
    assert (await work.job()).state is JobState.DONE


async def test_a_lost_answer_without_a_marker_is_repeated(work: Work, clock: FakeClock) -> None:
    work.todo = [failing(TemporaryError("no answer", uncertain=True))]
    await work.run_due()
    clock.turn(seconds=10)
    await work.run_due()
    assert (work.acts, (await work.job()).state) == (2, JobState.DONE)


async def test_a_lost_claim_leaves_no_marker(work: Work, clock: FakeClock) -> None:
    job = await work.store.claim_job(["work"], "slow", NOW, clock())
    assert job
    claim = Claim(work.store, job, clock, JobKind(run=work.act).lease)
    clock.turn(seconds=1)
    assert await work.store.claim_job(["work"], "fast", clock(), clock())
    with pytest.raises(TemporaryError, match="claim was lost"):
        await claim.mark_sending()


async def test_a_kind_has_one_way_to_be_done(work: Work) -> None:
    with pytest.raises(ValueError, match="work"):
        work.jobs.register({"work": JobKind(run=work.act)})


async def test_the_runner_starts_an_added_job_at_once(work: Work) -> None:
    runner = asyncio.create_task(work.jobs.run([Pool(name="w", kinds=["work"], concurrency=2)]))
    async with asyncio.timeout(5):
        await work.ended.acquire()
        await work.jobs.add(make_job(id="work:2", kind="work"))
        await work.ended.acquire()
    runner.cancel()
    await asyncio.gather(runner, return_exceptions=True)
    assert work.acts == 2


async def test_a_stop_lets_running_jobs_end(store: SqliteStore, clock: FakeClock) -> None:
    started, go = asyncio.Event(), asyncio.Event()

    async def act(claim: Claim) -> Result:
        started.set()
        await go.wait()
        return {}

    jobs = Jobs(store, clock=clock, owner="me")
    jobs.register({"slow": JobKind(run=act)})
    await jobs.add(make_job(id="slow:1", kind="slow"))
    runner = asyncio.create_task(jobs.run([Pool(name="s", kinds=["slow"], concurrency=1)]))
    await started.wait()
    runner.cancel()
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(runner, return_exceptions=True)
    (job,) = await store.find_jobs(kind="slow")
    assert job.state is JobState.DONE


async def test_a_stop_gives_back_jobs_that_do_not_end(
    store: SqliteStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.jobs.pool.STOP_TIMEOUT_SECONDS", 0.01)
    started = asyncio.Event()

    async def act(claim: Claim) -> Result:
        started.set()
        await asyncio.Event().wait()
        return {}

    jobs = Jobs(store, clock=clock, owner="me")
    jobs.register({"slow": JobKind(run=act)})
    await jobs.add(make_job(id="slow:1", kind="slow"))
    runner = asyncio.create_task(jobs.run([Pool(name="s", kinds=["slow"], concurrency=1)]))
    await started.wait()
    runner.cancel()
    await asyncio.gather(runner, return_exceptions=True)
    (job,) = await store.find_jobs(kind="slow")
    assert (job.state, job.lease_until) == (JobState.TODO, None)


async def test_a_store_that_is_away_ends_nothing(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    claim, troubles = work.store.claim_job, [TemporaryError("away")]

    async def sometimes(*args: object) -> object:
        if troubles:
            raise troubles.pop()
        return await claim(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(work.store, "claim_job", sometimes)
    monkeypatch.setattr("bot.jobs.pool.BUSY_INTERVAL_SECONDS", 0.001)
    runner = asyncio.create_task(work.jobs.run([Pool(name="w", kinds=["work"], concurrency=1)]))
    async with asyncio.timeout(5):
        await work.ended.acquire()
    runner.cancel()
    await asyncio.gather(runner, return_exceptions=True)
    assert work.acts == 1


@pytest.mark.rescue(Rescue.OUTCOME_NOT_STORED)
async def test_an_outcome_that_cannot_be_stored_leaves_the_job_to_its_lease(
    work: Work, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(job: Job) -> bool:
        raise TemporaryError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(work.store, "save_job", refuse)
        await work.run_due()
    assert (await work.job()).state is JobState.DOING
    clock.turn(seconds=60)
    await work.run_due()
    assert (work.acts, (await work.job()).state) == (2, JobState.DONE)


class Slow:
    """A job that takes longer than its lease, which is a moment."""

    def __init__(self, store: SqliteStore, clock: FakeClock) -> None:
        self.started, self.go = asyncio.Event(), asyncio.Event()
        self.jobs = Jobs(store, clock=clock, owner="slow")
        self.jobs.register({"slow": JobKind(run=self.act, lease=timedelta(seconds=0.03))})

    async def act(self, claim: Claim) -> Result:
        self.started.set()
        await self.go.wait()
        return {}


async def test_a_lease_is_extended_while_its_job_lasts(store: SqliteStore, clock: FakeClock) -> None:
    slow, extended = Slow(store, clock), asyncio.Event()
    save = store.save_job

    async def watched(job: Job) -> bool:
        extended.set()
        return await save(job)

    store.save_job = watched  # type: ignore[method-assign]
    await slow.jobs.add(make_job(id="slow:1", kind="slow"))
    doing = asyncio.create_task(slow.jobs.run_due(["slow"]))
    await slow.started.wait()
    clock.turn(seconds=60)
    async with asyncio.timeout(5):
        await extended.wait()
        while (await store.claim_job(["slow"], "other", clock(), clock())) is not None:
            pytest.fail("claimed by another although its lease was extended")
    slow.go.set()
    await doing
    (job,) = await store.find_jobs(kind="slow")
    assert job.state is JobState.DONE


@pytest.mark.rescue(Rescue.CLAIM_LOST)
async def test_a_job_that_loses_its_lease_writes_nothing(store: SqliteStore, clock: FakeClock) -> None:
    slow = Slow(store, clock)
    await slow.jobs.add(make_job(id="slow:1", kind="slow"))
    doing = asyncio.create_task(slow.jobs.run_due(["slow"]))
    await slow.started.wait()
    taken = None
    while taken is None:  # between two of its heartbeats
        clock.turn(seconds=60)
        taken = await store.claim_job(["slow"], "other", clock(), clock() + timedelta(hours=1))
    async with asyncio.timeout(5):
        await doing
    (job,) = await store.find_jobs(kind="slow")
    assert (job.state, job.owner) == (JobState.DOING, "other")


async def test_a_job_claimed_during_a_stop_is_given_back(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    claim, asked, go = work.store.claim_job, asyncio.Event(), asyncio.Event()

    async def slowly(*args: object) -> object:
        job = await claim(*args)  # type: ignore[arg-type]
        asked.set()
        await go.wait()
        return job

    monkeypatch.setattr(work.store, "claim_job", slowly)
    runner = asyncio.create_task(work.jobs.run([Pool(name="w", kinds=["work"], concurrency=1)]))
    await asked.wait()
    runner.cancel()
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(runner, return_exceptions=True)
    job = await work.job()
    assert (work.acts, job.state, job.lease_until) == (0, JobState.TODO, None)


async def test_an_unexpected_error_in_on_finished_stops_no_other_job(
    work: Work, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(job: Job) -> None:
        work.ended.release()
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(work, "end", broken)
    work.jobs = work.again()
    await work.jobs.add(make_job(id="work:2", kind="work"))
    running = asyncio.create_task(work.jobs.run([Pool(name="all", kinds=("work",), concurrency=1)]))
    async with asyncio.timeout(5):
        for _ in range(2):
            await work.ended.acquire()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert {job.state for job in await work.store.find_jobs(kind="work")} == {JobState.DONE}
    assert "RuntimeError: a mistake of ours" in caplog.text


async def test_a_heartbeat_that_fails_by_a_mistake_of_ours_beats_again(
    store: SqliteStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults, beaten, extend = [RuntimeError("a mistake of ours")], asyncio.Event(), Claim.extend

    async def sometimes(claim: Claim) -> bool:
        if faults:
            raise faults.pop()
        beaten.set()
        return await extend(claim)

    async def act(claim: Claim) -> Result:
        async with asyncio.timeout(5):
            await beaten.wait()
        return {}

    monkeypatch.setattr(Claim, "extend", sometimes)
    jobs = Jobs(store, clock=clock, owner="somebody")
    jobs.register({"work": JobKind(run=act, lease=timedelta(seconds=0.03))})
    await jobs.add(make_job(kind="work"))
    await jobs.run_due(["work"])
    (job,) = await store.find_jobs(kind="work")
    assert job.state is JobState.DONE


async def test_an_error_that_is_kept_holds_no_secret(work: Work) -> None:
    def refused(claim: Claim) -> Result:
        raise PermanentError("refused: https://host/send?access_token=HIDDEN and redis://:HIDDEN@host")

    work.todo = [refused]
    await work.run_due()
    job = await work.job()
    assert "HIDDEN" not in job.error + str(job.result)
    assert "access_token=***" in job.error


async def test_a_retry_is_run_when_its_delay_is_over_and_not_at_the_next_poll(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.jobs.pool.POLL_INTERVAL_SECONDS", 60.0)
    monkeypatch.setattr("bot.jobs.pool.BUSY_INTERVAL_SECONDS", 0.001)
    work.todo = [failing(TemporaryError("busy", retry_after=0.001))]
    waits = asyncio.Queue[float]()
    until_due = work.jobs.seconds_until_due

    async def watched(kinds: Collection[str]) -> float:
        wait = await until_due(kinds)
        waits.put_nowait(wait)
        return wait

    work.jobs.seconds_until_due = watched  # type: ignore[method-assign]
    runner = asyncio.create_task(work.jobs.run([Pool(name="w", kinds=["work"], concurrency=1)]))
    async with asyncio.timeout(5):
        while not 2 <= await waits.get() <= 3:  # the delay after the first failure
            continue
    runner.cancel()
    await asyncio.gather(runner, return_exceptions=True)
    assert work.acts == 1
