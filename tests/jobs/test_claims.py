"""A claimed job: its lease, its marker and what is stored before it is acted on."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from bot.errors import DingRunError, PermanentError, TemporaryError
from bot.jobs.queue import Claim, JobKind
from bot.models import Job, JobState
from bot.ports import Capabilities, TextRepeat
from tests.factories import NOW, make_job
from tests.fakes import FakeClock
from tests.jobs.conftest import Work

EARLIER = NOW - timedelta(seconds=1)


def seconds_left(job: Job) -> float:
    assert job.lease_until
    return (job.lease_until - NOW).total_seconds()


async def test_a_claim_is_written_with_owner_and_lease(work: Work) -> None:
    claim = await work.claimed()
    assert claim.job == await work.job()
    assert (claim.job.owner, claim.job.state, seconds_left(claim.job)) == ("somebody", JobState.DOING, 10)


async def test_a_lease_outlasts_the_clock_skew_of_other_bots(work: Work, clock: FakeClock) -> None:
    work.jobs = work.again(skew=timedelta(seconds=30))
    claim = await work.claimed()
    assert seconds_left(claim.job) == 40
    clock.turn(seconds=3)
    assert await claim.extend()
    assert seconds_left(await work.job()) == 43


async def test_kinds_that_are_claimed_together_get_the_longest_lease(work: Work) -> None:
    work.jobs.register({"long": JobKind(run=work.act, lease=timedelta(seconds=60))})
    claim = await work.jobs.claim(["work", "long"])
    assert claim
    assert seconds_left(claim.job) == 60


async def test_a_lease_that_was_lost_cannot_be_extended(work: Work, clock: FakeClock) -> None:
    claim = await work.claimed()
    clock.turn(seconds=10)
    await work.claimed()
    assert not await claim.extend()


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


async def test_a_marker_that_could_not_be_stored_says_when_to_try_again(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(job: Job) -> bool:
        raise TemporaryError("MongoDB was lost", uncertain=True, retry_after=30)

    claim = await work.claimed()
    monkeypatch.setattr(work.store, "save_job", refuse)
    with pytest.raises(TemporaryError, match=r"^MongoDB was lost$") as caught:
        await claim.mark_sending()
    assert (caught.value.retry_after, caught.value.uncertain) == (30, False)
    assert claim.job.send_attempted is False


async def test_a_lost_claim_leaves_no_marker(work: Work, clock: FakeClock) -> None:
    job = await work.store.claim_job(["work"], "slow", NOW, clock())
    assert job
    claim = Claim(work.store, job, clock, JobKind(run=work.act).lease)
    clock.turn(seconds=1)
    assert await work.store.claim_job(["work"], "fast", clock(), clock())
    with pytest.raises(TemporaryError, match=r"^the claim was lost before the request was sent$"):
        await claim.mark_sending()


@pytest.mark.parametrize("repeat", TextRepeat)
async def test_a_message_is_marked_where_repeating_it_shows_it_twice(work: Work, repeat: TextRepeat) -> None:
    claim = await work.claimed()
    async with claim.sending_text(Capabilities(text_bytes=1, text_repeat=repeat))():
        assert (await work.job()).send_attempted is (repeat is TextRepeat.UNSAFE)


async def send_words(work: Work, claim: Claim, error: TemporaryError | None = None) -> None:
    """Send what is ignored if it comes again on the same day. Its answer may be an error."""
    async with claim.sending_text(Capabilities(text_bytes=1, text_repeat=TextRepeat.BY_WORDS))():
        assert "words_sent" in (await work.job()).payload
        if error:
            raise error


async def test_words_that_may_have_arrived_are_repeated_on_the_same_day_only(
    work: Work, clock: FakeClock
) -> None:
    claim = await work.claimed()
    with pytest.raises(TemporaryError, match="no answer"):
        await send_words(work, claim, TemporaryError("no answer", uncertain=True))
    await send_words(work, claim)
    clock.turn(seconds=86_400)
    with pytest.raises(TemporaryError, match="may have arrived on") as caught:
        await send_words(work, claim)
    assert caught.value.uncertain
    assert (await work.job()).send_attempted


async def test_words_that_were_refused_are_sent_on_another_day(work: Work, clock: FakeClock) -> None:
    claim = await work.claimed()
    with pytest.raises(TemporaryError, match="throttled"):
        await send_words(work, claim, TemporaryError("throttled"))
    assert "words_sent" not in (await work.job()).payload
    clock.turn(seconds=86_400)
    await send_words(work, claim)


async def test_a_refusal_after_a_lost_answer_leaves_it_open_whether_words_arrived(work: Work) -> None:
    claim = await work.claimed()
    for error in (TemporaryError("no answer", uncertain=True), TemporaryError("throttled")):
        with pytest.raises(TemporaryError, match=str(error)):
            await send_words(work, claim, error)
    assert "words_sent" in (await work.job()).payload


async def test_a_decision_is_stored_before_it_is_acted_on(work: Work) -> None:
    await work.jobs.add(make_job(id="work:0", kind="work", payload={"a": 1, "b": 2, "c": 3}, due_at=EARLIER))
    claim = await work.claimed()
    await claim.update_payload({"b": 5, "d": 4}, without=["a"])
    job = await work.store.find_job("work:0")
    assert job == claim.job
    assert job.payload == {"b": 5, "c": 3, "d": 4}


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("marker", [True, False, None])
async def test_a_decision_moves_the_marker_only_if_it_says_so(
    work: Work, marked: bool, marker: bool | None
) -> None:
    claim = await work.claimed()
    await claim.save(send_attempted=marked)
    await claim.update_payload({"route": "webhook"}, marker=marker)
    assert (await work.job()).send_attempted is (marked if marker is None else marker)


async def test_a_decision_of_a_lost_claim_is_not_acted_on(work: Work, clock: FakeClock) -> None:
    claim = await work.claimed()
    clock.turn(seconds=10)
    await work.claimed()
    with pytest.raises(TemporaryError, match=r"^the claim was lost$"):
        await claim.update_payload({"route": "webhook"})
    assert (await work.job()).payload == {}
