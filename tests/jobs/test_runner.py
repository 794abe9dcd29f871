"""The queue in its pools: when a job is started, and what stops no other."""

import asyncio
import math
from collections.abc import Collection
from datetime import timedelta

import pytest

from bot.errors import TemporaryError
from bot.jobs.queue import Postpone
from bot.models import Job, JobState
from tests.factories import NOW, make_job
from tests.jobs.conftest import Work, failing, running


async def test_a_waiting_job_is_run_at_once_when_it_is_made_due(work: Work) -> None:
    await work.jobs.add(make_job(id="work:2", kind="work", due_at=NOW + timedelta(hours=1)))
    await work.jobs.add(make_job(id="work:3", kind="work", due_at=NOW + timedelta(hours=1)))
    async with running(work.jobs):
        await work.ended.acquire()
        await work.jobs.make_due(["work:2"])
        await work.ended.acquire()
    assert [job.id for job in work.settled] == ["work:1", "work:2"]


async def test_the_runner_starts_an_added_job_at_once(work: Work) -> None:
    async with running(work.jobs):
        await work.ended.acquire()
        await work.jobs.add(make_job(id="work:2", kind="work"))
        await work.ended.acquire()
    assert work.acts == 2


async def test_a_store_that_is_away_ends_nothing(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    claim, troubles = work.store.claim_job, [TemporaryError("away")]

    async def sometimes(*args: object) -> object:
        if troubles:
            raise troubles.pop()
        return await claim(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(work.store, "claim_job", sometimes)
    monkeypatch.setattr("bot.jobs.pool.BUSY_INTERVAL_SECONDS", 0.001)
    async with running(work.jobs):
        await work.ended.acquire()
    assert work.acts == 1


async def test_an_unexpected_error_in_on_finished_stops_no_other_job(
    work: Work, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(job: Job) -> None:
        work.ended.release()
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(work, "end", broken)
    work.jobs = work.again()
    await work.jobs.add(make_job(id="work:2", kind="work"))
    async with running(work.jobs):
        for _ in range(2):
            await work.ended.acquire()
    assert {job.state for job in await work.store.find_jobs(kind="work")} == {JobState.DONE}
    assert "outcome of a job: a step failed" in caplog.text
    assert "RuntimeError: a mistake of ours" in caplog.text


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
    async with running(work.jobs):
        while not 2 <= await waits.get() <= 3:  # the delay after the first failure
            continue
    assert work.acts == 1


@pytest.fixture
def asked(work: Work, monkeypatch: pytest.MonkeyPatch) -> asyncio.Semaphore:
    """Count the questions when work is due. Nothing is, and nobody asks for a minute."""
    monkeypatch.setattr("bot.jobs.pool.POLL_INTERVAL_SECONDS", 60.0)
    asked = asyncio.Semaphore(0)

    async def nothing_due(kinds: Collection[str]) -> float:
        asked.release()
        return math.inf

    work.jobs.seconds_until_due = nothing_due  # type: ignore[method-assign]
    return asked


async def test_only_a_job_for_later_makes_the_pools_ask_when_work_is_due(
    work: Work, asked: asyncio.Semaphore
) -> None:
    async with running(work.jobs):
        await work.ended.acquire()
        await asked.acquire()
        await work.jobs.add(make_job(id="work:2", kind="work"))
        await work.ended.acquire()
        assert asked.locked()
        await work.jobs.add(make_job(id="work:3", kind="work", due_at=NOW + timedelta(seconds=1)))
        await asked.acquire()


@pytest.mark.parametrize("error", [TemporaryError("busy"), Postpone(NOW + timedelta(hours=1))])
async def test_a_job_that_runs_again_later_makes_them_ask_as_well(
    work: Work, asked: asyncio.Semaphore, error: Exception
) -> None:
    work.todo = [failing(error)]
    async with running(work.jobs):
        for _ in range(2):
            await asked.acquire()
    assert (work.acts, work.settled) == (1, [])
