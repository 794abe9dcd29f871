"""The end of the process: running jobs may end, the rest is given back."""

import asyncio
from collections import Counter

import pytest

from bot.jobs.pool import Pool
from bot.jobs.queue import Claim, JobKind, Jobs, Result
from bot.models import JobState
from bot.stores.sqlite.store import SqliteStore
from tests.factories import make_job
from tests.fakes import FakeClock
from tests.jobs.conftest import Work


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
    assert (job.state, job.lease_until, job.failures, job.error) == (JobState.TODO, None, 0, "")


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


async def test_a_job_that_was_given_back_was_not_abandoned(work: Work, rescues: Counter[str]) -> None:
    await work.jobs.give_back(await work.claimed())
    assert (await work.job()).result == {"released": 1}
    await work.run_due()
    assert (work.acts, (await work.job()).state) == (1, JobState.DONE)
    assert not rescues


async def test_a_job_whose_request_may_have_been_sent_is_not_given_back(work: Work) -> None:
    claim = await work.claimed()
    await claim.mark_sending()
    await work.jobs.give_back(claim)
    assert await work.job() == claim.job
    assert claim.job.state is JobState.DOING
