"""A kind of job whose attempts end as a test says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from bot.jobs.pool import Pool
from bot.jobs.queue import Claim, JobKind, Jobs, Result
from bot.models import Job
from bot.stores.sqlite.store import SqliteStore
from tests.factories import make_job
from tests.fakes import FakeClock


class Work:
    """Job kind `work`: does what `todo` says, in turn, then succeeds."""

    def __init__(self, store: SqliteStore, clock: FakeClock) -> None:
        self.store, self.clock = store, clock
        self.todo: list[Callable[[Claim], Result]] = []
        self.marked = False
        self.acts = 0
        self.settled: list[Job] = []
        self.reported: list[tuple[Job, str]] = []  # each outcome, and the error that it came from
        self.ended = asyncio.Semaphore(0)
        self.jobs = self.again()

    def again(self, *, skew: timedelta = timedelta()) -> Jobs:
        """The queue as a process that has just started sees it."""
        jobs = Jobs(self.store, clock=self.clock, owner="somebody", skew=skew, on_outcome=self.report)
        jobs.register({"work": JobKind(run=self.act, on_finished=self.end)})
        return jobs

    def report(self, job: Job, error: str) -> None:
        self.reported.append((job, error))

    async def act(self, claim: Claim) -> Result:
        self.acts += 1
        if self.marked:
            await claim.mark_sending()
        return self.todo.pop(0)(claim) if self.todo else {"id": "m1"}

    async def end(self, job: Job) -> None:
        self.settled.append(job)
        self.ended.release()

    async def run_due(self) -> int:
        return await self.jobs.run_due(["work"])

    async def job(self) -> Job:
        (job,) = await self.store.find_jobs(kind="work")
        return job

    async def claimed(self) -> Claim:
        claim = await self.jobs.claim(["work"])
        assert claim
        return claim


@pytest.fixture
async def work(store: SqliteStore, clock: FakeClock) -> Work:
    work = Work(store, clock)
    await work.jobs.add(make_job(id="work:1", kind="work"))
    return work


def failing(error: Exception) -> Callable[[Claim], Result]:
    def fail(claim: Claim) -> Result:
        raise error

    return fail


@asynccontextmanager
async def running(jobs: Jobs, kind: str = "work") -> AsyncIterator[None]:
    """Run the jobs of a kind in a pool, for at most five seconds, and stop it at the end."""
    runner = asyncio.create_task(jobs.run([Pool(name="w", kinds=[kind], concurrency=1)]))
    try:
        async with asyncio.timeout(5):
            yield
    finally:
        runner.cancel()
        await asyncio.gather(runner, return_exceptions=True)
