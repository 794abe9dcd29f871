"""The lease of a running job: extended while it lasts, and left alone once another process has it."""

import asyncio
from datetime import timedelta

import pytest

from bot.jobs.queue import Claim, JobKind, Jobs, Result
from bot.models import Job, JobState
from bot.stores.sqlite.store import SqliteStore
from bot.telemetry.rescues import Rescue
from tests.factories import make_job
from tests.fakes import FakeClock
from tests.jobs.conftest import Work


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


async def test_a_heartbeat_that_fails_by_a_mistake_of_ours_beats_again(
    store: SqliteStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
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
    assert "lease of a job: a step failed" in caplog.text


async def test_a_lease_is_extended_three_times_before_it_ends(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    waiting = asyncio.Event()

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        waiting.set()
        await asyncio.Event().wait()

    async def act(claim: Claim) -> Result:
        await waiting.wait()
        return {"tasks": [task.get_name() for task in asyncio.all_tasks()]}

    monkeypatch.setattr("bot.jobs.queue.asyncio.sleep", wait)
    work.jobs.register({"long": JobKind(run=act, lease=timedelta(seconds=60))})
    await work.jobs.add(make_job(id="long:1", kind="long"))
    assert await work.jobs.run_due(["long"]) == 1
    assert waits == [20]
    job = await work.store.find_job("long:1")
    assert job
    assert "lease long:1" in str(job.result["tasks"])


async def test_the_loser_of_a_claim_tells_nobody_that_the_job_has_ended(work: Work, clock: FakeClock) -> None:
    """The job succeeds although its lease has expired, and another process has it by now."""
    claim = await work.claimed()
    clock.turn(seconds=10)
    other = await work.claimed()
    await work.jobs.do(claim)
    assert (work.acts, work.settled, await work.job()) == (1, [], other.job)


@pytest.mark.rescue(Rescue.CLAIM_LOST)
async def test_work_is_cancelled_when_its_claim_is_lost(work: Work, clock: FakeClock) -> None:
    stopped = asyncio.Event()

    async def act(claim: Claim) -> Result:
        clock.turn(seconds=1)
        assert await work.store.claim_job(["brief"], "other", clock(), clock())
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return {}

    work.jobs.register({"brief": JobKind(run=act, lease=timedelta(seconds=0.03))})
    await work.jobs.add(make_job(id="brief:1", kind="brief"))
    async with asyncio.timeout(5):
        await work.jobs.do(await claimed(work, "brief"))
    assert stopped.is_set()
    ((job, error),) = work.reported
    assert (job.error, error) == ("the claim was lost", "TemporaryError")


async def claimed(work: Work, kind: str) -> Claim:
    claim = await work.jobs.claim([kind])
    assert claim
    return claim
