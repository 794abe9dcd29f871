"""The durable queue."""

import math
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.errors import PermanentError, TemporaryError
from bot.jobs.queue import Claim, JobKind, Jobs, Postpone, Result
from bot.jobs.retry import MAX_FAILURES
from bot.models import Job, JobState
from bot.telemetry.rescues import Rescue
from tests.factories import NOW, make_job
from tests.fakes import FakeClock
from tests.jobs.conftest import Work, failing


async def test_a_job_runs_once_and_keeps_its_result(work: Work) -> None:
    assert await work.run_due() == 1
    assert await work.run_due() == 0
    job = await work.job()
    assert (work.acts, job.state, job.result, job.ended_at) == (1, JobState.DONE, {"id": "m1"}, NOW)
    assert (job.owner, job.lease_until) == ("somebody", None)
    assert work.settled == [job]


async def test_asking_twice_is_asking_once(work: Work) -> None:
    assert not await work.jobs.add(make_job(id="work:1", kind="work"))
    assert await work.jobs.add(make_job(id="work:2", kind="work"))
    assert [await work.jobs.known(f"work:{number}") for number in (1, 2, 3)] == [True, True, False]


async def test_a_job_is_found_by_its_id(work: Work) -> None:
    assert await work.jobs.find("work:1") == await work.job()
    assert await work.jobs.find("work:2") is None


async def test_a_temporary_failure_is_tried_again_later(work: Work, clock: FakeClock) -> None:
    work.todo = [failing(TemporaryError("busy"))]
    await work.run_due()
    job = await work.job()
    assert (job.state, job.failures, job.error) == (JobState.TODO, 1, "busy")
    assert (job.lease_until, job.ended_at, work.settled) == (None, None, [])
    clock.turn(seconds=3)
    await work.run_due()
    done = await work.job()
    assert (done.state, done.error) == (JobState.DONE, "")
    assert done.result == {"id": "m1", "tries": [[NOW.isoformat(), "busy"]]}


async def test_attempts_that_end_in_order_are_not_taken_for_a_crash(
    work: Work, clock: FakeClock, rescues: Counter[str]
) -> None:
    work.todo = [failing(TemporaryError("busy")), failing(Postpone(NOW)), failing(TemporaryError("busy"))]
    for _ in range(3):
        await work.run_due()
        clock.turn(seconds=10)
    job = await work.job()
    assert (job.state, job.attempts, len(work.todo)) == (JobState.DONE, 4, 0)
    assert not rescues


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
    assert "tries" not in job.result


def test_a_job_that_waits_says_until_when() -> None:
    assert str(Postpone(NOW)) == "waits until 03:00:00"


@pytest.mark.parametrize(
    ("error", "state", "name"),
    [
        (None, JobState.DONE, ""),
        (Postpone(NOW + timedelta(hours=1)), JobState.TODO, ""),
        (TemporaryError("busy"), JobState.TODO, "TemporaryError"),
        (PermanentError("no such group"), JobState.DEAD, "PermanentError"),
        (ZeroDivisionError(), JobState.TODO, "ZeroDivisionError"),
    ],
)
async def test_each_outcome_is_reported_with_what_it_came_from(
    work: Work, error: Exception | None, state: JobState, name: str
) -> None:
    work.todo = [failing(error)] if error else []
    await work.run_due()
    ((job, cause),) = work.reported
    assert (job, job.state, cause) == (await work.job(), state, name)


async def test_a_queue_runs_although_nobody_wants_its_outcomes(work: Work) -> None:
    jobs = Jobs(work.store, clock=work.clock, owner="somebody")
    jobs.register({"work": JobKind(run=work.act)})
    assert await jobs.run_due(["work"]) == 1
    assert (await work.job()).state is JobState.DONE


async def test_a_mistake_of_ours_stops_no_other_job(work: Work) -> None:
    await work.jobs.add(make_job(id="work:2", kind="work"))
    work.todo = [failing(ZeroDivisionError())]
    assert await work.run_due() == 2
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


async def test_a_lost_answer_without_a_marker_is_repeated(work: Work, clock: FakeClock) -> None:
    work.todo = [failing(TemporaryError("no answer", uncertain=True))]
    await work.run_due()
    clock.turn(seconds=10)
    await work.run_due()
    assert (work.acts, (await work.job()).state) == (2, JobState.DONE)


async def test_a_kind_has_one_way_to_be_done(work: Work) -> None:
    work.jobs.register({"card": JobKind(run=work.act)})
    with pytest.raises(ValueError, match=r"^job kinds registered twice: card, work$"):
        work.jobs.register(dict.fromkeys(("work", "file", "card"), JobKind(run=work.act)))


async def test_the_end_of_a_job_can_be_told_again(work: Work) -> None:
    job = make_job(kind="work", state=JobState.DONE)
    await work.jobs.settle(job)
    await work.jobs.settle(make_job(kind="of another version", state=JobState.DONE))
    assert work.settled == [job]


async def test_the_time_until_the_next_job_is_known(work: Work, clock: FakeClock) -> None:
    await work.jobs.add(make_job(id="work:2", kind="work", due_at=NOW + timedelta(seconds=90)))
    assert await work.jobs.seconds_until_due(["work"]) == 0
    await work.run_due()
    clock.turn(seconds=30)
    assert await work.jobs.seconds_until_due(["work"]) == 60
    assert await work.jobs.seconds_until_due(["card"]) == math.inf


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


async def test_an_error_that_is_kept_holds_no_secret(work: Work) -> None:
    def refused(claim: Claim) -> Result:
        raise PermanentError("refused: https://host/send?access_token=HIDDEN and redis://:HIDDEN@host")

    work.todo = [refused]
    await work.run_due()
    job = await work.job()
    assert "HIDDEN" not in job.error + str(job.result)
    assert "access_token=***" in job.error
